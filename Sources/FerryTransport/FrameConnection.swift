package import FerryErrors
import FerryProtocol
package import FerryWire
package import NIOCore
import Synchronization

/// Who is told what happens on a connection; every call is made on its event loop.
package protocol FrameReceiver: AnyObject, Sendable {
    /// A whole frame arrived; keep-alives are not told.
    func frameReceived(_ frame: Frame)
    /// Little or nothing is left of what was queued for the kernel, or the operation asked to be woken.
    func sinkDrained()
    /// Since when all has been done that can be done before the peer's next frame; nil if something is being done, or if
    /// the peer may take its time.
    var restingSince: NIODeadline? { get }
    /// The peer broke a rule or missed a deadline: no more frames will be told, and the connection is about to end.
    func connectionFailed(_ error: FerryError)
    /// The connection is gone; `error` is nil where the peer closed it between frames. The last call.
    func connectionClosed(_ error: FerryError?)
}

extension FrameReceiver {
    package var restingSince: NIODeadline? { nil }
}

/// One connection as the rest of the house sees it: frames out from any thread, frames in on the event loop.
package final class FrameConnection: FrameSink, Sendable {
    /// Reads of up to 512 KiB: fewer, larger reads than NIO's adaptive default (DESIGN.md, measured).
    package static var receiveAllocator: any RecvByteBufferAllocator {
        FixedSizeRecvByteBufferAllocator(capacity: self.readLength)
    }
    private static let readLength = 224 << 10

    package let channel: any Channel
    private let outbox = Mutex(Outbox())
    /// Bytes that went out and came in, for logs.
    private let counters = Mutex((sent: UInt64(0), received: UInt64(0)))

    package init(channel: any Channel) {
        self.channel = channel
    }

    /// Bytes queued and not yet taken by the kernel, headers included.
    package var queuedBytes: Int { self.outbox.withLock { $0.queuedBytes } }

    package var drainRate: Double? { self.outbox.withLock { $0.drain.bytesPerSecond } }

    /// Bytes of these that the channel was given: what a rate holds back is not among them.
    var handedBytes: Int { self.outbox.withLock { $0.handedBytes } }

    /// Bytes of frames, before encryption, in both directions.
    package var traffic: (sent: UInt64, received: UInt64) { self.counters.withLock { $0 } }

    /// Bytes of frames that the kernel has taken so far; it only grows.
    var takenBytes: UInt64 { self.outbox.withLock { $0.takenBytes } }

    package func wake() { self.channel.pipeline.fireUserInboundEventTriggered(FrameHandler.Drained()) }

    package func send(_ frame: Frame) { self.queue(frame, isLast: false) }

    /// Sends a last frame, then reads and discards until the peer closes, for a while at most, so that the frame
    /// arrives rather than a reset. What is sent afterwards is dropped.
    package func closeAfter(_ frame: Frame) {
        self.queue(frame, isLast: true)
        self.setPhase(.discarding)
    }

    /// Closes at once; what is queued may be lost.
    package func close() {
        self.channel.close(mode: .all, promise: nil)
    }

    /// Stops or resumes reading from the socket.
    package func setReading(_ isReading: Bool) {
        self.channel.triggerUserOutboundEvent(FrameHandler.SetReading(isReading: isReading), promise: nil)
    }

    /// Tells the handler which deadlines run now.
    package func setPhase(_ phase: ConnectionPhase) {
        self.channel.triggerUserOutboundEvent(phase, promise: nil)
    }

    /// Raises the limits of incoming frames once the hello is accepted.
    package func setLimits(_ limits: FrameLimits) {
        self.channel.triggerUserOutboundEvent(FrameHandler.SetLimits(limits: limits), promise: nil)
    }

    /// Has a limit count for this connection too, besides those that do already: payloads wait their turn here, and what
    /// is read within a request has reading rest. Call on the event loop.
    package func limit(by limiter: RateLimiter) {
        let piece = self.outbox.withLock { outbox in
            outbox.limiters.append(limiter)
            return outbox.limiters.piece
        }
        guard piece < Self.readLength else { return }
        // Reads are no longer than pieces, or what is read would come in jerks. 512 bytes is a small segment.
        let allocator = FixedSizeRecvByteBufferAllocator(capacity: max(512, piece))
        self.channel.setOption(.recvAllocator, value: allocator).whenFailure { _ in }
    }

    /// Counts what was read.
    ///
    /// - Returns: what to wait for before reading more, if anything limits.
    func payForReading(_ bytes: Int) -> Toll? {
        let limiters = self.outbox.withLock { $0.limiters }
        return limiters.take(bytes, .received)
    }

    func noteReceived(_ bytes: Int) {
        self.counters.withLock { $0.received += UInt64(bytes) }
    }

    func markClosed() {
        self.outbox.withLock { $0.close() }
    }

    /// Encodes here, on the sender's thread, so that the event loop only writes.
    private func queue(_ frame: Frame, isLast: Bool) {
        let head: ByteBuffer
        do throws(FerryError) { head = try frame.encodedHead(allocator: self.channel.allocator) } catch {
            return self.fail(error)
        }
        let queued = self.outbox.withLock { $0.queue(head: head, payload: frame.payload, isLast: isLast) }
        switch queued {
        case .now: self.channel.eventLoop.execute { self.writeQueued() }
        case .before, .refused: break
        case .tooMany: self.fail(FerryError(.connection, "the peer does not read the answers to what it sends"))
        }
    }

    private func fail(_ error: FerryError) {
        self.channel.eventLoop.execute { self.channel.pipeline.fireErrorCaught(error) }
    }

    /// On the event loop: hands what may go now to the channel in one flush, and comes again for the rest.
    private func writeQueued() {
        let (pieces, wait) = self.outbox.withLock { $0.take() }
        for (head, payload) in pieces {
            let (headLength, payloadLength) = (head?.readableBytes ?? 0, payload.readableBytes)
            self.counters.withLock { $0.sent += UInt64(headLength + payloadLength) }
            let promise = self.channel.eventLoop.makePromise(of: Void.self)
            promise.futureResult.whenComplete { _ in self.wrote(headLength, payloadLength) }
            if let head { self.channel.write(head, promise: payloadLength == 0 ? promise : nil) }
            if payloadLength > 0 { self.channel.write(payload, promise: promise) }
        }
        self.channel.flush()
        if let wait { self.channel.eventLoop.scheduleTask(in: wait) { self.writeQueued() } }
    }

    private func wrote(_ head: Int, _ payload: Int) {
        let isDrained = self.outbox.withLock { $0.wrote(head: head, payload: payload) }
        if isDrained { self.wake() }
    }
}
