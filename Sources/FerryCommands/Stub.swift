package enum FerryCommandsStub {}
