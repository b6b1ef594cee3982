import FerryCatalog
import FerryErrors
import FerryServer
import FerryTestKit
import FerryWire
import FoundationEssentials
import Testing

/// A rate that is set holds on real connections, for what clients send and for what they are sent.
@Suite(.timeLimit(.minutes(5))) struct RateLimitTests {
    enum Direction: String, CaseIterable, Sendable { case push, pull }

    private static let rate = 64 << 10

    /// What a rate lets through in that time, which a connection's line in the log tells: however fast or slow the machine is,
    /// it is never more. Beyond the rate: what a bucket at rest has saved, the read that is too much, what logs in and asks.
    private static func most(_ seconds: Double) -> Int { Int(seconds * Double(self.rate)) + self.rate / 8 }

    /// What one connection carried.
    private struct Traffic {
        let received: Int
        let sent: Int
        let seconds: Double

        init(_ line: String) throws {
            self.received = try #require(line.firstMatch(of: /received=(\d+)/).flatMap { Int($0.1) })
            self.sent = try #require(line.firstMatch(of: /sent=(\d+)/).flatMap { Int($0.1) })
            self.seconds = try #require(line.firstMatch(of: /seconds=([0-9.]+)/).flatMap { Double($0.1) })
        }
    }

    /// A client that is logged in.
    private struct Member {
        let client: RawClient
        private let session: String

        init(_ daemon: LiveDaemon, _ token: String, at host: String = "127.0.0.1", port: Int? = nil) async throws {
            self.client = try await RawClient.connect(to: host, port: port ?? daemon.port)
            try await self.client.send(RawClient.hello(token))
            self.session = try await self.client.welcome().session
        }

        func move(_ direction: Direction, _ bytes: [UInt8], _ name: String) async throws {
            switch direction {
            case .push: try await self.client.push(bytes, to: "inbox/\(name)")
            case .pull: #expect(try await self.client.pull("inbox/\(name)") == bytes)
            }
        }

        /// Closes the connection.
        func traffic(_ daemon: LiveDaemon) async throws -> Traffic {
            await self.client.close()
            return try Traffic(await daemon.log.line(with: "connection closed", "session=\(self.session)"))
        }
    }

    private static func noise(_ count: Int) -> [UInt8] {
        var generator = SeededGenerator(seed: 53)
        return generator.bytes(count)
    }

    /// Everything lies in the kernel's buffers, and the daemon takes no more of it than the rate has room for.
    @Test func aPushIsReadNoFasterThanTheRateAllows() async throws {
        try await LiveDaemon.run(expectsToServe: false) { settings in
            settings.limits.rate = Self.rate
            settings.timeouts.shutdown = .seconds(1)
        } _: { daemon in
            let chunks = RawClient.cut(Self.noise(2 << 20))
            let client = try await RawClient.logIn(daemon)
            try await client.send(RawClient.push("inbox/file", size: 2 << 20))
            try await client.ready()
            try await client.send(RawClient.names(chunks))
            _ = try await client.wants()
            for chunk in chunks { client.sendInVain(try RawClient.block(chunk).encoded()) }
            await daemon.stop()
            #expect(try await client.failureOfTransfer() == .shuttingDown)
            await client.close()
            let traffic = try Traffic(await daemon.log.line(with: "connection closed", "user=alice"))
            #expect(traffic.received <= Self.most(traffic.seconds), "\(traffic)")
        }
    }

    /// Both connections are open before either moves anything, and until both have: the time of the longer one has all in it.
    @Test(arguments: Direction.allCases) func aUsersConnectionsShareOneRate(_ direction: Direction) async throws {
        let names = ["a", "b"]
        let (bytes, more) = (Self.noise(80 << 10), Self.noise(8 << 20))
        try await LiveDaemon.run { _ in
        } prepare: { directory in
            for name in names + ["more"] {
                try Data(name == "more" ? more : bytes).write(to: URL(filePath: "\(directory)/inbox/\(name)"))
            }
        } _: { daemon in
            let alice = try Name("alice")
            try daemon.catalog.setRate(Self.rate, of: alice)
            let members = [try await Member(daemon, daemon.token), try await Member(daemon, daemon.token)]
            let other = try await Member(daemon, daemon.readerToken)
            try await withThrowingTaskGroup { tasks in
                for (member, name) in zip(members, names) {
                    tasks.addTask { try await member.move(direction, bytes, name) }
                }
                tasks.addTask { try await other.move(.pull, more, "more") }
                try await tasks.waitForAll()
            }
            let both = [try await members[0].traffic(daemon), try await members[1].traffic(daemon)]
            let moved = both.map { direction == .push ? $0.received : $0.sent }.reduce(0, +)
            #expect(moved > 2 * bytes.count && moved <= Self.most(both.map(\.seconds).max() ?? 0), "\(both)")
            // Two minutes' worth of the rate.
            let free = try await other.traffic(daemon)
            #expect(free.sent > Self.most(free.seconds), "bob is limited, too: \(free)")
            try daemon.catalog.setRate(nil, of: alice)
        }
    }

    /// The daemon has two listeners, and `limits.rates` names one of them.
    @Test(arguments: Direction.allCases) func aListenersRateHoldsThereAndNowhereElse(
        _ direction: Direction
    ) async throws {
        let settings = try load(
            "listen: []\nlisten_plain: ['127.0.0.1:0', '127.0.0.2:0']\nlimits:\n  rates: ['127.0.0.2:0=64KiB']\n"
        ).settings
        let (bytes, more) = (Self.noise(160 << 10), Self.noise(8 << 20))
        try await LiveDaemon.run {
            $0.listenPlain = settings.listenPlain
            $0.limits.rates = settings.limits.rates
        } prepare: { directory in
            try Data(bytes).write(to: URL(filePath: directory + "/inbox/file"))
            try Data(more).write(to: URL(filePath: directory + "/inbox/more"))
        } _: { daemon in
            let line = await daemon.log.line(with: "listening", "127.0.0.2:")
            let port = try #require(line.firstMatch(of: /127\.0\.0\.2:(\d+)/).flatMap { Int($0.1) })
            let limited = try await Member(daemon, daemon.token, at: "127.0.0.2", port: port)
            let other = try await Member(daemon, daemon.token)
            async let isMoved: Void = limited.move(direction, bytes, "file")
            try await other.move(.pull, more, "more")
            try await isMoved
            let traffic = try await limited.traffic(daemon)
            let moved = direction == .push ? traffic.received : traffic.sent
            #expect(moved > bytes.count && moved <= Self.most(traffic.seconds), "\(traffic)")
            let free = try await other.traffic(daemon)
            #expect(free.sent > Self.most(free.seconds), "the other listener is limited, too: \(free)")
        }
    }
}
