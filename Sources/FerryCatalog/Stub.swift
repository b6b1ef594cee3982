package enum FerryCatalogStub {}
