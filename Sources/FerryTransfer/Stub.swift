package enum FerryTransferStub {}
