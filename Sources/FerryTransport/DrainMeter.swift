import NIOCore

/// How fast the kernel takes what is queued for a socket: an average over the time in which something was queued.
struct DrainMeter {
    private var busySince: NIODeadline?
    private var bytes = 0.0
    private var seconds = 0.0

    /// Bytes per second, or nil before a quarter of a MiB has drained.
    var bytesPerSecond: Double? {
        self.bytes >= 262_144 && self.seconds > 0 ? self.bytes / self.seconds : nil
    }

    /// Something was queued.
    mutating func started(now: NIODeadline = .now()) {
        if self.busySince == nil { self.busySince = now }
    }

    /// The kernel took `count` bytes; `isEmpty` if nothing remains queued.
    mutating func drained(_ count: Int, isEmpty: Bool, now: NIODeadline = .now()) {
        guard let since = self.busySince else { return }
        self.bytes += Double(count)
        self.seconds += Double((now - since).nanoseconds) / 1e9
        self.busySince = isEmpty ? nil : now
        // Forget half from time to time, so that the figure follows a link that changes.
        if self.bytes > 32 * 1_048_576 {
            self.bytes /= 2
            self.seconds /= 2
        }
    }
}
