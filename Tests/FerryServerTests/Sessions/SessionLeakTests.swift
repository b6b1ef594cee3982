import FerryCatalog
import FerryErrors
import FerryServer
import FerryTransport
import FerryWire
import FoundationEssentials
import Logging
import NIOCore
import NIOPosix
import Synchronization
import Testing

/// Sessions, connections and what they run are freed however a connection ends.
@Suite(.timeLimit(.minutes(1))) struct SessionLeakTests {
    /// What must be freed.
    private final class Watched: Sendable {
        private struct Entry {
            weak var session: Session?
            weak var connection: FrameConnection?
        }

        private let entries = Mutex<[Entry]>([])

        func add(_ session: Session, _ connection: FrameConnection) {
            self.entries.withLock { $0.append(Entry(session: session, connection: connection)) }
        }

        var count: Int { self.entries.withLock { $0.count } }

        var alive: (sessions: Int, connections: Int) {
            self.entries.withLock { entries in
                (entries.count { $0.session != nil }, entries.count { $0.connection != nil })
            }
        }
    }

    /// All that a listener needs, made by hand so that its sessions can be watched.
    private final class Server {
        let directory: TemporaryDirectory
        let catalog: Catalog
        let token: String
        let files = NIOThreadPool(numberOfThreads: 2)
        let accounts = NIOThreadPool(numberOfThreads: 1)
        let sessions = SessionRegistry(caps: .init(total: 10, perAddress: 10, anonymous: 10))
        let watched = Watched()
        let log = LogLines()
        let channel: any Channel

        init() async throws {
            self.directory = try TemporaryDirectory()
            self.catalog = try Catalog(path: self.directory.path + "/catalog")
            let share = try Name("inbox")
            let path = self.directory.path + "/inbox"
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            try self.catalog.addShare(share, path: path)
            let grants = [GrantRecord(share: share, rights: .all)]
            self.token = try #require(try self.catalog.addUser(try Name("alice"), grants: grants)).secret
            self.files.start()
            self.accounts.start()
            let services = Services(
                catalog: self.catalog,
                accounts: self.accounts,
                files: self.files,
                sessions: self.sessions,
                penalties: Penalties(first: .zero, most: .zero),
                budget: MemoryBudget(total: 13 << 20),
                roots: ShareRoots(reserve: 0),
                limits: FrameLimits(),
                deadlines: ConnectionDeadlines(),
                agent: "test",
                log: self.log.logger
            )
            let (watched, sessions) = (self.watched, self.sessions)
            self.channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let connection = FrameConnection(channel: channel)
                        let session = Session(connection: connection, services: services)
                        watched.add(session, connection)
                        #expect(sessions.add(session, host: session.host) == nil)
                        try channel.pipeline.syncOperations.addHandler(
                            FrameHandler(
                                connection: connection,
                                receiver: session,
                                limits: .beforeHello,
                                deadlines: ConnectionDeadlines()
                            )
                        )
                    }
                }
                .bind(host: "127.0.0.1", port: 0)
                .get()
        }

        func connect() async throws -> RawClient {
            try await RawClient.connect(port: self.channel.localAddress?.port ?? 0)
        }

        func logIn() async throws -> RawClient {
            let client = try await self.connect()
            try await client.send(RawClient.hello(self.token))
            _ = try await client.welcome()
            return client
        }

        func stop() async throws {
            try await self.channel.close()
            try await self.files.shutdownGracefully()
            try await self.accounts.shutdownGracefully()
            try self.catalog.close()
        }
    }

    @Test func everySessionIsFreed() async throws {
        let server = try await Server()
        // Closed at once; after garbage; after a wrong login.
        await (try await server.connect()).close()
        let garbage = try await server.connect()
        try await garbage.send(.keepAlive)
        try await garbage.expectEnd(.violation)
        let wrong = try await server.connect()
        try await wrong.send(RawClient.hello("wrong"))
        try await wrong.expectEnd(.authentication)
        // While a login is checked.
        let hasty = try await server.connect()
        try await hasty.send(RawClient.hello(server.token))
        await hasty.close()
        // After requests; in the middle of a push; while waiting for memory behind it; revoked.
        let busy = try await server.logIn()
        try await busy.push([1, 2, 3], to: "inbox/a")
        #expect(try await busy.pull("inbox/a") == [1, 2, 3])
        try await busy.send(RawClient.push("inbox/b", size: 5))
        try await busy.ready()
        let waiting = try await server.logIn()
        try await waiting.send(RawClient.push("inbox/c", size: 5))
        let idle = try await server.logIn()
        server.sessions.end(user: try Name("nobody"))
        try await idle.send(.list(path: Data()))
        guard case .entries = await idle.next()?.body else { throw RawClient.Unexpected(nil, #_sourceLocation) }
        _ = try await idle.finished()
        server.sessions.end(user: try Name("alice"))
        for client in [busy, waiting, idle] { try await client.expectEnd(.authentication) }
        // `hasty` and the first may be gone before they were accepted as sessions, but then they leave nothing either.
        while server.sessions.count > 0 || server.watched.count < 7 { await Task.yield() }
        try await server.stop()
        for _ in 0..<100_000 where server.watched.alive != (0, 0) { await Task.yield() }
        #expect(server.watched.alive == (0, 0))
        #expect(try FileManager.default.contentsOfDirectory(atPath: server.directory.path + "/inbox") == ["a"])
    }
}
