import FerryErrors
import FerryProtocol
import FerryTransfer
import FerryWire
import FoundationEssentials
import Testing

/// A sender that writes without reading: what answers it may not pile up.
@Suite struct UnreadAnswersTests {
    @Test func answersAtTheirLimitAndOneBytePast() throws {
        let receiver = FileReceiver(destination: MemoryDestination(), announcedSize: nil, limits: FrameLimits())
        let names = Frame.names(ids: Data(repeating: 1, count: 32), lengths: [1])
        let sink = MemorySink()
        sink.queuedBytes = 4 << 20
        try receiver.received(names, sink: sink)
        #expect(try receiver.proceed(sink: sink) == .waiting)
        #expect(sink.frames.count == 1)
        sink.queuedBytes += 1
        #expect { try receiver.received(names, sink: sink) } throws: { ($0 as? FerryError)?.code == .limit }
        #expect(sink.frames.count == 1)
    }
}
