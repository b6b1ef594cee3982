package enum FerryServerStub {}
