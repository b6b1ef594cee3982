import FerryCatalog
import FerryErrors
import FerryServer
import FerryTestKit
import FerryWire
import FoundationEssentials
import Testing

/// Sessions, connections and what they run are freed however a connection ends.
@Suite(.timeLimit(.minutes(5))) struct SessionLeakTests {
    @Test func everySessionIsFreed() async throws {
        let server = try await SessionServer()
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
        server.sessions.end(user: try Name("nobody"), .login)
        try await idle.send(.list(path: Data()))
        guard case .entries = await idle.next()?.body else { throw RawClient.Unexpected(nil, #_sourceLocation) }
        _ = try await idle.finished()
        server.sessions.end(user: try Name("alice"), .login)
        for client in [busy, waiting, idle] {
            // The one that waits may get its turn as the one before it ends.
            #expect(try await client.failureOfTransfer() == .authentication)
            await client.close()
        }
        // `hasty` and the first may be gone before they were accepted as sessions, but then they leave nothing either.
        while server.sessions.count > 0 || server.watched.count < 7 { await Task.yield() }
        try await server.stop()
        for _ in 0..<100_000 where server.watched.alive != (0, 0) { await Task.yield() }
        #expect(server.watched.alive == (0, 0))
        #expect(try FileManager.default.contentsOfDirectory(atPath: server.directory.path + "/inbox") == ["a"])
    }
}
