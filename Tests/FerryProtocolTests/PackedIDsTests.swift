import FerryChunking
import FerryErrors
import FerryProtocol
import FoundationEssentials
import Testing

@Suite struct PackedIDsTests {
    @Test(arguments: [0, 1, 2, 1024]) func unpackingIsTheInverseOfPacking(_ count: Int) throws {
        let ids = (0..<count).map(id)
        let packed = ChunkID.pack(ids)
        #expect(packed.count == 32 * count)
        #expect(try ChunkID.unpack(packed) == ids)
    }

    @Test(arguments: [1, 31, 33, 63, 65]) func aFieldThatIsNoWholeNumberOfIdsIsRefused(_ length: Int) {
        expectFailure(.violation) { _ = try ChunkID.unpack(Data(repeating: 7, count: length)) }
    }

    @Test func aSliceIsUnpackedFromItsOwnStart() throws {
        let packed = ChunkID.pack([id(1), id(2), id(3)])
        #expect(try ChunkID.unpack(packed.dropFirst(32)) == [id(2), id(3)])
    }
}
