import Synchronization

/// A clock that says what it is told to.
final class Times: Sendable {
    private let rest: Mutex<[(seconds: Int64, nanoseconds: UInt32)]>

    init(_ times: [(seconds: Int64, nanoseconds: UInt32)]) { self.rest = Mutex(times) }

    func next() -> (seconds: Int64, nanoseconds: UInt32) {
        self.rest.withLock { $0.isEmpty ? (0, 0) : $0.removeFirst() }
    }
}
