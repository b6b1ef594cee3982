package import NIOCore
import Synchronization

/// Slows down addresses whose logins fail: each failure doubles the wait before the next refusal is answered.
package final class Penalties: Sendable {
    /// Addresses remembered; beyond that the table starts anew, which costs an attacker that many addresses.
    package static let capacity = 4096

    private let first: TimeAmount
    private let most: TimeAmount
    private let failures = Mutex<[String: Int]>([:])

    /// - Parameters:
    ///   - first: the wait after the first failure.
    ///   - most: where doubling ends; below the handshake deadline, or the answer never arrives.
    package init(first: TimeAmount, most: TimeAmount) {
        self.first = first
        self.most = most
    }

    /// Notes a failure and returns how long its answer waits.
    package func failed(_ host: String) -> TimeAmount {
        let count = self.failures.withLock { failures in
            if failures.count >= Self.capacity, failures[host] == nil { failures.removeAll() }
            failures[host, default: 0] += 1
            return failures[host, default: 1]
        }
        let (wait, overflow) = self.first.nanoseconds.multipliedReportingOverflow(by: 1 << Int64(min(count - 1, 30)))
        return overflow ? self.most : min(.nanoseconds(wait), self.most)
    }

    /// Forgets the failures of an address that has logged in.
    package func succeeded(_ host: String) {
        self.failures.withLock { _ = $0.removeValue(forKey: host) }
    }
}
