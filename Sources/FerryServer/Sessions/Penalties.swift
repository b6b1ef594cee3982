package import NIOCore
import Synchronization

/// Slows down addresses whose logins fail: each failure doubles the wait before the next refusal is answered.
/// Addresses are counted as ``SocketAddress/network`` says.
package final class Penalties: Sendable {
    /// Addresses remembered; beyond that the table starts anew, which costs an attacker that many addresses.
    package static let capacity = 4096

    private let waits: Mutex<(first: TimeAmount, most: TimeAmount)>
    private let failures = Mutex<[String: Int]>([:])

    /// - Parameters:
    ///   - first: the wait after the first failure.
    ///   - most: where doubling ends; below the handshake deadline, or the answer never arrives.
    package init(first: TimeAmount, most: TimeAmount) {
        self.waits = Mutex((first, most))
    }

    /// Changes how long failures from now on wait; parameters as of the initializer.
    package func set(first: TimeAmount, most: TimeAmount) { self.waits.withLock { $0 = (first, most) } }

    /// Notes a failure and returns how long its answer waits.
    package func failed(_ network: String) -> TimeAmount {
        let count = self.failures.withLock { failures in
            if failures.count >= Self.capacity, failures[network] == nil { failures.removeAll() }
            failures[network, default: 0] += 1
            return failures[network, default: 1]
        }
        let (first, most) = self.waits.withLock { $0 }
        let (wait, overflow) = first.nanoseconds.multipliedReportingOverflow(by: 1 << Int64(min(count - 1, 30)))
        return overflow ? most : min(.nanoseconds(wait), most)
    }

    /// Forgets the failures of an address that has logged in.
    package func succeeded(_ network: String) {
        self.failures.withLock { _ = $0.removeValue(forKey: network) }
    }
}
