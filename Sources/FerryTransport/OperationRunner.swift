package import FerryErrors
package import FerryProtocol
package import FerryWire
package import NIOCore
package import NIOPosix
import Synchronization

/// Runs one ``FrameOperation`` on a thread pool, a piece at a time and never concurrently with itself, whenever
/// frames have arrived, the connection has drained, or work elsewhere is done. No thread waits for the peer.
package final class OperationRunner: Sendable {
    /// Bytes of unprocessed frames at which reading from the socket pauses: the block window and some headers.
    private static let pauseAbove = 6 << 20
    /// Pieces after which others get the thread: some 30 ms.
    private static let turn = 16

    private struct Inbox {
        var frames: [Frame] = []
        var bytes = 0
        var isPaused = false
        var isScheduled = false
        var isAgain = false
        /// What it needs has not been granted: it may be cancelled, and nothing else.
        var isHeld = false
        var cancellation: FerryError?
        /// Since when nothing can be done before a frame arrives or the connection drains.
        var restingSince: NIODeadline?
        var isDone = false
    }

    private let connection: FrameConnection
    private let pool: NIOThreadPool
    private let inbox = Mutex(Inbox())
    /// Taken only by whoever was scheduled, one at a time: it is never contended.
    private let operation: Mutex<any FrameOperation>
    private let completion: @Sendable (Outcome) -> Void

    /// - Parameters:
    ///   - operation: the work; used by nobody else from here on.
    ///   - connection: where its frames go.
    ///   - pool: threads that may block.
    ///   - isHeld: whether it waits for ``start()``, whatever arrives meanwhile.
    ///   - completion: called once, on a thread of the pool.
    package init(
        operation: sending any FrameOperation,
        connection: FrameConnection,
        pool: NIOThreadPool,
        isHeld: Bool = false,
        completion: @escaping @Sendable (Outcome) -> Void
    ) {
        self.operation = Mutex(operation)
        self.connection = connection
        self.pool = pool
        self.completion = completion
        if isHeld { self.inbox.withLock { $0.isHeld = true } }
    }

    /// Since when the operation has waited for the peer, and for nothing else; nil while it does not.
    package var restingSince: NIODeadline? { self.inbox.withLock { $0.restingSince } }

    /// Lets an operation that was held proceed.
    package func start() {
        self.inbox.withLock { $0.isHeld = false }
        self.wake()
    }

    /// A frame for the operation arrived.
    ///
    /// - Returns: false while the operation is held: it has been told nothing that a peer could send more of, and what is
    ///   kept for it would be memory that nothing was granted for.
    @discardableResult
    package func deliver(_ frame: Frame) -> Bool {
        let isHeld = self.inbox.withLock { $0.isHeld && !$0.isDone }
        guard !isHeld else { return false }
        let pause = self.inbox.withLock { inbox in
            guard !inbox.isDone else { return false }
            inbox.frames.append(frame)
            inbox.bytes += frame.weight
            guard inbox.bytes > Self.pauseAbove, !inbox.isPaused else { return false }
            inbox.isPaused = true
            return true
        }
        if pause { self.connection.setReading(false) }
        self.wake()
        return true
    }

    /// Has the operation proceed: at the start, and whenever the connection has drained or work elsewhere is done.
    package func wake() { self.wake(cancellation: nil) }

    /// Ends the operation from outside: the connection is gone, or is about to end. Frames that came before still
    /// count, so that a peer may close as soon as it has sent its last one.
    package func cancel(_ error: FerryError) { self.wake(cancellation: error) }

    private func wake(cancellation: FerryError?) {
        let schedule = self.inbox.withLock { inbox in
            guard !inbox.isDone, !inbox.isHeld || cancellation != nil else { return false }
            if inbox.cancellation == nil { inbox.cancellation = cancellation }
            inbox.isAgain = true
            inbox.restingSince = nil
            defer { inbox.isScheduled = true }
            return !inbox.isScheduled
        }
        if schedule { self.schedule() }
    }

    private func schedule() {
        self.pool.submit { state in
            if state == .active { self.run() } else { self.end(Self.stopped, canGoOn: false) }
        }
    }

    private func run() {
        for _ in 0..<Self.turn {
            let (frames, resume, cancellation, isHeld) = self.inbox.withLock { inbox in
                defer {
                    inbox.frames = []
                    inbox.bytes = 0
                    inbox.isPaused = false
                    inbox.isAgain = false
                }
                return (inbox.frames, inbox.isPaused, inbox.cancellation, inbox.isHeld)
            }
            if let cancellation, frames.isEmpty || isHeld { return self.end(cancellation, canGoOn: false) }
            if resume { self.connection.setReading(true) }
            do throws(FerryError) {
                let progress = try self.step(frames)
                switch progress {
                case .finished: return self.end(nil, canGoOn: true)
                case .more: continue
                case .waiting where cancellation != nil, .working where cancellation != nil: continue
                case .waiting, .working:
                    let mayRest = self.inbox.withLock { inbox in
                        guard !inbox.isAgain, inbox.frames.isEmpty else { return false }
                        inbox.isScheduled = false
                        inbox.restingSince = progress == .waiting ? .now() : nil
                        return true
                    }
                    if mayRest { return }
                }
            } catch {
                return self.end(error, canGoOn: !error.code.endsConnection)
            }
        }
        self.schedule()
    }

    private func step(_ frames: [Frame]) throws(FerryError) -> Progress {
        let result = self.operation.withLock { operation -> Result<Progress, FerryError> in
            do throws(FerryError) {
                for frame in frames { try operation.received(frame, sink: self.connection) }
                return .success(try operation.proceed(sink: self.connection))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    /// Called once, by whoever was scheduled: nothing can run the operation at the same time or afterwards.
    private func end(_ error: FerryError?, canGoOn: Bool) {
        let isPaused = self.inbox.withLock { inbox in
            inbox.isDone = true
            inbox.frames = []
            defer { inbox.isPaused = false }
            return inbox.isPaused
        }
        // Frames that came too late are dropped, but what follows them must be read.
        if isPaused { self.connection.setReading(true) }
        let outcome = self.operation.withLock { operation -> Outcome in
            guard let error else { return .finished(operation.summary) }
            let isRefusal = canGoOn && operation.canBeRefused
            operation.abandoned(error)
            return isRefusal ? .refused(error) : .failed(error, operation.summary)
        }
        self.completion(outcome)
    }

    private static let stopped = FerryError(.shuttingDown, "the process is ending")
}
