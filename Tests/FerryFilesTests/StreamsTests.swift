import FerryErrors
import FerryFiles
import Foundation
import Glibc
import Testing

@Suite struct StreamsTests {
    /// Far more than a connection holds, so that both sides have to wait; with descriptors that do not block, too.
    @Test(.timeLimit(.minutes(5)), arguments: [false, true])
    func carriesEverything(isNonBlocking: Bool) throws {
        let text = String(repeating: "0123456789", count: 100_000)
        let (reader, writer) = try isNonBlocking ? makeSocketPair(flags: SOCK_NONBLOCK) : makeSocketPair()
        let source = StreamSource(Descriptor(adopting: reader), name: "in")
        #expect(source.knownSize == nil)
        // A thread of its own: the wait must not take one of the pool's. Its end is the end of the stream.
        Thread.detachNewThread {
            let sink = StreamSink(Descriptor(adopting: writer), name: "out")
            try? sink.write(text)
        }
        #expect(try source.readAll(step: 70_000) == text)
    }

    @Test func reportsAReaderThatWentAway() throws {
        signal(SIGPIPE, SIG_IGN)
        let (reader, writer) = try makeSocketPair()
        close(reader)
        let sink = StreamSink(Descriptor(adopting: writer), name: "out")
        #expect(failure { try sink.write("x") }?.code == .inputOutput)
    }
}

extension StreamSink {
    fileprivate func write(_ text: String) throws(FerryError) {
        try Array(text.utf8).span.withUnsafeBytes { bytes throws(FerryError) in try self.write(bytes) }
    }
}
