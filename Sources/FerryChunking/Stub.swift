package enum FerryChunkingStub {}
