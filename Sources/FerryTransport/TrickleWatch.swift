package import NIOCore

/// Tells whether a peer has begun a frame and only trickles the rest of it, which keeps a connection, and what was
/// granted to it, for as long as it likes. Silence is measured elsewhere; this is what a byte now and then would evade.
package struct TrickleWatch {
    /// Bytes per second below which nobody moves files: the slowest modem is faster.
    private static let slowest: Int64 = 256

    private var start: NIODeadline?
    private var bytes: Int64 = 0

    package init() {}

    /// Bytes have come.
    ///
    /// - Parameters:
    ///   - count: how many.
    ///   - endsFrames: whether they completed a frame.
    ///   - isAtBoundary: whether the last frame is complete.
    ///   - now: when they came.
    package mutating func received(_ count: Int, endsFrames: Bool, isAtBoundary: Bool, now: NIODeadline) {
        if isAtBoundary || endsFrames || self.start == nil {
            self.start = isAtBoundary ? nil : now
            self.bytes = 0
        } else {
            self.bytes += Int64(count)
        }
    }

    /// Begins anew: it was this side that did not read.
    package mutating func restart(now: NIODeadline) {
        if self.start != nil { self.start = now }
        self.bytes = 0
    }

    /// - Parameters:
    ///   - patience: how long a frame may take at any speed.
    ///   - now: the moment that is asked about.
    /// - Returns: whether one takes longer, and comes more slowly than anyone would send it.
    package func isTrickling(patience: TimeAmount, now: NIODeadline) -> Bool {
        guard let start = self.start, now - start > patience else { return false }
        return self.bytes < (now - start).nanoseconds / 1_000_000_000 * Self.slowest + Self.slowest
    }
}
