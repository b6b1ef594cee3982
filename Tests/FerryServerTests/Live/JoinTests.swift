import FerryCatalog
import FerryChunking
import FerryErrors
import FerryProtocol
import FerryServer
import FerryWire
import FoundationEssentials
import NIOCore
import SwiftProtobuf
import Testing

/// Connections that join a transfer of a real daemon, by hand.
@Suite(.timeLimit(.minutes(5))) struct JoinTests {
    private static func logIn(_ daemon: LiveDaemon, token: String? = nil) async throws -> RawClient {
        let client = try await RawClient.connect(port: daemon.port)
        try await client.send(RawClient.hello(token ?? daemon.token, features: ["x", WireConstants.joinFeature]))
        #expect(try await client.welcome().features == [WireConstants.joinFeature])
        return client
    }

    private static func push(_ size: Int?, connections: Int) -> Frame {
        .push(
            path: Data("inbox/file".utf8),
            metadata: WireMetadata.with { $0.mode = 0o644 },
            size: size.map { UInt64($0) },
            makeParents: false,
            connections: connections
        )
    }

    /// Begins a push and has a further connection join it.
    private static func joined(_ daemon: LiveDaemon) async throws -> (first: RawClient, further: RawClient) {
        let first = try await self.logIn(daemon)
        try await first.send(self.push(nil, connections: 1))
        let tickets = try await first.ready().tickets
        #expect(tickets.count == 1)
        let further = try await self.logIn(daemon)
        try await further.send(.join(tickets[0]))
        try await further.ready()
        return (first, further)
    }

    private static func credit(_ client: RawClient) async throws -> Int {
        let frame = await client.next()
        guard case .credit(let credit) = frame?.body else { throw RawClient.Unexpected(frame, #_sourceLocation) }
        return Int(credit.bytes)
    }

    private static func again(_ chunk: RawClient.Chunk, block number: Int) -> Frame {
        var frame = RawClient.block(chunk)
        guard case .block(var block) = frame.body else { return frame }
        block.lostConnection = 1
        block.lostBlock = UInt64(number)
        frame.body = .block(block)
        return frame
    }

    @Test func blocksTravelOnBothConnections() async throws {
        try await LiveDaemon.run { daemon in
            let bytes = [UInt8]((0..<250_000).map { UInt8(truncatingIfNeeded: $0 / 7) })
            let chunks = RawClient.cut(bytes)
            let (first, further) = try await Self.joined(daemon)
            try await first.send(RawClient.names(chunks))
            _ = try await first.wants()
            try await further.send(RawClient.block(chunks[2]), RawClient.block(chunks[0]))
            // Each block is credited at once, so that the sender knows what has come.
            #expect(try await Self.credit(further) == 50_000)
            #expect(try await Self.credit(further) == 100_000)
            try await first.send(RawClient.block(chunks[1]), RawClient.end(chunks))
            #expect(try await first.finished().size == 250_000)
            #expect(try daemon.content("file") == bytes)
            // The first goes on, the other one is the client's to close.
            #expect(try await first.pull("inbox/file") == bytes)
            await further.close()
            await first.close()
        }
    }

    /// Half of what a connection carried had come when it was lost.
    @Test func aLostConnectionsBlocksAreTakenOnce() async throws {
        try await LiveDaemon.run { daemon in
            let chunks = RawClient.cut([UInt8](repeating: 9, count: 200_000) + [1, 2, 3])
            let (first, further) = try await Self.joined(daemon)
            try await first.send(RawClient.names(chunks))
            // The first two are the same chunk, wanted twice.
            #expect(try await first.wants().ids.count == 96)
            try await further.send(RawClient.block(chunks[0]))
            #expect(try await Self.credit(further) == 100_000)
            await further.close()
            try await first.send(Self.again(chunks[0], block: 1), Self.again(chunks[2], block: 2))
            try await first.send(RawClient.block(chunks[1]), RawClient.end(chunks))
            #expect(try await first.finished().size == 200_003)
            await first.close()
        }
    }

    @Test func aTicketLetsOneConnectionInOnce() async throws {
        try await LiveDaemon.run { daemon in
            let first = try await Self.logIn(daemon)
            try await first.send(Self.push(0, connections: 3))
            let tickets = try await first.ready().tickets
            #expect(Set(tickets).count == 3 && tickets.allSatisfy { $0.count == 32 })
            let other = try await Self.logIn(daemon)
            for garbage in [Data(), Data([1]), Data(tickets[0].dropLast()), Data(count: 60_000)] {
                try await other.send(.join(garbage))
                #expect(try await other.failure() == .denied)
            }
            // Somebody else's ticket stays good for its owner.
            let bob = try await Self.logIn(daemon, token: daemon.readerToken)
            try await bob.send(.join(tickets[0]))
            #expect(try await bob.failure() == .denied)
            try await other.send(.join(tickets[0]))
            try await other.ready()
            let twice = try await Self.logIn(daemon)
            try await twice.send(.join(tickets[0]))
            #expect(try await twice.failure() == .denied)
            try await first.send(RawClient.end([]))
            _ = try await first.finished()
            // The transfer is over, and its tickets with it.
            for ticket in tickets {
                try await twice.send(.join(ticket))
                #expect(try await twice.failure() == .denied)
            }
            _ = try await twice.pull("inbox/file")
            for client in [first, other, bob, twice] { await client.close() }
        }
    }

    @Test func ticketsAreForWhoKnowsThemAndWithinTheLimit() async throws {
        try await LiveDaemon.run {
            $0.limits.connectionsPerTransfer = 2
        } _: { daemon in
            for (features, wished, count) in [([], 5, 0), ([WireConstants.joinFeature], 5, 2), (["join"], 1, 1)] {
                let client = try await RawClient.connect(port: daemon.port)
                try await client.send(RawClient.hello(daemon.token, features: features))
                _ = try await client.welcome()
                try await client.send(Self.push(0, connections: wished))
                #expect(try await client.ready().tickets.count == count)
                try await client.send(RawClient.end([]))
                _ = try await client.finished()
                await client.close()
            }
        }
    }

    /// What a joined connection does not carry ends the transfer, or that connection.
    @Test(arguments: ["names", "end", "credit", "unwanted", "again", "garbage"]) func aJoinedConnectionThatLies(
        _ lie: String
    ) async throws {
        try await LiveDaemon.run { daemon in
            let chunks = RawClient.cut([1, 2, 3])
            let (first, further) = try await Self.joined(daemon)
            switch lie {
            case "names": try await further.send(RawClient.names(chunks))
            case "end": try await further.send(RawClient.end([]))
            case "credit": try await further.send(.credit(1))
            case "unwanted": try await further.send(RawClient.block(chunks[0]))
            case "again": try await further.send(Self.again(chunks[0], block: 1))
            default: try await further.send(.list(path: Data()))
            }
            if lie == "garbage" {
                // Not the transfer's concern.
                try await further.expectEnd(.violation)
                try await first.send(RawClient.end([]))
                _ = try await first.finished()
            } else {
                #expect(try await first.failureOfTransfer() == .violation)
                await further.close()
            }
            await first.close()
        }
    }

    @Test func moreCreditThanWasSent() async throws {
        try await LiveDaemon.run { daemon in
            let first = try await Self.logIn(daemon)
            try await first.push([1, 2, 3], to: "inbox/file")
            try await first.send(.pull(path: Data("inbox/file".utf8), compression: .off, connections: 1))
            let ticket = try await first.ready().tickets[0]
            let further = try await Self.logIn(daemon)
            try await further.send(.join(ticket))
            try await further.ready()
            try await further.send(.credit(1))
            #expect(try await first.failureOfTransfer() == .violation)
            await further.close()
            await first.close()
        }
    }

    /// The daemon sends a pull's blocks on all connections, and once more what one carried that was closed or fell silent.
    @Test(arguments: [false, true]) func aPullGoesOnWithoutALostConnection(silent isSilent: Bool) async throws {
        try await LiveDaemon.run { settings in
            settings.timeouts.transfer = isSilent ? .seconds(1) : .seconds(60)
        } _: { daemon in
            let first = try await Self.logIn(daemon)
            let beats = first.keepAlive(every: .milliseconds(50))
            defer { beats.cancel() }
            var state: UInt64 = 1
            let bytes = (0..<3_000_000).map { _ -> UInt8 in
                state = state &* 6_364_136_223_846_793_005 &+ 1
                return UInt8(truncatingIfNeeded: state >> 40)
            }
            try Data(bytes).write(to: URL(filePath: daemon.inbox + "/file"))
            try await first.send(.pull(path: Data("inbox/file".utf8), compression: .off, connections: 1))
            let ticket = try await first.ready().tickets[0]
            let further = try await Self.logIn(daemon)
            try await further.send(.join(ticket))
            try await further.ready()
            var offsets: [ChunkID: [Int]] = [:]
            var (named, received, decided, lost, again) = (0, 0, 0, 0, 0)
            while let frame = await first.next() {
                switch frame.body {
                case .names(let names):
                    for (id, length) in zip(try ChunkID.unpack(names.ids), names.lengths) {
                        offsets[id, default: []].append(named)
                        named += Int(length)
                    }
                    // Decided only once the other connection carries something, and while nothing was credited.
                    try await first.send(.wants(decided: names.lengths.count, ids: names.ids))
                    decided += names.lengths.count
                    if lost == 0 {
                        guard case .block = await further.next()?.body else { continue }
                        lost = 1
                        if !isSilent { await further.close() }
                    }
                case .block(let block):
                    received += block.lengths.reduce(0) { $0 + Int($1) }
                    if block.lostConnection == 1 { again += 1 }
                    try await first.send(.credit(frame.payload.readableBytes))
                case .end(let end):
                    #expect(end.size == UInt64(bytes.count) && received == bytes.count)
                    try await first.send(.finished(digest: end.digest, size: end.size))
                    #expect(again > 0)
                    if isSilent { #expect(try await further.failureOfTransfer() == .timeout) }
                    await further.close()
                    await first.close()
                    return
                default: throw RawClient.Unexpected(frame, #_sourceLocation)
                }
            }
            Issue.record("the pull did not end")
        }
    }

    /// A login that is revoked ends all, a transfer as well as what has joined it, and whoever waits for memory to join.
    @Test func aRevocationEndsJoinedSessionsToo() async throws {
        let server = try await SessionServer(memory: 45 << 20)
        let clients = [try await Self.logIn(server), try await Self.logIn(server), try await Self.logIn(server)]
        try await clients[0].send(Self.push(nil, connections: 2))
        let tickets = try await clients[0].ready().tickets
        try await clients[1].send(.join(tickets[0]))
        try await clients[1].ready()
        // There is memory for one.
        try await clients[2].send(.join(tickets[1]))
        server.sessions.end(user: try Name("alice"), .login)
        for client in clients {
            #expect(try await client.failureOfTransfer() == .authentication)
            await client.close()
        }
        while server.sessions.count > 0 { await Task.yield() }
        try await server.stop()
        for _ in 0..<100_000 where server.watched.alive != (0, 0) { await Task.yield() }
        #expect(server.watched.alive == (0, 0))
    }

    /// Memory that one transfer gives back lets a connection join another one; what comes before that is refused.
    @Test func whoJoinsWaitsForMemory() async throws {
        let server = try await SessionServer(memory: 40 << 20)
        let first = try await Self.logIn(server)
        try await first.send(Self.push(nil, connections: 2))
        let tickets = try await first.ready().tickets
        let further = [try await Self.logIn(server), try await Self.logIn(server)]
        try await further[0].send(.join(tickets[0]))
        try await further[0].ready()
        try await further[1].send(.join(tickets[1]))
        try await further[1].send(RawClient.block(RawClient.cut([1])[0]))
        try await further[1].expectEnd(.violation)
        try await first.send(RawClient.end([]))
        _ = try await first.finished()
        for client in further + [first] { await client.close() }
        try await server.stop()
    }

    private static func logIn(_ server: SessionServer) async throws -> RawClient {
        let client = try await server.connect()
        try await client.send(RawClient.hello(server.token, features: [WireConstants.joinFeature]))
        _ = try await client.welcome()
        return client
    }
}
