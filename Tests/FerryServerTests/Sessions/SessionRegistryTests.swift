import FerryCatalog
import FerryErrors
import FerryServer
import FerryTestKit
import FerryWire
import NIOCore
import NIOPosix
import Synchronization
import Testing

/// Which sessions end when; the caps are tested with a whole daemon in ConnectionTests.
@Suite(.timeLimit(.minutes(5))) struct SessionRegistryTests {
    private static func withServer(_ body: (SessionServer) async throws -> Void) async throws {
        let server = try await SessionServer()
        let result: Result<Void, any Error>
        do { result = .success(try await body(server)) } catch { result = .failure(error) }
        while server.sessions.count > 0 { await Task.yield() }
        try await server.stop()
        try result.get()
    }

    @Test func connectionsAreCountedUntilTheyClose() async throws {
        try await Self.withServer { server in
            let clients = try await [server.logIn(), server.logIn()]
            #expect(server.sessions.count == 2)
            await clients[0].close()
            while server.sessions.count > 1 { await Task.yield() }
            await clients[1].close()
        }
    }

    @Test func onlyTheSessionsOfATokenOrUserEnd() async throws {
        try await Self.withServer { server in
            let alice = try Name("alice")
            let second = try server.catalog.addToken(user: alice, name: "second")
            let (first, other) = (try await server.logIn(), try await server.connect())
            try await other.send(RawClient.hello(second.secret))
            _ = try await other.welcome()
            server.sessions.end(tokens: [])
            server.sessions.end(tokens: ["no such id"])
            server.sessions.end(user: try Name("bob"), .login)
            server.sessions.end(tokens: [second.id])
            try await other.expectEnd(.authentication)
            try await first.push([1], to: "inbox/file")
            server.sessions.end(user: alice, .login)
            try await first.expectEnd(.authentication)
        }
    }

    /// A revocation that comes while a login is looked up finds a session without an identity, and must not miss it.
    @Test func aTokenThatIsRevokedDuringItsLoginOpensNothing() async throws {
        let revocation = Revocation()
        let server = try await SessionServer(beforeLookUp: { revocation.lookUp() })
        revocation.arm(try Catalog(path: server.directory.path + "/catalog"))
        let client = try await server.connect()
        try await client.send(RawClient.hello(server.token))
        try await client.expectEnd(.authentication)
        while server.sessions.count > 0 { await Task.yield() }
        try revocation.disarm()
        try await server.stop()
    }

    /// Removes alice's token between the first and the second look at it.
    private final class Revocation: Sendable {
        private let state = Mutex((catalog: Catalog?.none, lookUps: 0))

        func arm(_ catalog: Catalog) { self.state.withLock { $0.catalog = catalog } }

        func disarm() throws { try self.state.withLock { try $0.catalog?.close() } }

        func lookUp() {
            let catalog = self.state.withLock { state in
                if state.catalog != nil { state.lookUps += 1 }
                return state.lookUps == 2 ? state.catalog : nil
            }
            do { try catalog?.removeToken(user: try Name("alice"), token: "first") } catch { Issue.record(error) }
        }
    }

    @Test func drainingAnEmptyRegistrySucceedsAtOnceAndLetsNobodyIn() async throws {
        try await Self.withServer { server in
            let empty = MultiThreadedEventLoopGroup.singleton.any().makePromise(of: Void.self)
            server.sessions.drain(empty)
            try await empty.futureResult.get()
            let late = try await server.connect()
            await late.closed()
            #expect(server.sessions.count == 0)
        }
    }

    @Test func drainingEndsTheIdleNowAndTheBusyAfterTheirRequest() async throws {
        try await Self.withServer { server in
            let (idle, busy, silent) = (try await server.logIn(), try await server.logIn(), try await server.connect())
            while server.sessions.count < 3 { await Task.yield() }
            try await busy.send(RawClient.push("inbox/file", size: 0))
            try await busy.ready()
            let empty = MultiThreadedEventLoopGroup.singleton.any().makePromise(of: Void.self)
            server.sessions.drain(empty)
            try await idle.expectEnd(.shuttingDown)
            try await silent.expectEnd(.shuttingDown)
            try await busy.send(RawClient.end([]))
            _ = try await busy.finished()
            // Not even a request that came at once is begun.
            try await busy.send(RawClient.push("inbox/other", size: 0))
            try await busy.expectEnd(.shuttingDown)
            try await empty.futureResult.get()
            #expect(server.sessions.count == 0)
        }
    }

    @Test func cuttingEndsTheBusyAndClosesOnThoseThatWereTold() async throws {
        try await Self.withServer { server in
            let busy = try await server.logIn()
            try await busy.send(RawClient.push("inbox/file", size: 3))
            try await busy.ready()
            server.sessions.cut()
            #expect(try await busy.failure() == .shuttingDown)
            // It stays; the second cut does not wait for it.
            server.sessions.cut()
            await busy.closed()
        }
    }
}
