package enum FerryTransportStub {}
