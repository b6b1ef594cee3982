import FerryCatalog
import FerryErrors
import FerryServer
import FerryTestKit
import FerryWire
import FoundationEssentials
import Logging
import ServiceLifecycle
import Testing

/// A daemon in this process on a free loopback port, with the shares `inbox` and `archive` (read-only) and the user
/// alice, who may do everything in both, and bob, who may read `inbox`.
final class LiveDaemon: Sendable {
    let directory: TemporaryDirectory
    let state: StateDirectory
    let catalog: Catalog
    let log = LogLines()
    /// Alice's.
    let token: String
    /// Bob's.
    let readerToken: String
    let port: Int
    private let lifecycle: ServiceGroup

    var inbox: String { self.directory.path + "/inbox" }

    private init(_ settings: Settings, _ prepare: (String) throws -> Void) async throws {
        self.directory = try TemporaryDirectory()
        for share in ["inbox", "archive"] {
            let path = self.directory.path + "/" + share
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        }
        try prepare(self.directory.path)
        self.state = try StateDirectory(self.directory.path + "/state")
        self.catalog = try self.state.openCatalog()
        let (inbox, archive) = (try Name("inbox"), try Name("archive"))
        try self.catalog.addShare(inbox, path: self.directory.path + "/inbox")
        try self.catalog.addShare(archive, path: self.directory.path + "/archive", readOnly: true)
        let alice = [GrantRecord(share: inbox, rights: .all), GrantRecord(share: archive, rights: .all)]
        let bob = [GrantRecord(share: inbox, rights: .read)]
        self.token = try #require(try self.catalog.addUser(try Name("alice"), grants: alice)).secret
        self.readerToken = try #require(try self.catalog.addUser(try Name("bob"), grants: bob)).secret
        self.lifecycle = ServiceGroup(
            services: [
                Daemon(
                    settings: settings,
                    state: self.state,
                    agent: "ferryd/test",
                    version: "test",
                    environment: [:],
                    log: self.log.logger
                )
            ],
            logger: Logger(label: "lifecycle") { _ in SwiftLogNoOpLogHandler() }
        )
        let lifecycle = self.lifecycle
        Task { try await lifecycle.run() }
        let line = await self.log.line(with: "listening", "(plain)")
        self.port = try #require(Self.port(line))
        _ = await self.log.line(with: "ready state=")
    }

    /// Runs `body` with a daemon; afterwards the daemon must still serve, stop, and leave no partial file.
    ///
    /// - Parameters:
    ///   - expectsToServe: false if `body` stops the daemon itself.
    ///   - sourceLocation: of the test.
    ///   - configure: changes the settings, which are those of a daemon with one plain loopback listener.
    ///   - prepare: puts files into the shares, below the directory that it is given, before the daemon starts.
    ///   - body: the test.
    /// - Throws: what `body` throws.
    static func run(
        expectsToServe: Bool = true,
        sourceLocation: SourceLocation = #_sourceLocation,
        _ configure: (inout Settings) -> Void = { _ in },
        prepare: (String) throws -> Void = { _ in },
        _ body: (LiveDaemon) async throws -> Void
    ) async throws {
        var settings = Settings()
        settings.listen = []
        settings.listenPlain = [.internet("127.0.0.1", 0)]
        settings.limits.reserve = 0
        settings.timeouts.shutdown = .seconds(5)
        settings.penalties.first = .zero
        configure(&settings)
        let daemon = try await LiveDaemon(settings, prepare)
        let result: Result<Void, any Error>
        do {
            try await body(daemon)
            if expectsToServe { try await daemon.expectToServe(sourceLocation) }
            result = .success(())
        } catch {
            result = .failure(error)
        }
        await daemon.stop()
        _ = await daemon.log.line(with: "- info stopped")
        // What a later push to the same name would not find would lie there for nothing.
        let unfindable = try daemon.partialFiles().filter { $0.contains(".ferry-part.x") }
        #expect(unfindable == [], sourceLocation: sourceLocation)
        try result.get()
    }

    /// Asks it to stop as SIGTERM does; ``log`` tells when it has.
    func stop() async { await self.lifecycle.triggerGracefulShutdown() }

    /// A normal push and pull, by a client of its own.
    func expectToServe(_ sourceLocation: SourceLocation) async throws {
        var generator = SeededGenerator(seed: 31)
        let bytes = generator.bytes(300_000)
        let client = try await RawClient.logIn(self)
        try await client.push(bytes, to: "inbox/.expected to serve")
        #expect(try await client.pull("inbox/.expected to serve") == bytes, sourceLocation: sourceLocation)
        try await client.send(.remove(path: Data("inbox/.expected to serve".utf8)))
        _ = try await client.finished()
        await client.close()
    }

    /// Names in the share `inbox`, partial files included.
    func files() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: self.inbox).sorted() }

    func content(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(filePath: self.inbox + "/" + name)))
    }

    func partialFiles() throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: self.directory.path).filter { $0.contains(".ferry-part.") }
    }

    private static func port(_ line: String) -> Int? {
        line.split(separator: "127.0.0.1:").last.flatMap { Int($0.prefix { $0.isNumber }) }
    }
}
