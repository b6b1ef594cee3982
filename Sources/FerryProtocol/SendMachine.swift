package import FerryChunking
package import FerryErrors
package import FerryWire
import NIOCore

/// The sending side of one transfer: which names are undecided, which windows are open, and when it is complete.
///
/// Pure: it is told what was sent and received, and answers what may be sent next. Bytes are the caller's.
package struct SendMachine {
    private enum State: Equatable {
        case sending
        case ended(digest: ChunkID, size: UInt64)
        case finished
    }

    private let limits: FrameLimits
    private let allowsAhead: Bool
    private var state = State.sending
    /// Names that the receiver has not decided, in order.
    private var undecided = UndecidedQueue<ChunkID>()
    /// Names that are undecided, or wanted and not yet sent: what the receiver must remember.
    private var outstandingNames = 0
    /// Payload bytes sent and not yet credited.
    private var outstandingBytes = 0

    /// - Parameters:
    ///   - limits: what the receiver announced.
    ///   - allowsAhead: whether the receiver may leave names undecided and decide those behind them.
    package init(limits: FrameLimits, allowsAhead: Bool = false) {
        self.limits = limits
        self.allowsAhead = allowsAhead
    }

    /// How many names may be sent now.
    package var allowedNames: Int { min(self.limits.nameWindow - self.outstandingNames, WireConstants.namesPerFrame) }

    /// Names that wait for the receiver's decision.
    package var undecidedNames: Int { self.undecided.count }

    /// Payload bytes that are on their way or being consumed.
    package var inFlight: Int { self.outstandingBytes }

    /// True once the receiver has confirmed the whole transfer.
    package var isFinished: Bool { self.state == .finished }

    /// True if a block of `payload` bytes fits the window; with nothing in flight every legal block does.
    package func allowsBlock(payload: Int) -> Bool {
        self.outstandingBytes == 0 || self.outstandingBytes + payload <= self.limits.blockWindow
    }

    /// Notes that these names were sent.
    package mutating func namesSent(_ ids: some Collection<ChunkID>) {
        assert(self.state == .sending && ids.count <= self.allowedNames)
        self.undecided.append(contentsOf: ids)
        self.outstandingNames += ids.count
    }

    /// Notes that a block with this many chunks was sent.
    package mutating func blockSent(chunks: Int, payload: Int) {
        self.outstandingNames -= chunks
        self.outstandingBytes += payload
    }

    /// Notes that blocks with this many chunks have come to their end on a joined connection: what is sent there may be
    /// overtaken by names, so that the names of its chunks are outstanding until then.
    package mutating func blocksArrived(chunks: Int) { self.outstandingNames -= chunks }

    /// Notes that the recipe was completed.
    package mutating func endSent(digest: ChunkID, size: UInt64) {
        self.state = .ended(digest: digest, size: size)
    }

    /// Applies the receiver's decisions.
    ///
    /// - Parameter wants: which of the next names it lacks.
    /// - Returns: how many of the undecided names stay so, at the front, and for each decided name behind them, in order,
    ///   whether it is wanted.
    /// - Throws: `.violation` if it decides more names than were sent, or ahead where it may not, or wants one that was not
    ///   named.
    package mutating func wantsReceived(_ wants: WireWants) throws(FerryError) -> (after: Int, decisions: [Bool]) {
        let (after, decided) = (Int(wants.after), Int(wants.decided))
        let ids = try ChunkID.unpack(wants.ids)
        guard after == 0 || self.allowsAhead else {
            throw FerryError(.violation, "the receiver decided names out of their order")
        }
        guard after + decided <= self.undecided.count, ids.count <= decided else {
            throw FerryError(.violation, "the receiver decided \(after + decided) names of \(self.undecided.count)")
        }
        var next = 0
        var decisions: [Bool] = []
        decisions.reserveCapacity(decided)
        for id in self.undecided.remove(decided, after: after) {
            let isWanted = next < ids.count && id == ids[next]
            if isWanted { next += 1 } else { self.outstandingNames -= 1 }
            decisions.append(isWanted)
        }
        guard next == ids.count else {
            throw FerryError(.violation, "the receiver wants a chunk that was not named")
        }
        return (after, decisions)
    }

    /// Opens the window again.
    ///
    /// - Throws: `.violation` if more is credited than was sent.
    package mutating func creditReceived(_ credit: WireCredit) throws(FerryError) {
        guard Int(credit.bytes) <= self.outstandingBytes else {
            throw FerryError(.violation, "the receiver credits \(credit.bytes) bytes of \(self.outstandingBytes) sent")
        }
        self.outstandingBytes -= Int(credit.bytes)
    }

    /// The receiver says that it has everything.
    ///
    /// - Throws: `.violation` if the recipe was not complete, `.integrity` if it got something else than was sent.
    package mutating func finishedReceived(_ finished: WireFinished) throws(FerryError) {
        guard case .ended(let digest, let size) = self.state else {
            throw FerryError(.violation, "the receiver finished before the recipe was complete")
        }
        guard ChunkID(bytes: finished.digest) == digest, finished.size == size else {
            throw FerryError(
                .integrity,
                "the receiver's digest of \(finished.size) bytes differs from ours of \(size)",
                remedy: "transfer the file again; if it happens twice, check the memory of both machines"
            )
        }
        self.state = .finished
    }
}
