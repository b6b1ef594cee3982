package enum FerryFilesStub {}
