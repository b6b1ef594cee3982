package import NIOCore

/// Spreads bytes over time: whoever takes some is told when they are paid for, and waits until then.
///
/// It keeps one moment only, up to which everything that was taken is paid. Takers are thereby served in their order,
/// however many they are, and none starves.
package struct TokenBucket: Sendable {
    /// What a bucket at rest has saved: 1/32 s. A second's bytes are thereby at most a thirtieth over the rate, and a
    /// timer that is late by some ms loses nothing.
    package static let burst = TimeAmount.nanoseconds(1_000_000_000 / 32)

    private var paid = NIODeadline.uptimeNanoseconds(0)

    package init() {}

    /// The size of pieces that neither come in jerks nor cost many timers: what a burst holds.
    ///
    /// - Parameter rate: bytes per second.
    /// - Returns: bytes, at least 1.
    package static func piece(rate: Int) -> Int {
        max(1, Int(Double(rate) * Double(self.burst.nanoseconds) / 1e9))
    }

    /// Takes bytes out.
    ///
    /// - Parameters:
    ///   - bytes: not negative.
    ///   - rate: bytes per second, above zero.
    ///   - now: not before the last call's.
    /// - Returns: the moment at which they are paid for; it has passed if they may go now.
    package mutating func take(_ bytes: Int, rate: Int, now: NIODeadline) -> NIODeadline {
        // A century is enough, and far from overflow.
        let cost = min(Double(bytes) / Double(rate) * 1e9, 3e18)
        self.paid = max(self.paid, now - Self.burst) + .nanoseconds(Int64(cost.rounded(.up)))
        return self.paid
    }
}
