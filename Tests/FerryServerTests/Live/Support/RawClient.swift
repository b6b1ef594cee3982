import FerryErrors
import FerryWire
import NIOCore
import NIOPosix
import Synchronization
import Testing

/// A client that says what it is told to, legal or not: bytes out, frames in.
final class RawClient: Sendable {
    let channel: any Channel
    private let inbox: Inbox

    private init(channel: any Channel, inbox: Inbox) {
        self.channel = channel
        self.inbox = inbox
    }

    /// Connects from the address `source` to a loopback address.
    static func connect(
        to host: String = "127.0.0.1",
        port: Int,
        from source: String = "127.0.0.1"
    ) async throws -> RawClient {
        let inbox = Inbox()
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(to: SocketAddress(ipAddress: source, port: 0))
            // Small and fixed, so that the kernel does not read in the place of one that does not.
            .channelOption(ChannelOptions.socketOption(.so_rcvbuf), value: 128 << 10)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(RawHandler(inbox))
                }
            }
            .connect(host: host, port: port)
            .get()
        return RawClient(channel: channel, inbox: inbox)
    }

    /// Connects and logs in.
    static func logIn(_ daemon: LiveDaemon) async throws -> RawClient {
        let client = try await self.connect(port: daemon.port)
        try await client.send(Self.hello(daemon.token))
        _ = try await client.welcome()
        return client
    }

    static func hello(_ token: String, features: [String] = [], limits: FrameLimits = FrameLimits()) -> Frame {
        .hello(token: token, features: features, limits: limits, agent: "test/1")
    }

    func send(_ frames: Frame...) async throws {
        var bytes = ByteBuffer()
        for frame in frames { bytes.writeImmutableBuffer(try frame.encoded()) }
        try await self.channel.writeAndFlush(bytes)
    }

    func send(bytes: [UInt8]) async throws { try await self.channel.writeAndFlush(ByteBuffer(bytes: bytes)) }

    /// Sends what the daemon may refuse to take to the end, because it closes before.
    func sendInVain(_ bytes: ByteBuffer) { self.channel.writeAndFlush(bytes, promise: nil) }

    /// Says from time to time that it lives, until that is cancelled.
    func keepAlive(every period: TimeAmount) -> RepeatedTask {
        self.channel.eventLoop.scheduleRepeatedTask(initialDelay: .zero, delay: period) { _ in
            if let frame = try? Frame.keepAlive.encoded() { self.sendInVain(frame) }
        }
    }

    /// The next frame that is no keep-alive, or nil once the daemon has closed.
    func next() async -> Frame? {
        while let frame = await self.inbox.next() {
            if case .keepAlive = frame.body { continue }
            return frame
        }
        return nil
    }

    /// Waits for the next keep-alive; false if another frame or the end comes.
    func nextKeepAlive() async -> Bool {
        if case .keepAlive = await self.inbox.next()?.body { true } else { false }
    }

    /// Waits until the daemon has closed, whatever it says before.
    func closed() async { while await self.next() != nil {} }

    func close() async { try? await self.channel.close() }

    // MARK: Answers

    func welcome(sourceLocation: SourceLocation = #_sourceLocation) async throws -> WireWelcome {
        let frame = await self.next()
        guard case .welcome(let welcome) = frame?.body else { throw Unexpected(frame, sourceLocation) }
        return welcome
    }

    @discardableResult
    func ready(sourceLocation: SourceLocation = #_sourceLocation) async throws -> WireReady {
        let frame = await self.next()
        guard case .ready(let ready) = frame?.body else { throw Unexpected(frame, sourceLocation) }
        return ready
    }

    /// The code of the failure that comes next.
    func failure(sourceLocation: SourceLocation = #_sourceLocation) async throws -> FerryError.Code {
        let frame = await self.next()
        guard case .failure(let failure) = frame?.body else { throw Unexpected(frame, sourceLocation) }
        return FerryError.Code(rawValue: failure.code)
    }

    /// Expects a failure with this code, and that the daemon closes once this side has.
    func expectEnd(
        _ code: FerryError.Code,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        #expect(try await self.failure(sourceLocation: sourceLocation) == code, sourceLocation: sourceLocation)
        await self.close()
    }

    struct Unexpected: Error, CustomStringConvertible {
        let description: String

        init(_ frame: Frame?, _ location: SourceLocation) {
            let what = frame.map { "\($0.body)" } ?? "the end of the connection"
            self.description = "\(location): the daemon sent \(what.prefix(300))"
        }
    }
}

/// Frames that arrived, in order, for one reader at a time.
private final class Inbox: Sendable {
    private struct State {
        var frames = CircularBuffer<Frame>()
        var isClosed = false
        var waiting: CheckedContinuation<Frame?, Never>?
    }

    private let state = Mutex(State())

    func next() async -> Frame? {
        await withCheckedContinuation { continuation in
            let (isHere, frame) = self.state.withLock { state -> (Bool, Frame?) in
                if let frame = state.frames.popFirst() { return (true, frame) }
                if !state.isClosed { state.waiting = continuation }
                return (state.isClosed, nil)
            }
            if isHere { continuation.resume(returning: frame) }
        }
    }

    func append(_ frame: Frame) {
        let waiting = self.state.withLock { state in
            defer { state.waiting = nil }
            if state.waiting == nil { state.frames.append(frame) }
            return state.waiting
        }
        waiting?.resume(returning: frame)
    }

    func close() {
        let waiting = self.state.withLock { state in
            state.isClosed = true
            defer { state.waiting = nil }
            return state.waiting
        }
        waiting?.resume(returning: nil)
    }
}

private final class RawHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let inbox: Inbox
    private var decoder = FrameDecoder(limits: FrameLimits())

    init(_ inbox: Inbox) { self.inbox = inbox }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var input = self.unwrapInboundIn(data)
        do { while let frame = try self.decoder.next(&input) { self.inbox.append(frame) } } catch {
            Issue.record("the daemon sent no frame: \(error)")
            context.close(promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func channelInactive(context: ChannelHandlerContext) { self.inbox.close() }
}
