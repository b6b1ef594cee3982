package enum FerryProtocolStub {}
