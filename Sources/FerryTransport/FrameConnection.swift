package import FerryErrors
import FerryProtocol
package import FerryWire
package import NIOCore
import Synchronization

/// Who is told what happens on a connection; every call is made on its event loop.
package protocol FrameReceiver: AnyObject, Sendable {
    /// A whole frame arrived; keep-alives are not told.
    func frameReceived(_ frame: Frame)
    /// Little or nothing is left of what was queued for the kernel.
    func sinkDrained()
    /// The peer broke a rule or missed a deadline: no more frames will be told, and the connection is about to end.
    func connectionFailed(_ error: FerryError)
    /// The connection is gone; `error` is nil where the peer closed it between frames. The last call.
    func connectionClosed(_ error: FerryError?)
}

/// One connection as the rest of the house sees it: frames out from any thread, frames in on the event loop.
package final class FrameConnection: FrameSink, Sendable {
    /// Whoever waits for the sink to drain is told when no more than this is queued, in bytes.
    private static let lowWatermark = 128 << 10

    /// Frames without payload that may be queued. A peer that reads never comes near: what answers it may demand is
    /// bounded by the name window (4096). One that only writes would have this side queue them without end.
    private static let answerLimit = 16 << 10
    /// Bytes of their headers: a window of names and a frame of a listing many times over.
    private static let answerBytes = 1 << 20

    /// Reads of up to 512 KiB: fewer, larger reads than NIO's adaptive default (DESIGN.md, measured).
    package static var receiveAllocator: any RecvByteBufferAllocator {
        FixedSizeRecvByteBufferAllocator(capacity: 224 << 10)
    }

    private struct Outbox {
        var frames: [(head: ByteBuffer, payload: ByteBuffer)] = []
        var isScheduled = false
        /// Nothing more goes out: a last frame was queued, or the channel is gone.
        var isClosed = false
        var queuedBytes = 0
        /// Of these, payloads: only they tell how fast the link is.
        var queuedPayload = 0
        var queuedAnswers = 0
        var takenBytes: UInt64 = 0
        var drain = DrainMeter()
    }

    private enum Queued { case now, before, refused, tooMany }

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

    /// Bytes of frames, before encryption, in both directions.
    package var traffic: (sent: UInt64, received: UInt64) { self.counters.withLock { $0 } }

    /// Bytes of frames that the kernel has taken so far; it only grows.
    var takenBytes: UInt64 { self.outbox.withLock { $0.takenBytes } }

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

    func noteReceived(_ bytes: Int) {
        self.counters.withLock { $0.received += UInt64(bytes) }
    }

    func markClosed() {
        self.outbox.withLock { outbox in
            outbox.isClosed = true
            outbox.frames.removeAll()
            outbox.queuedBytes = 0
            outbox.queuedPayload = 0
        }
    }

    /// Encodes here, on the sender's thread, so that the event loop only writes.
    private func queue(_ frame: Frame, isLast: Bool) {
        let head: ByteBuffer
        do throws(FerryError) { head = try frame.encodedHead(allocator: self.channel.allocator) } catch {
            return self.fail(error)
        }
        let isAnswer = frame.payload.readableBytes == 0
        let queued = self.outbox.withLock { outbox -> Queued in
            guard !outbox.isClosed else { return .refused }
            if isLast { outbox.isClosed = true }
            if isAnswer { outbox.queuedAnswers += 1 }
            let headers = outbox.queuedBytes - outbox.queuedPayload + head.readableBytes
            guard outbox.queuedAnswers <= Self.answerLimit, headers <= Self.answerBytes else {
                outbox.isClosed = true
                return .tooMany
            }
            outbox.frames.append((head, frame.payload))
            outbox.queuedBytes += head.readableBytes + frame.payload.readableBytes
            outbox.queuedPayload += frame.payload.readableBytes
            defer { outbox.isScheduled = true }
            return outbox.isScheduled ? .before : .now
        }
        switch queued {
        case .now: self.channel.eventLoop.execute { self.writeQueued() }
        case .before, .refused: break
        case .tooMany: self.fail(FerryError(.connection, "the peer does not read the answers to what it sends"))
        }
    }

    private func fail(_ error: FerryError) {
        self.channel.eventLoop.execute { self.channel.pipeline.fireErrorCaught(error) }
    }

    /// On the event loop: hands everything that is queued to the channel in one flush.
    private func writeQueued() {
        let frames = self.outbox.withLock { outbox in
            outbox.isScheduled = false
            if outbox.queuedPayload > 0 { outbox.drain.started() }
            defer { outbox.frames.removeAll(keepingCapacity: true) }
            return outbox.frames
        }
        for (head, payload) in frames {
            let (headLength, payloadLength) = (head.readableBytes, payload.readableBytes)
            self.counters.withLock { $0.sent += UInt64(headLength + payloadLength) }
            let promise = self.channel.eventLoop.makePromise(of: Void.self)
            promise.futureResult.whenComplete { _ in self.wrote(headLength, payloadLength) }
            self.channel.write(head, promise: payloadLength == 0 ? promise : nil)
            if payloadLength > 0 { self.channel.write(payload, promise: promise) }
        }
        self.channel.flush()
    }

    private func wrote(_ head: Int, _ payload: Int) {
        let isDrained = self.outbox.withLock { outbox in
            let before = outbox.queuedBytes
            outbox.queuedBytes = max(0, before - head - payload)
            outbox.queuedPayload = max(0, outbox.queuedPayload - payload)
            outbox.takenBytes += UInt64(head + payload)
            if payload == 0 {
                outbox.queuedAnswers -= 1
            } else {
                outbox.drain.drained(payload, isEmpty: outbox.queuedPayload == 0)
            }
            return before > Self.lowWatermark && outbox.queuedBytes <= Self.lowWatermark
        }
        if isDrained { self.channel.pipeline.fireUserInboundEventTriggered(FrameHandler.Drained()) }
    }
}
