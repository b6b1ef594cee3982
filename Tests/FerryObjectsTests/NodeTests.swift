import FerryChunking
import FerryErrors
import FerryObjects
import Testing

@Suite struct NodeTests {
    @Test func aNodeIsReadAsItWasWritten() throws {
        let refs = (0..<3).map { ObjectKey($0 == 1 ? .node : .data, ChunkID.hashing([UInt8($0)])) }
        let node = Node(refs: refs, content: [1, 2, 3])
        #expect(try Node(node.encoded) == node)
    }
}
