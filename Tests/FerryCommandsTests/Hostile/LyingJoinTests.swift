import FerryErrors
import FerryTestKit
import FerryWire
import Foundation
import Testing

/// Daemons that lie on connections that the real client has joined to a pull.
@Suite(.timeLimit(.minutes(Soak.count(5, soak: 20)))) struct LyingJoinTests {
    private static let old = Array("the old file".utf8)
    private static let chunks = WireChunk.cut(Array(TestDaemon.noise(300_000)))

    /// Answers a pull, says `lie` on the connection that joins it, and lets the pull go on as `rest` says.
    private static func expectPull(
        _ status: Int32,
        lie: @escaping LyingDaemon.Script,
        rest: @escaping LyingDaemon.Script
    ) async throws {
        let (lies, hasLied) = AsyncStream.makeStream(of: Void.self)
        try await LyingDaemon.withoutWelcome { peer in
            _ = await peer.next()
            let features = [WireConstants.joinFeature]
            try await peer.send(.welcome(features: features, limits: FrameLimits(), session: "s", agent: "liar/1"))
            guard case .pull(let pull) = await peer.next()?.body else {
                try await lie(peer)
                hasLied.yield()
                return await peer.closed()
            }
            #expect(pull.connections == 3)
            // More than were asked for.
            try await peer.send(.ready(tickets: (0..<9).map { Data([$0]) }))
            for await _ in lies { break }
            try await rest(peer)
            await peer.closed()
        } _: { liar in
            try liar.write(Self.old, to: "file")
            let pull = try await liar.ferry("pull", "--connections", "4", "nas:inbox/file", "file")
            #expect(pull.status == status, "\(pull.errors)")
            #expect(try liar.read("file") == (status == 0 ? self.chunks.flatMap(\.bytes) : Self.old))
            #expect(try liar.names() == ["file"])
        }
    }

    private static func send(_ peer: WirePeer) async throws {
        try await peer.send(self.chunks.names)
        _ = try await peer.wants()
        for chunk in self.chunks { try await peer.send(chunk.block()) }
        try await peer.send(self.chunks.end)
    }

    @Test(arguments: ["garbage", "failure", "silence", "end"]) func whoNeverJoinsDoesNoHarm(_ lie: String) async throws
    {
        try await Self.expectPull(0) { peer in
            switch lie {
            case "garbage": try await peer.send(.entries([]), .credit(7))
            case "failure": try await peer.send(.failure(FerryError(.denied, "no")))
            case "end": await peer.close()
            default: break
            }
        } rest: {
            try await Self.send($0)
        }
    }

    @Test(arguments: ["names", "unwanted", "credit", "again"]) func whatAJoinedConnectionDoesNotCarry(
        _ lie: String
    ) async throws {
        try await Self.expectPull(5) { peer in
            try await peer.send(.ready())
            switch lie {
            case "names": try await peer.send(Self.chunks.names)
            case "unwanted": try await peer.send(Self.chunks[0].block())
            case "credit": try await peer.send(.credit(1))
            default:
                var block = Self.chunks[0].block()
                guard case .block(var body) = block.body else { return }
                (body.lostConnection, body.lostBlock) = (1, 1)
                block.body = .block(body)
                try await peer.send(block)
            }
        } rest: { _ in
        }
    }
}
