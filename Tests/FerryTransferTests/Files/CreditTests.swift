import FerryChunking
import FerryProtocol
import FerryTestKit
import FerryTransfer
import FerryWire
import NIOCore
import Synchronization
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

    /// What is withheld makes the window smaller, and is given back; whatever is asked for, the largest block fits.
    @Test(arguments: [0, 1, 1 << 20, 2 << 20, (4 << 20) - 1, 4 << 20, 8 << 20]) func aSmallerWindowHolds(
        _ window: Int
    ) throws {
        let limits = FrameLimits()
        var outstanding = 0
        // As a sender that always has more: blocks of all sizes, the largest among them.
        for payload in [1, 1 << 20, 100_000, 1 << 20, 1 << 20, 7, 256 << 10, 1 << 20]
            + [Int](repeating: 300_000, count: 40)
        {
            #expect(outstanding + payload <= limits.blockWindow)
            outstanding += payload
            let credit = limits.credit(for: outstanding, window: window)
            #expect(credit >= 0 && credit <= outstanding)
            outstanding -= credit
        }
        let withheld = min(max(0, limits.blockWindow - window), limits.blockWindow - limits.payload - 256 << 10)
        #expect(outstanding >= withheld && outstanding < withheld + limits.creditStep)
        #expect(
            limits.credit(for: outstanding, window: limits.blockWindow) == (outstanding >= 1 << 20 ? outstanding : 0)
        )
    }

    @Test func aTransferEndsWhateverTheWindowIsMeanwhile() throws {
        let seed = UInt64.random(in: .min ... .max)
        var generator = SeededGenerator(seed: seed)
        let windows = (0..<97).map { _ in Int.random(in: 0...5 << 20, using: &generator) }
        let next = Atomic(0)
        let bytes = generator.bytes(24 << 20)
        let destination = MemoryDestination()
        let pair = try TransferPair(
            MemorySource(bytes),
            destination,
            average: 256 << 10,
            window: { windows[next.add(1, ordering: .relaxed).oldValue % windows.count] }
        )
        try pair.run(&generator)
        #expect(destination.committed == bytes, "seed \(seed)")
    }

    /// Takes everything and passes nothing on.
    // SAFETY: used by one thread.
    private final class StuckSink: FrameSink, @unchecked Sendable {
        var names: [WireNames] = []
        var queuedBytes = 0
        var uncredited = 0
        let drainRate: Double? = nil

        func send(_ frame: Frame) {
            if case .names(let names) = frame.body { self.names.append(names) }
            self.queuedBytes += frame.payload.readableBytes
            self.uncredited += frame.payload.readableBytes
        }

        func wake() {}
    }
}
