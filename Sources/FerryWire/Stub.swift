package enum FerryWireStub {}
