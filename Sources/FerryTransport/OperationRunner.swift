package import FerryErrors
package import FerryProtocol
package import FerryWire
package import NIOCore
package import NIOPosix
import Synchronization

/// Runs one ``FrameOperation`` on a thread pool, a piece at a time and never concurrently with itself, whenever
/// frames have arrived, the connection has drained, or work elsewhere is done. No thread waits for the peer.
package final class OperationRunner: Sendable {
    /// Bytes of unprocessed frames, for each connection, at which reading from the sockets pauses: the block window and some
    /// headers.
    private static let pauseAbove = 6 << 20
    /// Pieces after which others get the thread: some 30 ms.
    private static let turn = 16

    /// What the operation is to be told, in order.
    private enum Event {
        case frame(Frame)
        case joined(Int, FrameConnection)
        case joinedFrame(Frame, Int, FrameConnection)
        case lost(Int)
    }

    private struct Inbox {
        var events: [Event] = []
        var bytes = 0
        /// Connections on which reading pauses.
        var paused: [FrameConnection] = []
        /// What to tell the joined connections when the operation is over.
        var joined: [Int: @Sendable () -> Void] = [:]
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
        self.deliver(.frame(frame), frame, on: self.connection)
        return true
    }

    private func deliver(_ event: Event, _ frame: Frame, on connection: FrameConnection) {
        let pause = self.inbox.withLock { inbox in
            guard !inbox.isDone else { return false }
            inbox.events.append(event)
            inbox.bytes += frame.weight
            guard inbox.bytes > Self.pauseAbove * (1 + inbox.joined.count),
                !inbox.paused.contains(where: { $0 === connection })
            else { return false }
            inbox.paused.append(connection)
            return true
        }
        if pause { connection.setReading(false) }
        self.wake()
    }

    // MARK: Joined connections

    /// A further connection joins the operation. This and what follows is called on that connection's event loop.
    ///
    /// - Parameters:
    ///   - number: of its ticket, from 1.
    ///   - connection: carries blocks from now on.
    ///   - ended: called once when the operation is over, on any thread; not after ``lost(_:)``.
    /// - Returns: false if the operation is over.
    package func join(_ number: Int, _ connection: FrameConnection, ended: @escaping @Sendable () -> Void) -> Bool {
        let isOver = self.inbox.withLock { inbox in
            guard !inbox.isDone else { return true }
            inbox.joined[number] = ended
            inbox.events.append(.joined(number, connection))
            return false
        }
        self.wake()
        return !isOver
    }

    /// A frame arrived on a connection that has joined.
    package func deliver(_ frame: Frame, from number: Int, on connection: FrameConnection) {
        self.deliver(.joinedFrame(frame, number, connection), frame, on: connection)
    }

    /// A connection that had joined is gone.
    package func lost(_ number: Int) {
        self.inbox.withLock { inbox in
            guard inbox.joined.removeValue(forKey: number) != nil else { return }
            inbox.events.append(.lost(number))
        }
        self.wake()
    }

    // MARK: Running

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
            let (events, paused, cancellation, isHeld) = self.inbox.withLock { inbox in
                defer {
                    inbox.events = []
                    inbox.bytes = 0
                    inbox.paused = []
                    inbox.isAgain = false
                }
                return (inbox.events, inbox.paused, inbox.cancellation, inbox.isHeld)
            }
            for connection in paused { connection.setReading(true) }
            if let cancellation, events.isEmpty || isHeld { return self.end(cancellation, canGoOn: false) }
            do throws(FerryError) {
                let progress = try self.step(events)
                switch progress {
                case .finished: return self.end(nil, canGoOn: true)
                case .more: continue
                case .waiting where cancellation != nil, .working where cancellation != nil: continue
                case .waiting, .working:
                    let mayRest = self.inbox.withLock { inbox in
                        guard !inbox.isAgain, inbox.events.isEmpty else { return false }
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

    private func step(_ events: [Event]) throws(FerryError) -> Progress {
        let result = self.operation.withLock { operation -> Result<Progress, FerryError> in
            do throws(FerryError) {
                for event in events { try self.tell(event, &operation) }
                return .success(try operation.proceed(sink: self.connection))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    private func tell(_ event: Event, _ operation: inout any FrameOperation) throws(FerryError) {
        switch event {
        case .frame(let frame): try operation.received(frame, sink: self.connection)
        case .joined(let number, let connection): operation.joinable?.joined(number, sink: connection)
        case .joinedFrame(let frame, let number, let connection):
            try operation.joinable?.received(frame, from: number, sink: connection)
        case .lost(let number): operation.joinable?.lost(number)
        }
    }

    /// Called once, by whoever was scheduled: nothing can run the operation at the same time or afterwards.
    private func end(_ error: FerryError?, canGoOn: Bool) {
        let (paused, joined) = self.inbox.withLock { inbox in
            inbox.isDone = true
            inbox.events = []
            defer { (inbox.paused, inbox.joined) = ([], [:]) }
            return (inbox.paused, inbox.joined)
        }
        // Frames that came too late are dropped, but what follows them must be read.
        for connection in paused { connection.setReading(true) }
        let outcome = self.operation.withLock { operation -> Outcome in
            guard let error else { return .finished(operation.summary) }
            let isRefusal = canGoOn && operation.canBeRefused
            operation.abandoned(error)
            return isRefusal ? .refused(error) : .failed(error, operation.summary)
        }
        for ended in joined.values { ended() }
        self.completion(outcome)
    }

    private static let stopped = FerryError(.shuttingDown, "the process is ending")
}
