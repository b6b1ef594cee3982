import FerryChunking
import FerryErrors
import FerryProtocol
import FerryTestKit
import FerryTransfer
import FerryWire
import FoundationEssentials
import NIOCore
import Testing

/// What a receiver's answers, damaged, make of a sender: at the client and at the daemon.
@Suite struct SenderFuzzTests {
    /// A receiver that answers as it should, and judges what it is sent.
    private final class Receiver {
        private(set) var wanted: [ChunkID] = []
        private(set) var sent: [ChunkID] = []
        private(set) var inFlight = 0
        private(set) var end: WireEnd?

        /// The answer to a frame.
        func answer(_ frame: Frame) throws -> [Frame] {
            switch frame.body {
            case .names(let names):
                return [.wants(decided: names.lengths.count, ids: names.ids)]
            case .block(let block):
                self.sent += try ChunkID.unpack(block.ids)
                self.inFlight += frame.payload.readableBytes
                return [.credit(frame.payload.readableBytes)]
            case .end(let end):
                try hold(self.end == nil, "the recipe ends twice")
                self.end = end
                return [.finished(digest: end.digest, size: end.size)]
            default: throw Broken(description: "the sender sent \(frame)")
            }
        }

        /// An answer that the sender took.
        func taken(_ answer: Frame) throws {
            if case .wants(let wants) = answer.body { self.wanted += try ChunkID.unpack(wants.ids) }
            if case .credit(let credit) = answer.body { self.inFlight -= Int(credit.bytes) }
        }

        /// Chunks travel in the order of the wants, each as often as it is wanted and no oftener.
        func judge(_ limits: FrameLimits) throws {
            try hold(self.sent == Array(self.wanted.prefix(self.sent.count)), "chunks are sent that nobody wants")
            try hold(self.inFlight >= 0, "more was credited than was sent")
            try hold(self.inFlight <= limits.blockWindow, "\(self.inFlight) bytes are in flight")
        }
    }

    @Test func aSenderSendsWhatIsWantedAndNothingElse() throws {
        let script = try Script(["wants", "credit", "finished"])
        var noise = SeededGenerator(seed: 7)
        let bytes = noise.bytes(200_000)
        let limits = FrameLimits(blockWindow: 1 << 20, nameWindow: 16)
        var finished = 0
        try Script.run(500) { generator in
            let sender = FileSender(
                source: Source(bytes),
                parameters: try GearChunker.Parameters(average: 16 << 10),
                compression: .off,
                limits: limits,
                allowsAhead: true
            )
            let (sink, receiver) = (Sink(), Receiver())
            var hadFinished: WireFinished?
            do {
                var progress = Progress.more
                while progress != .finished {
                    progress = try sender.proceed(sink: sink)
                    var answers = try sink.frames.flatMap { try receiver.answer($0) }
                    sink.frames = []
                    if generator.oneIn(12) {
                        answers = answers.compactMap { script.damaged($0, &generator) }
                    }
                    for answer in answers {
                        try sender.received(answer)
                        try receiver.taken(answer)
                        if case .finished(let finished) = answer.body { hadFinished = finished }
                    }
                    try receiver.judge(limits)
                    // A lost answer leaves both waiting; only a deadline could tell.
                    if progress == .waiting, answers.isEmpty { break }
                }
                if progress == .finished {
                    finished += 1
                    let isTold = receiver.end?.digest == hadFinished?.digest && hadFinished?.size == 200_000
                    try hold(isTold, "it is finished, and the receiver has not said so")
                }
            } catch let error as FerryError {
                try error.judge()
            }
        }
        #expect(finished > 20)
    }
}
