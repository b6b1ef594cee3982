import FerryChunking
import FerryProtocol
import FerryTransfer
import FerryWire
import NIOCore
import Testing

@Suite struct CreditTests {
    /// A receiver that grants credit for what it cannot have read must not make the sender queue more than a window.
    @Test func creditForWhatHasNotLeftMakesTheSenderHoldNoMore() throws {
        let sink = StuckSink()
        let limits = FrameLimits()
        let sender = FileSender(
            source: MemorySource([UInt8](repeating: 0, count: 64 << 20)),
            parameters: .forShare(oldSize: nil),
            compression: .off,
            limits: limits
        )
        var answered = 0
        for _ in 0..<1000 {
            while try sender.proceed(sink: sink) == .more {}
            for names in sink.names.dropFirst(answered) {
                try sender.received(.wants(decided: names.lengths.count, ids: names.ids))
            }
            answered = sink.names.count
            let payload = sink.uncredited
            sink.uncredited = 0
            if payload > 0 { try sender.received(.credit(payload)) }
        }
        #expect(sink.queuedBytes > limits.blockWindow / 2)
        #expect(sink.queuedBytes < limits.blockWindow + 2 * limits.payload)
    }

    /// Takes everything and passes nothing on.
    private final class StuckSink: FrameSink {
        var names: [WireNames] = []
        var queuedBytes = 0
        var uncredited = 0
        let drainRate: Double? = nil

        func send(_ frame: Frame) {
            if case .names(let names) = frame.body { self.names.append(names) }
            self.queuedBytes += frame.payload.readableBytes
            self.uncredited += frame.payload.readableBytes
        }
    }
}
