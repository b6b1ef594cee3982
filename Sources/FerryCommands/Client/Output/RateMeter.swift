/// The rate of the last seconds, and what it says about the rest.
package struct RateMeter: Sendable {
    /// Seconds that the rate looks back: long enough to be calm, short enough to be true.
    private static let window = 5.0
    /// Seconds between two samples that are kept.
    private static let step = 0.1

    private var samples: [(time: Double, bytes: UInt64)] = []

    package init() {}

    /// Notes how far the work is.
    ///
    /// - Parameters:
    ///   - bytes: done so far.
    ///   - time: seconds on any clock that does not go back.
    package mutating func add(_ bytes: UInt64, at time: Double) {
        if let last = self.samples.last, time - last.time < Self.step { return }
        self.samples.append((time, bytes))
        // One sample from before the window stays, so that the window is always covered.
        while self.samples.count > 2, time - self.samples[1].time >= Self.window { self.samples.removeFirst() }
    }

    /// Bytes per second.
    ///
    /// - Parameters:
    ///   - bytes: done so far.
    ///   - time: now.
    /// - Returns: 0 while nothing is known.
    package func rate(_ bytes: UInt64, at time: Double) -> Double {
        guard let first = self.samples.first, time > first.time, bytes >= first.bytes else { return 0 }
        return Double(bytes - first.bytes) / (time - first.time)
    }

    /// Seconds until `rest` bytes more are done at the present rate.
    ///
    /// - Parameters:
    ///   - rest: bytes to do.
    ///   - bytes: done so far.
    ///   - time: now.
    /// - Returns: nil while there is no rate.
    package func remaining(_ rest: UInt64, from bytes: UInt64, at time: Double) -> Double? {
        let rate = self.rate(bytes, at: time)
        return rate > 0 ? Double(rest) / rate : nil
    }
}
