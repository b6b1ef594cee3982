import FerryCatalog
import FerryErrors
import FerryServer
import FerryTestKit
import Logging
import NIOCore
import NIOPosix
import Synchronization

/// A state directory with a catalog, recorded sessions and a recorded log.
final class AdminFixture: Sendable {
    static let fingerprint = "sha256:" + String(repeating: "ab", count: 32)

    let temporary: TemporaryDirectory
    let state: StateDirectory
    let catalog: Catalog
    let sessions = RecordedSessions()
    let log = RecordedLog()
    let executor: AdminExecutor

    init() throws {
        self.temporary = try TemporaryDirectory()
        self.state = try StateDirectory(self.temporary.path + "/state")
        let catalog = try self.state.openCatalog()
        self.catalog = catalog
        self.executor = AdminExecutor(
            catalog: catalog,
            sessions: self.sessions,
            fingerprint: { Self.fingerprint },
            status: {
                DaemonStatus(
                    version: "1.2.3",
                    listeners: ["[::]:7717"],
                    port: 7717,
                    sessions: 4,
                    uptime: 5,
                    stopping: false
                )
            },
            reload: { ReloadReport(changed: ["backlog=3"], needRestart: [], fingerprint: nil) }
        )
    }

    /// Runs `body` with a listener on the admin socket, which is patient by default: between its connecting and its sending
    /// a client of these tests waits for a thread, for more than 10 s on a machine that is busy with the other tests.
    func withListener<Value>(
        trusted: Set<UInt32>? = nil,
        deadline: TimeAmount = .minutes(5),
        _ body: () async throws -> Value
    ) async throws -> Value {
        let pool = NIOThreadPool(numberOfThreads: 2)
        pool.start()
        let log = self.log
        let listener = try await AdminListener.start(
            state: self.state,
            executor: self.executor,
            pool: pool,
            group: MultiThreadedEventLoopGroup.singleton,
            logger: Logger(label: "test", factory: { _ in log }),
            trusted: trusted,
            deadline: { deadline }
        )
        let result: Result<Value, any Error>
        do { result = .success(try await body()) } catch { result = .failure(error) }
        await listener.stop()
        try await pool.shutdownGracefully()
        return try result.get()
    }

    /// A client that must not need to work without the listener.
    var client: AdminClient {
        AdminClient(state: self.state.paths.root, audit: { _ in }, attempts: 1)
    }

    /// Sends raw bytes to the socket and returns all that comes back until the end; with `closing`, hangs up after
    /// sending.
    func exchange(_ bytes: [UInt8], closing: Bool = false) async throws -> [UInt8] {
        let group = MultiThreadedEventLoopGroup.singleton
        let promise = group.any().makePromise(of: [UInt8].self)
        let channel = try await ClientBootstrap(group: group)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Collector(promise))
                }
            }
            .connect(unixDomainSocketPath: self.state.paths.adminSocket)
            .get()
        // The listener may refuse after the length already, so that the rest of the bytes meets a closed socket.
        try? await channel.writeAndFlush(ByteBuffer(bytes: bytes))
        if closing { try? await channel.close() }
        return try await promise.futureResult.get()
    }

    private final class Collector: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let promise: EventLoopPromise<[UInt8]>
        private var bytes: [UInt8] = []

        init(_ promise: EventLoopPromise<[UInt8]>) { self.promise = promise }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            self.bytes.append(contentsOf: self.unwrapInboundIn(data).readableBytesView)
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

        func channelInactive(context: ChannelHandlerContext) { self.promise.succeed(self.bytes) }
    }
}

/// Remembers what was to end.
final class RecordedSessions: LiveSessions {
    private let record = Mutex<[String]>([])

    func end(tokens: Set<String>) { self.record.withLock { $0.append("tokens \(tokens.sorted())") } }
    func end(user: Name, _ loss: Loss) { self.record.withLock { $0.append("user \(user) \(loss)") } }

    /// What ended since the last look.
    func take() -> [String] {
        self.record.withLock { record in
            defer { record = [] }
            return record
        }
    }
}

/// Remembers log lines.
final class RecordedLog: LogHandler {
    private let record = Mutex<[String]>([])

    var metadata: Logger.Metadata {
        get { [:] }
        set {}
    }
    var logLevel: Logger.Level {
        get { .trace }
        set {}
    }
    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { nil }
        set {}
    }

    func log(event: LogEvent) { self.record.withLock { $0.append("\(event.level): \(event.message)") } }

    var lines: [String] { self.record.withLock { $0 } }
}
