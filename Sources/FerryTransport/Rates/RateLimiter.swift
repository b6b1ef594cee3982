package import NIOCore
import Synchronization

/// A limit on the bytes per second, each way, of all connections that share it.
package final class RateLimiter: Sendable {
    package enum Direction: Sendable { case received, sent }

    private struct State {
        var rate: Int?
        var received = TokenBucket()
        var sent = TokenBucket()
    }

    private let state: Mutex<State>
    private let clock: @Sendable () -> NIODeadline

    /// - Parameters:
    ///   - rate: bytes per second, above zero; nil for no limit.
    ///   - clock: the time.
    package init(rate: Int? = nil, clock: @escaping @Sendable () -> NIODeadline = { .now() }) {
        self.state = Mutex(State(rate: rate))
        self.clock = clock
    }

    package var rate: Int? { self.state.withLock { $0.rate } }

    /// Changes the rate, also of what runs.
    ///
    /// - Parameter rate: bytes per second, above zero; nil for no limit.
    package func setRate(_ rate: Int?) { self.state.withLock { $0.rate = rate } }

    /// Bytes to take at a time; `Int.max` without a limit.
    package var piece: Int { self.rate.map(TokenBucket.piece(rate:)) ?? .max }

    /// Takes bytes that are to be sent, or were received.
    ///
    /// - Returns: what to wait for; nil if nothing limits them.
    package func take(_ bytes: Int, _ direction: Direction) -> Toll? {
        let now = self.clock()
        return self.state.withLock { state in
            guard let rate = state.rate else { return nil }
            let paid =
                switch direction {
                case .received: state.received.take(bytes, rate: rate, now: now)
                case .sent: state.sent.take(bytes, rate: rate, now: now)
                }
            return Toll(bytes: bytes, paid: paid, clock: self.clock)
        }
    }
}

/// Bytes that were taken from a ``RateLimiter``, and when they are paid for.
package struct Toll: Sendable {
    let bytes: Int
    fileprivate let paid: NIODeadline
    fileprivate let clock: @Sendable () -> NIODeadline

    /// How long to wait; nil once they may go.
    package var wait: TimeAmount? {
        let left = self.paid - self.clock()
        return left > .zero ? left : nil
    }
}

extension [RateLimiter] {
    /// Bytes to take at a time under all of them.
    var piece: Int { self.map(\.piece).min() ?? .max }

    /// Takes bytes from each.
    ///
    /// - Returns: the longest wait; nil if none limits.
    func take(_ bytes: Int, _ direction: RateLimiter.Direction) -> Toll? {
        self.compactMap { $0.take(bytes, direction) }.max { $0.paid < $1.paid }
    }
}
