import FerryTransport
import FerryWire
import NIOCore
import Synchronization

/// A session's part in the transfer of another session of the same user: it carries blocks. Used on its connection's event
/// loop.
final class JoinedTransfer: Sendable {
    private enum Phase {
        /// For its share of memory.
        case waiting
        case joined
        case left
    }

    private let entry: Tickets.Entry
    private let connection: FrameConnection
    private let budget: MemoryBudget
    private let reservation: MemoryBudget.Reservation
    private let phase = Mutex(Phase.waiting)

    /// - Parameters:
    ///   - entry: where its ticket leads.
    ///   - connection: the session's.
    ///   - budget: grants the memory.
    ///   - memory: bytes that it needs of that.
    init(_ entry: Tickets.Entry, _ connection: FrameConnection, budget: MemoryBudget, memory: Int) {
        self.entry = entry
        self.connection = connection
        self.budget = budget
        self.reservation = budget.reservation(memory)
    }

    /// Joins as soon as there is memory.
    ///
    /// - Parameter ended: called once the transfer is over, on any thread; not after ``leave()``.
    func start(ended: @escaping @Sendable () -> Void) {
        let loop = self.connection.channel.eventLoop
        self.budget.acquire(self.reservation) { loop.execute { self.granted(ended) } }
    }

    var restingSince: NIODeadline? { self.entry.runner.restingSince }

    /// Takes a frame that came here.
    ///
    /// - Returns: false if the client was not told yet that it may send any.
    func deliver(_ frame: Frame) -> Bool {
        guard self.phase.withLock({ $0 }) == .joined else { return false }
        self.entry.runner.deliver(frame, from: self.entry.number, on: self.connection)
        return true
    }

    func wake() { self.entry.runner.wake() }

    /// The connection is gone or about to end, or the transfer is over.
    func leave() {
        let before = self.phase.withLock { phase in
            defer { phase = .left }
            return phase
        }
        if before == .joined { self.entry.runner.lost(self.entry.number) }
        if before != .left { self.budget.release(self.reservation) }
    }

    private func granted(_ ended: @Sendable @escaping () -> Void) {
        let isAwaited = self.phase.withLock { phase in
            guard phase == .waiting else { return false }
            phase = .joined
            return true
        }
        guard isAwaited else { return }
        self.connection.send(.ready())
        if !self.entry.runner.join(self.entry.number, self.connection, ended: ended) { ended() }
    }
}
