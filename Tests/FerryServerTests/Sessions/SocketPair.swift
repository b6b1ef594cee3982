import FerryErrors
import FerryProtocol
import FerryTransport
import FerryWire
import NIOCore
import NIOPosix
import Synchronization

/// The daemon's end of a connection with nothing above it but a recorder, and a client at the other end.
struct SocketPair {
    let connection: FrameConnection
    let receiver: RecordingReceiver
    let client: RawClient
    private let listener: any Channel

    /// Connects; `deadlines` and `group` are those of the daemon's end, which is in the phase `handshake` at first.
    static func make(
        deadlines: ConnectionDeadlines = ConnectionDeadlines(),
        group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
    ) async throws -> SocketPair {
        let accepted = MultiThreadedEventLoopGroup.singleton.any().makePromise(of: FrameConnection.self)
        let receiver = RecordingReceiver()
        let listener = try await ServerBootstrap(group: group)
            .childChannelOption(ChannelOptions.recvAllocator, value: FrameConnection.receiveAllocator)
            .childChannelOption(ChannelOptions.maxMessagesPerRead, value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let connection = FrameConnection(channel: channel)
                    try channel.pipeline.syncOperations.addHandler(
                        FrameHandler(
                            connection: connection,
                            receiver: receiver,
                            limits: FrameLimits(),
                            deadlines: deadlines
                        )
                    )
                    try channel.pipeline.syncOperations.addHandler(ActiveHandler { accepted.succeed(connection) })
                }
            }
            .bind(host: "127.0.0.1", port: 0)
            .get()
        let client = try await RawClient.connect(port: listener.localAddress?.port ?? 0)
        let connection = try await accepted.futureResult.get()
        return SocketPair(
            connection: connection,
            receiver: receiver,
            client: client,
            listener: listener
        )
    }

    func close() async {
        await self.client.close()
        try? await self.connection.channel.closeFuture.get()
        try? await self.listener.close()
    }
}

/// Tells when a channel is ready for writing, which it is not yet while its handlers are added.
private final class ActiveHandler: ChannelInboundHandler {
    typealias InboundIn = NIOAny

    private let isActive: () -> Void

    init(_ isActive: @escaping () -> Void) { self.isActive = isActive }

    func channelActive(context: ChannelHandlerContext) {
        self.isActive()
        context.fireChannelActive()
    }
}

/// Notes what it is told; frames go on to whoever takes them.
final class RecordingReceiver: FrameReceiver {
    private struct End { let reason: FerryError? }

    private struct State {
        var frames: [Frame] = []
        var take: (@Sendable (Frame) -> Void)?
        var drained: (@Sendable () -> Void)?
        var failure: FerryError?
        var end: End?
        var waiting: [(count: Int, reached: CheckedContinuation<Void, Never>)] = []
        var waitingForEnd: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    var frames: [Frame] { self.state.withLock { $0.frames } }
    var failure: FerryError? { self.state.withLock { $0.failure } }

    func forward(to take: @escaping @Sendable (Frame) -> Void, drained: @escaping @Sendable () -> Void = {}) {
        self.state.withLock { state in
            state.take = take
            state.drained = drained
        }
    }

    /// Waits until this many frames have arrived in all.
    func arrived(_ count: Int) async {
        await withCheckedContinuation { reached in
            let isHere = self.state.withLock { state in
                if state.frames.count < count { state.waiting.append((count, reached)) }
                return state.frames.count >= count
            }
            if isHere { reached.resume() }
        }
    }

    /// Waits for the end of the connection.
    ///
    /// - Returns: why it ended, as it was told.
    func ended() async -> FerryError? {
        await withCheckedContinuation { reached in
            let isHere = self.state.withLock { state in
                if state.end == nil { state.waitingForEnd.append(reached) }
                return state.end != nil
            }
            if isHere { reached.resume() }
        }
        return self.state.withLock { $0.end }?.reason
    }

    func frameReceived(_ frame: Frame) {
        let (take, reached) = self.state.withLock { state in
            state.frames.append(frame)
            let count = state.frames.count
            let reached = state.waiting.filter { $0.count <= count }.map(\.reached)
            state.waiting.removeAll { $0.count <= count }
            return (state.take, reached)
        }
        take?(frame)
        for continuation in reached { continuation.resume() }
    }

    func sinkDrained() { self.state.withLock { $0.drained }?() }

    func connectionFailed(_ error: FerryError) { self.state.withLock { $0.failure = error } }

    func connectionClosed(_ error: FerryError?) {
        let reached = self.state.withLock { state in
            state.end = End(reason: error)
            state.take = nil
            state.drained = nil
            defer { state.waitingForEnd = [] }
            return state.waitingForEnd
        }
        for continuation in reached { continuation.resume() }
    }
}
