import FerryErrors
import FerryProtocol
import FerryWire
import NIOCore

/// The joined connections of a sender: each next block goes where least is queued.
struct SendLanes {
    private struct Lane {
        let sink: any FrameSink
        var blocks: JoinedBlocks
    }

    /// Bytes queued on a connection at which no block is added while there are others: what waits on a slow one in the end
    /// is waited for, and on the first one names wait behind.
    private static let queueLimit = 1 << 20
    private static let shortQueueLimit = 256 << 10

    private let window: Int
    private var joined: [Int: Lane] = [:]
    /// What lost connections carried. It goes on the first one, the loss of which ends the transfer: then nothing is sent a
    /// third time.
    private var again = CircularBuffer<Frame>()

    /// - Parameter window: bytes that may be in flight on each of them.
    init(window: Int) { self.window = window }

    var count: Int { self.joined.count }

    /// Whether all that was sent on joined connections has arrived.
    var areDone: Bool { self.again.isEmpty && self.joined.values.allSatisfy(\.blocks.isEmpty) }

    var sinks: [any FrameSink] { self.joined.values.map(\.sink) }

    mutating func join(_ number: Int, _ sink: any FrameSink) {
        self.joined[number] = Lane(sink: sink, blocks: JoinedBlocks(window: self.window))
    }

    mutating func lose(_ number: Int) {
        guard let lane = self.joined.removeValue(forKey: number) else { return }
        self.again += lane.blocks.again(number)
    }

    /// - Returns: how many chunks have arrived by this credit.
    mutating func creditReceived(_ credit: WireCredit, from number: Int) throws(FerryError) -> Int {
        try self.joined[number]?.blocks.creditReceived(credit) ?? 0
    }

    /// The next block that goes on the first connection because another one was lost with it; nil if there is none that
    /// `allows`.
    mutating func nextAgain(_ allows: (Int) -> Bool) -> Frame? {
        guard let first = self.again.first, allows(first.payload.readableBytes) else { return nil }
        return self.again.popFirst()
    }

    /// Where the next block is to go: where least is queued, and then where least is on its way.
    ///
    /// - Parameters:
    ///   - length: of the block.
    ///   - first: bytes queued and on their way on the first connection; nil if its window is full.
    /// - Returns: a joined connection or 0; nil if there is no room anywhere.
    func choice(length: Int, first: (queued: Int, inFlight: Int)?) -> Int? {
        guard !self.joined.isEmpty else { return first == nil ? nil : 0 }
        var best = first.flatMap { $0.queued < Self.shortQueueLimit ? (number: 0, load: $0) : nil }
        for (number, lane) in self.joined where lane.blocks.allowsBlock(payload: length) {
            let load = (queued: lane.sink.queuedBytes, inFlight: lane.blocks.inFlight)
            let limit = ContentSender.isSlow(lane.sink) ? Self.shortQueueLimit : Self.queueLimit
            guard load.queued < limit, best.map({ load < $0.load }) ?? true else { continue }
            best = (number, load)
        }
        return best?.number
    }

    mutating func send(_ frame: Frame, on number: Int) {
        self.joined[number]?.sink.send(frame)
        self.joined[number]?.blocks.sent(frame)
    }
}
