import Dispatch
import Synchronization

/// Makes elements on a thread of its own, a few ahead of whoever takes them: so that reading, cutting and hashing go on while
/// the taker writes and waits for the disk.
///
/// A push over an old version, of which each of these took a third of the time, went from 570 to 620 MB/s (2 cores, both busy with both ends).
final class Ahead<Element: Sendable>: Sendable {
    private struct State {
        var elements: [Element] = []
        var isAtEnd = false
        var isStopped = false
    }

    private let state = Mutex(State())
    private let made = DispatchSemaphore(value: 0)
    private let room = DispatchSemaphore(value: 0)

    /// - Parameters:
    ///   - depth: elements that may wait.
    ///   - make: makes the next one; nil at the end. Called on one thread, until ``stop()``.
    init(depth: Int, _ make: sending @escaping () -> Element?) {
        // Counted up from 0: a semaphore traps where it goes with less than it began with.
        for _ in 0..<depth { self.room.signal() }
        let make = Once(make)
        DispatchQueue(label: "ferry.ahead").async {
            guard let make = make.take() else { return }
            while true {
                self.room.wait()
                guard !self.state.withLock({ $0.isStopped }) else { return }
                let element = make()
                self.state.withLock { state in
                    if let element { state.elements.append(element) } else { state.isAtEnd = true }
                }
                self.made.signal()
                guard element != nil else { return }
            }
        }
    }

    /// Takes the next element, and waits for it.
    ///
    /// - Returns: nil at the end.
    func next() -> Element? {
        if self.state.withLock({ $0.isAtEnd && $0.elements.isEmpty }) { return nil }
        self.made.wait()
        defer { self.room.signal() }
        return self.state.withLock { $0.elements.isEmpty ? nil : $0.elements.removeFirst() }
    }

    /// Nobody takes any more; the thread ends after the element that it is at. Called once, before the last reference goes.
    func stop() {
        self.state.withLock { $0.isStopped = true }
        self.room.signal()
    }

    /// Hands the closure to the thread.
    private final class Once: Sendable {
        // SAFETY: taken once, by the thread that it was sent to.
        private nonisolated(unsafe) var make: (() -> Element?)?
        init(_ make: sending @escaping () -> Element?) { unsafe self.make = make }
        func take() -> (() -> Element?)? {
            defer { unsafe self.make = nil }
            return unsafe self.make
        }
    }
}
