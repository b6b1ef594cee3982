package enum FerryClientStub {}
