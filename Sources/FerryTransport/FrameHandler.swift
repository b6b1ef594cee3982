import FerryErrors
package import FerryWire
package import NIOCore
import NIOSSL

/// Moves bytes between a channel and a ``FrameConnection``: decodes, counts, watches deadlines. Decides nothing else.
package final class FrameHandler: ChannelDuplexHandler {
    package typealias InboundIn = ByteBuffer
    package typealias OutboundIn = ByteBuffer
    package typealias OutboundOut = ByteBuffer

    /// TCP_NOTSENT_LOWAT (tcp(7)), which NIO has no name for.
    private static let unsentLimit = NIOBSDSocket.Option(rawValue: 25)
    /// Bytes that the kernel takes ahead of what it can send.
    private static let unsentBytes: Int32 = 256 << 10

    struct SetReading: Sendable { let isReading: Bool }
    struct SetLimits: Sendable { let limits: FrameLimits }
    struct Drained: Sendable {}

    private let connection: FrameConnection
    private let deadlines: ConnectionDeadlines
    /// Let go of when the channel closes, which breaks the cycle with the session.
    private var receiver: (any FrameReceiver)?
    private var decoder: FrameDecoder
    private var phase: ConnectionPhase
    private var phaseStart = NIODeadline.now()
    private var lastRead = NIODeadline.now()
    private var lastWrite = NIODeadline.now()
    private var stall = StallWatch(now: .now())
    private var progress = ProgressWatch()
    private var trickle = TrickleWatch()
    private var isPaused = false
    /// Reading rests because a rate was reached.
    private var throttledSince: NIODeadline?
    private var hasPendingRead = false
    private var failure: FerryError?
    private var timer: RepeatedTask?

    /// - Parameters:
    ///   - connection: the connection of the channel that this handler is added to.
    ///   - receiver: told about frames on the event loop.
    ///   - limits: of incoming frames, until they are raised.
    ///   - deadlines: how long the peer may be silent.
    package init(
        connection: FrameConnection,
        receiver: any FrameReceiver,
        limits: FrameLimits,
        deadlines: ConnectionDeadlines
    ) {
        self.connection = connection
        self.receiver = receiver
        self.decoder = FrameDecoder(limits: limits)
        self.deadlines = deadlines
        self.phase = .handshake
    }

    package func handlerAdded(context: ChannelHandlerContext) {
        let times = self.deadlines
        let shortest = min(times.handshake, times.idle, times.transfer, times.keepAlive, times.progress, times.discard)
        let period = TimeAmount.nanoseconds(max(10_000_000, shortest.nanoseconds / 4))
        // A socket's buffer would take a whole window, however slow the link: what waits must wait here, where
        // `--compress auto` sees it. A socket that is not TCP refuses, and its peer is on the same machine.
        if let socket = context.channel as? any SocketOptionProvider {
            _ = socket.unsafeSetSocketOption(level: .tcp, name: Self.unsentLimit, value: Self.unsentBytes)
        }
        let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
        self.timer = context.eventLoop.scheduleRepeatedTask(initialDelay: period, delay: period) { _ in
            bound.value.handler.checkDeadlines(bound.value.context)
        }
    }

    package func handlerRemoved(context: ChannelHandlerContext) {
        self.timer?.cancel()
        self.timer = nil
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var input = self.unwrapInboundIn(data)
        self.lastRead = .now()
        guard self.phase != .discarding, self.failure == nil else { return }
        let count = input.readableBytes
        self.connection.noteReceived(count)
        if self.phase == .busy { self.pace(count, context) }
        var endsFrames = false
        defer {
            let isAtBoundary = self.decoder.isAtBoundary
            self.trickle.received(count, endsFrames: endsFrames, isAtBoundary: isAtBoundary, now: self.lastRead)
        }
        do throws(FerryError) {
            while let frame = try self.decoder.next(&input) {
                endsFrames = true
                if case .keepAlive = frame.body, self.phase != .handshake {
                    guard frame.payload.readableBytes == 0 else {
                        throw FerryError(.violation, "a keep-alive carries a payload")
                    }
                    continue
                }
                self.receiver?.frameReceived(frame)
                if self.phase == .discarding { return }
            }
        } catch {
            self.fail(error, context: context)
        }
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.fail(Self.translate(error), context: context)
    }

    package func channelInactive(context: ChannelHandlerContext) {
        if self.failure == nil, self.phase != .discarding, !self.decoder.isAtBoundary {
            self.failure = FerryError(.connection, "the connection ended within a frame")
        }
        self.connection.markClosed()
        self.receiver?.connectionClosed(self.failure)
        self.receiver = nil
        context.fireChannelInactive()
    }

    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is Drained:
            self.receiver?.sinkDrained()
        case ChannelEvent.inputClosed:
            // Half-closing has no meaning in this protocol: cancel = close.
            context.close(promise: nil)
        default:
            context.fireUserInboundEventTriggered(event)
        }
    }

    package func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?)
    {
        switch event {
        case let event as SetReading:
            self.isPaused = !event.isReading
            self.resume(context)
            promise?.succeed()
        case let event as SetLimits:
            self.decoder.limits = event.limits
            promise?.succeed()
        case let event as ConnectionPhase:
            if self.phase != .discarding {
                self.phase = event
                self.phaseStart = .now()
                self.lastRead = .now()
                self.lastWrite = .now()
                // What is queued stays owed, whatever the peer asks for next.
                if self.connection.queuedBytes == 0 { self.stall.restart(now: .now()) }
            }
            if event == .discarding {
                self.isPaused = false
                self.throttledSince = nil
                self.resume(context)
            }
            promise?.succeed()
        default:
            context.triggerUserOutboundEvent(event, promise: promise)
        }
    }

    package func read(context: ChannelHandlerContext) {
        if self.isReading { context.read() } else { self.hasPendingRead = true }
    }

    private var isReading: Bool { !self.isPaused && self.throttledSince == nil }

    /// Reads again, if nothing holds it any more. The peer's silence counts from here on.
    private func resume(_ context: ChannelHandlerContext) {
        self.lastRead = .now()
        self.trickle.restart(now: .now())
        guard self.isReading, self.hasPendingRead else { return }
        self.hasPendingRead = false
        context.read()
    }

    /// Has reading rest until what was read is paid for: what comes further waits at the peer.
    private func pace(_ bytes: Int, _ context: ChannelHandlerContext) {
        guard let toll = self.connection.payForReading(bytes), toll.wait != nil else { return }
        if self.throttledSince == nil { self.throttledSince = .now() }
        self.rest(NIOLoopBound((toll, self, context), eventLoop: context.eventLoop))
    }

    private func rest(_ bound: NIOLoopBound<(toll: Toll, handler: FrameHandler, context: ChannelHandlerContext)>) {
        guard bound.value.context.channel.isActive else { return }
        guard let wait = bound.value.toll.wait else {
            if let since = self.throttledSince { self.progress.rested(.now() - since) }
            self.throttledSince = nil
            return self.resume(bound.value.context)
        }
        bound.value.context.eventLoop.scheduleTask(in: wait) { bound.value.handler.rest(bound) }
    }

    package func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        self.lastWrite = .now()
        context.write(data, promise: promise)
    }

    private func checkDeadlines(_ context: ChannelHandlerContext) {
        let now = NIODeadline.now()
        let queued = self.connection.queuedBytes
        // Without what a rate holds back here, which is not the peer's to take yet.
        let handed = self.connection.handedBytes
        let unwritten = (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
        let queue = StallWatch.Queue(bytes: handed, taken: self.connection.takenBytes, unwritten: unwritten)
        let stalled = self.stall.look(at: queue, now: now)
        let owed = self.phase == .busy && queued == 0 ? self.receiver?.restingSince : nil
        let idle = self.progress.look(at: owed, now: now)
        let isTrickling = self.isReading && self.trickle.isTrickling(patience: self.deadlines.transfer, now: now)
        switch self.phase {
        case .idle where isTrickling, .busy where isTrickling:
            self.fail(Self.late("the peer did not complete a frame", self.deadlines.transfer), context: context)
        case .handshake where now - self.phaseStart > self.deadlines.handshake:
            self.fail(Self.late("the login did not complete", self.deadlines.handshake), context: context)
        case .idle where stalled > self.deadlines.transfer:
            self.fail(Self.late("the peer took no bytes", self.deadlines.transfer), context: context, canTell: false)
        case .idle where now - self.lastRead > self.deadlines.idle:
            self.fail(Self.late("nothing was asked for", self.deadlines.idle), context: context)
        case .discarding where now - self.phaseStart > self.deadlines.discard:
            context.close(promise: nil)
        case .busy:
            if stalled > self.deadlines.transfer {
                self.fail(
                    Self.late("the peer took no bytes", self.deadlines.transfer),
                    context: context,
                    canTell: false
                )
            } else if self.isReading, now - self.lastRead > self.deadlines.transfer {
                self.fail(Self.late("the peer was silent", self.deadlines.transfer), context: context)
            } else if idle > self.deadlines.progress {
                self.fail(Self.late("the peer did nothing for the transfer", self.deadlines.progress), context: context)
            } else if queued == 0, now - self.lastWrite > self.deadlines.keepAlive {
                self.connection.send(.keepAlive)
            }
        default:
            break
        }
    }

    /// Remembers why, tells the peer where that can arrive, and closes.
    private func fail(_ error: FerryError, context: ChannelHandlerContext, canTell: Bool = true) {
        guard self.failure == nil else { return }
        self.failure = error
        let isOurs = error.code == .limit || error.code == .violation || error.code == .timeout
        guard isOurs, canTell, self.phase != .discarding, context.channel.isActive else {
            return context.close(promise: nil)
        }
        let isLogin = self.phase == .handshake
        self.receiver?.connectionFailed(error)
        self.connection.closeAfter(.failure(error))
        guard isLogin, error.code == .timeout else { return }
        // The login's deadline is absolute: the peer is not waited for. What was queued is written before.
        let channel = context.channel
        context.eventLoop.execute { channel.close(promise: nil) }
    }

    private static func late(_ what: String, _ limit: TimeAmount) -> FerryError {
        FerryError(.timeout, "\(what) within \(Double(limit.nanoseconds) / 1e9) s")
    }

    private static func translate(_ error: any Error) -> FerryError {
        if let error = error as? FerryError { return error }
        if case NIOSSLError.uncleanShutdown = error {
            return FerryError(.connection, "the connection was cut", cause: error)
        }
        if let error = error as? IOError {
            return FerryError(
                .connection,
                "the connection was lost: \(SystemError(number: error.errnoCode))",
                cause: error
            )
        }
        return FerryError(.connection, "the connection failed: \(error)", cause: error)
    }
}
