import FerryCatalog
import FerryErrors
import FerryFiles
import FerryServer
import FerryTestKit
import FerryTransport
import FerryWire
import FoundationEssentials
import NIOCore
import NIOPosix
import Synchronization
import Testing

/// A listener and all that its sessions need, made by hand so that they can be watched, with one share and one user.
final class SessionServer {
    let directory: TemporaryDirectory
    let catalog: Catalog
    let token: String
    let files = NIOThreadPool(numberOfThreads: 2)
    let accounts = NIOThreadPool(numberOfThreads: 1)
    let sessions = SessionRegistry(caps: .init(total: 10, perAddress: 10, anonymous: 10))
    let watched = WatchedSessions()
    let log = LogLines()
    let channel: any Channel

    /// Where the share lies.
    var inbox: String { self.directory.path + "/inbox" }
    var port: Int { self.channel.localAddress?.port ?? 0 }

    /// - Parameters:
    ///   - memory: of all transfers, in bytes; enough for one.
    ///   - calls: how the share's file system answers.
    ///   - reserve: bytes that pushes leave free there.
    ///   - beforeLookUp: called before each look at a login.
    /// - Throws: what a server may fail with.
    init(
        memory: Int = 13 << 20,
        calls: SystemCalls = .real,
        reserve: UInt64 = 0,
        beforeLookUp: @escaping @Sendable () -> Void = {}
    ) async throws {
        self.directory = try TemporaryDirectory()
        self.catalog = try Catalog(path: self.directory.path + "/catalog") {
            beforeLookUp()
            return Int64(Date().timeIntervalSince1970)
        }
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
            budget: MemoryBudget(total: memory),
            roots: ShareRoots(reserve: reserve, calls: calls),
            tickets: Tickets(limit: 16),
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
                    if let reason = sessions.add(session) { throw FerryError(.limit, reason) }
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
        try await RawClient.connect(port: self.port)
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

/// Sessions and connections, held weakly to see whether they are freed.
final class WatchedSessions: Sendable {
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
