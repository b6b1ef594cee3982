import FerryErrors
import FerryFiles
import Glibc
import Testing

/// A connection ends when its last writer is closed: that shows whether a descriptor was, without its number, which another
/// test may have by then.
@Suite(.timeLimit(.minutes(5))) struct DescriptorTests {
    private func connection() throws -> (source: StreamSource, writer: Int32) {
        let (reader, writer) = try makeSocketPair()
        return (StreamSource(Descriptor(adopting: reader), name: "connection"), writer)
    }

    @Test func closesAtTheEndOfItsLife() throws {
        let (source, writer) = try self.connection()
        do {
            let descriptor = Descriptor(adopting: writer)
            #expect(descriptor.raw == writer)
        }
        #expect(try source.readAll() == "")
    }

    @Test func closesWhenAsked() throws {
        let (source, writer) = try self.connection()
        try Descriptor(adopting: writer).close()
        #expect(try source.readAll() == "")
    }

    @Test func reportsWhatClosingSays() {
        let error = failure { try Descriptor(adopting: -1).close() }
        #expect(error?.code == .inputOutput)
    }
}
