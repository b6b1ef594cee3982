import FerryCatalog
import FerryTransport
import FoundationEssentials
import Synchronization

/// The tickets by which further connections of the same user may join transfers: each lets one in, once, while its
/// transfer runs.
package final class Tickets: Sendable {
    /// Where a ticket leads.
    struct Entry: Sendable {
        let runner: OperationRunner
        /// Which of the transfer's tickets it is, from 1.
        let number: Int
        /// Whose transfer it is.
        let session: Session
        let user: Name
    }

    private struct State {
        var limit: Int
        var entries: [Data: Entry] = [:]
        var issued: [ObjectIdentifier: [Data]] = [:]
    }

    /// Bytes of a ticket: nobody guesses so many.
    private static let length = 32

    private let state: Mutex<State>

    /// - Parameter limit: tickets for one transfer.
    package init(limit: Int) { self.state = Mutex(State(limit: limit)) }

    /// Changes how many tickets transfers get from now on.
    func setLimit(_ limit: Int) { self.state.withLock { $0.limit = limit } }

    /// How many could be redeemed.
    package var count: Int { self.state.withLock { $0.entries.count } }

    /// Makes tickets for a transfer that runs.
    ///
    /// - Parameters:
    ///   - wished: how many would be used.
    ///   - runner: the transfer's.
    ///   - session: whose transfer it is.
    ///   - user: who may use them.
    /// - Returns: the tickets, in the order of their numbers.
    func issue(_ wished: Int, for runner: OperationRunner, of session: Session, _ user: Name) -> [Data] {
        self.state.withLock { state in
            let tickets = (0..<min(wished, state.limit)).map { _ in Self.random() }
            for (index, ticket) in tickets.enumerated() {
                state.entries[ticket] = Entry(runner: runner, number: index + 1, session: session, user: user)
            }
            state.issued[ObjectIdentifier(session)] = tickets
            return tickets
        }
    }

    /// Takes a ticket.
    ///
    /// - Parameters:
    ///   - ticket: as it came.
    ///   - user: who has it.
    /// - Returns: where it leads; nil if it is not good, or is somebody else's.
    func redeem(_ ticket: Data, user: Name) -> Entry? {
        self.state.withLock { state in
            guard let entry = state.entries[ticket], entry.user == user else { return nil }
            state.entries[ticket] = nil
            return entry
        }
    }

    /// A session's transfer is over, and with it its tickets.
    func forget(_ session: Session) {
        self.state.withLock { state in
            for ticket in state.issued.removeValue(forKey: ObjectIdentifier(session)) ?? [] {
                state.entries[ticket] = nil
            }
        }
    }

    private static func random() -> Data {
        var generator = SystemRandomNumberGenerator()
        return Data((0..<self.length).map { _ in UInt8.random(in: .min ... .max, using: &generator) })
    }
}
