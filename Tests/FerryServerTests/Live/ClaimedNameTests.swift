import FerryCatalog
import FerryErrors
import FerryServer
import FerryTestKit
import FerryWire
import FoundationEssentials
import NIOCore
import NIOPosix
import Testing

/// Two pushes that want one name: the second waits for the first, whose link may be dead without anybody having been told.
@Suite(.timeLimit(.minutes(2))) struct ClaimedNameTests {
    /// How long something takes.
    private func time(_ body: () async throws -> Void) async rethrows -> Duration {
        try await ContinuousClock().measure(body)
    }

    private static let chunks = {
        var generator = SeededGenerator(seed: 47)
        return RawClient.cut(generator.bytes(300_000))
    }()
    private static let bytes = chunks.flatMap(\.bytes)

    /// A push of which two chunks of three have arrived, in the order of frames.
    private func begin(_ daemon: LiveDaemon) async throws -> RawClient {
        let client = try await RawClient.logIn(daemon)
        try await client.send(RawClient.push("inbox/file", size: Self.bytes.count))
        try await client.ready()
        let two = Array(Self.chunks[..<2])
        try await client.send(RawClient.names(two))
        _ = try await client.wants()
        for chunk in two { try await client.send(RawClient.block(chunk)) }
        try await client.send(RawClient.names([Self.chunks[2]]))
        _ = try await client.wants()
        return client
    }

    /// The daemon's kernel is owed no answer, and has to ask for one; or the daemon has said something that nobody
    /// acknowledges.
    @Test(arguments: [15_000, 500]) func aPushWhoseLinkIsDeadMakesWay(_ keepAlive: Int) async throws {
        try await LiveDaemon.run {
            $0.timeouts.keepAlive = .milliseconds(keepAlive)
        } _: { daemon in
            let lost = try await self.begin(daemon)
            try await lost.vanish()
            let client = try await RawClient.logIn(daemon)
            #expect(try await client.push(Self.bytes, to: "inbox/file") == 1, "it begins anew")
            #expect(try daemon.content("file") == Self.bytes)
            _ = await daemon.log.line(with: "push failed", "the link was dead for 5 s")
            await client.close()
            await lost.close()
        }
    }

    @Test func theTimeIsTheSettings() async throws {
        try await LiveDaemon.run {
            $0.timeouts.takeover = .seconds(2)
        } _: { daemon in
            let lost = try await self.begin(daemon)
            try await lost.vanish()
            let client = try await RawClient.logIn(daemon)
            #expect(try await client.push(Self.bytes, to: "inbox/file") == 1)
            _ = await daemon.log.line(with: "push failed", "the link was dead for 2 s")
            await client.close()
            await lost.close()
        }
    }

    @Test func aPushThatIsOnlySlowIsLeftAlone() async throws {
        try await LiveDaemon.run { daemon in
            let (slow, client) = (try await self.begin(daemon), try await RawClient.logIn(daemon))
            // What its link has said before it was asked must be older than what it is to say.
            try await client.push(Self.bytes, to: "inbox/other")
            let waited = try await self.time {
                try await client.send(RawClient.push("inbox/file", size: 0))
                #expect(try await client.failure() == .busy)
            }
            #expect(waited >= .seconds(8))
            try await slow.send(RawClient.block(Self.chunks[2]), RawClient.end(Self.chunks))
            _ = try await slow.finished()
            #expect(try daemon.content("file") == Self.bytes)
            // The name is free as soon as the push has been confirmed.
            try await client.push([4], to: "inbox/file")
            #expect(try daemon.content("file") == [4])
            await slow.close()
            await client.close()
        }
    }

    @Test(arguments: ["finished", "cut"]) func aNameIsTakenOverAsSoonAsItIsFree(_ end: String) async throws {
        try await LiveDaemon.run {
            $0.timeouts.keepAlive = .milliseconds(100)
        } _: { daemon in
            let (first, second) = (try await self.begin(daemon), try await RawClient.logIn(daemon))
            let waited = try await self.time {
                try await second.send(RawClient.push("inbox/file", size: Self.bytes.count))
                // It is told nothing but that the daemon lives.
                #expect(await second.nextKeepAlive())
                if end == "finished" {
                    try await first.send(RawClient.block(Self.chunks[2]), RawClient.end(Self.chunks))
                    _ = try await first.finished()
                } else {
                    await first.close()
                }
                #expect(try await second.sendFile(Self.bytes) == (end == "finished" ? 3 : 1))
            }
            // Before anything was found out about the link, and before it would have been refused.
            #expect(waited < .seconds(4))
            #expect(try daemon.content("file") == Self.bytes)
            await first.close()
            await second.close()
        }
    }

    @Test func anotherUsersPushIsNotWaitedFor() async throws {
        try await LiveDaemon.run { daemon in
            try daemon.catalog.grant(user: try Name("bob"), share: try Name("inbox"), rights: .all)
            let (first, second) = (try await self.begin(daemon), try await RawClient.connect(port: daemon.port))
            try await second.send(RawClient.hello(daemon.readerToken))
            _ = try await second.welcome()
            let waited = try await self.time {
                try await second.send(RawClient.push("inbox/file", size: 0))
                #expect(try await second.failure() == .busy)
            }
            #expect(waited < .seconds(4))
            await first.close()
            await second.close()
        }
    }

    /// It ends at once, and is not kept for when the name is free.
    @Test func aPushThatGivesUpWaiting() async throws {
        let server = try await SessionServer(memory: 64 << 20)
        let first = try await server.logIn()
        try await first.send(RawClient.push("inbox/file", size: 0))
        try await first.ready()
        let second = try await server.logIn()
        let waited = try await self.time {
            try await second.send(RawClient.push("inbox/file", size: 0))
            await second.close()
            _ = await server.log.line(with: "push failed", "went away")
        }
        #expect(waited < .seconds(4))
        for _ in 0..<100_000 where server.watched.alive.sessions != 1 { await Task.yield() }
        #expect(server.watched.alive.sessions == 1)
        try await first.send(RawClient.end([]))
        _ = try await first.finished()
        await first.close()
        try await server.stop()
    }
}

extension RawClient {
    /// Ends without a word; only what is sent still leaves.
    fileprivate func vanish() async throws {
        let socket = try #require(self.channel as? any SocketOptionProvider)
        let option = NIOBSDSocket.Option(rawValue: DropFilter.option)
        try await socket.unsafeSetSocketOption(level: .socket, name: option, value: DropFilter()).get()
    }
}
