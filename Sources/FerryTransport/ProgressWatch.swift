package import NIOCore

/// Tells for how long only the peer could have gone on, and did not.
package struct ProgressWatch {
    private var last: (since: NIODeadline, start: NIODeadline)?

    package init() {}

    /// - Parameters:
    ///   - since: when the peer's turn began; nil if it is not its turn.
    ///   - now: the time of this look.
    /// - Returns: the time for which looks have found the same turn, without what this side rested.
    package mutating func look(at since: NIODeadline?, now: NIODeadline) -> TimeAmount {
        guard let since else {
            self.last = nil
            return .zero
        }
        if let last = self.last, last.since == since { return now - last.start }
        self.last = (since, now)
        return .zero
    }

    /// This side did not read for a while: the peer could not go on.
    package mutating func rested(_ time: TimeAmount) {
        if let last = self.last { self.last = (last.since, last.start + time) }
    }
}
