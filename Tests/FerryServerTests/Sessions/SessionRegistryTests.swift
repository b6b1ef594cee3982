import FerryCatalog
import FerryErrors
import FerryServer
import FerryWire
import NIOCore
import NIOPosix
import Testing

/// Which sessions end when; the caps are tested with a whole daemon in ConnectionTests.
@Suite(.timeLimit(.minutes(1))) struct SessionRegistryTests {
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
            server.sessions.end(user: try Name("bob"))
            server.sessions.end(tokens: [second.id])
            try await other.expectEnd(.authentication)
            try await first.push([1], to: "inbox/file")
            server.sessions.end(user: alice)
            try await first.expectEnd(.authentication)
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
