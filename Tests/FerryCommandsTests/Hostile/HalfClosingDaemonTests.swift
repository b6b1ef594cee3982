import FerryErrors
import FerryTestKit
import FerryWire
import Foundation
import NIOCore
import SwiftProtobuf
import Testing

/// Daemons that end their direction of a connection in the middle, and go on reading: the client waits for nothing that cannot
/// come any more, says what happened, and leaves nothing half.
@Suite(.timeLimit(.minutes(Soak.count(5, soak: 20)))) struct HalfClosingDaemonTests {
    /// How the direction ends.
    enum Manner: String, CaseIterable, Sendable {
        /// With TLS's own word for it.
        case told
        /// Without, as if somebody in between had cut it.
        case bare

        func end(_ peer: WirePeer) async throws {
            switch self {
            case .told: await peer.halfClose()
            case .bare: try await peer.halfCloseBare()
            }
            // Only the client can end it now, or its test takes longer than it may.
            await peer.closed()
        }
    }

    private static let old = Array("the old file".utf8)
    private static let content = Array(TestDaemon.noise(300_000))
    private static let chunks = WireChunk.cut(content)

    /// Runs `ferry` against a daemon that does as `script` says after its welcome and then ends its direction.
    private static func expect(
        _ manner: Manner,
        _ arguments: [String],
        statuses: [Int32] = [5],
        sourceLocation: SourceLocation = #_sourceLocation,
        _ script: @escaping LyingDaemon.Script
    ) async throws {
        try await LyingDaemon.with { peer in
            try await script(peer)
            try await manner.end(peer)
        } _: { liar in
            try await self.run(liar, arguments, statuses, sourceLocation)
        }
    }

    private static func run(
        _ liar: LyingDaemon,
        _ arguments: [String],
        _ statuses: [Int32],
        _ sourceLocation: SourceLocation
    ) async throws {
        try liar.write(self.old, to: "file")
        try FileManager.default.createDirectory(atPath: liar.here + "/tree", withIntermediateDirectories: true)
        try liar.write(self.content, to: "tree/a")
        let outcome = try await liar.start(arguments).outcome()
        #expect(statuses.contains(outcome.status), "\(arguments): \(outcome.errors)", sourceLocation: sourceLocation)
        if outcome.status != 0 {
            // By the end itself, and not because a deadline passed.
            let words = [
                "closed the connection", "was cut", "was lost", "ended within", "handshake with 127.0.0.1 failed",
            ]
            let isToldOfTheEnd = words.contains {
                outcome.errors.contains($0)
            }
            #expect(isToldOfTheEnd, "\(arguments): \(outcome.errors)", sourceLocation: sourceLocation)
        }
        let pulled = arguments.contains("pull") && outcome.status == 0 ? self.content : self.old
        #expect(try liar.read("file") == pulled, sourceLocation: sourceLocation)
        #expect(try liar.read("tree/a") == self.content, sourceLocation: sourceLocation)
        #expect(try liar.names() == ["file", "tree"], sourceLocation: sourceLocation)
        let inTree = try FileManager.default.contentsOfDirectory(atPath: liar.here + "/tree")
        #expect(inTree.filter { !$0.hasPrefix(".ferry-part.") || $0.hasPrefix(".ferry-part.x") } == ["a"])
    }

    @Test(arguments: Manner.allCases, [true, false]) func beforeTheWelcome(
        _ manner: Manner,
        _ readsHello: Bool
    ) async throws {
        for arguments in [["push", "file", "nas:inbox/"], ["pull", "nas:inbox/file", "file"], ["ls", "nas:"]] {
            try await LyingDaemon.withoutWelcome { peer in
                if readsHello { _ = await peer.next() }
                try await manner.end(peer)
            } _: { liar in
                try await Self.run(liar, arguments, [5], #_sourceLocation)
            }
        }
    }

    @Test(arguments: Manner.allCases, ["list", "stat", "rm", "mkdir"]) func withinASmallRequest(
        _ manner: Manner,
        _ request: String
    ) async throws {
        let words = request == "list" ? ["ls", "nas:inbox"] : [request, "nas:inbox/x"]
        try await Self.expect(manner, words) { _ = await $0.next() }
        guard ["list", "stat"].contains(request) else { return }
        try await Self.expect(manner, words) { peer in
            _ = await peer.next()
            let entry = WireEntry.with { ($0.name, $0.kind) = (Data("x".utf8), .file) }
            try await peer.send(.entries([entry]))
        }
    }

    /// How far a pull has come.
    enum PullState: String, CaseIterable, Sendable { case asked, ready, named, wanted, begun, withinABlock, ended }

    @Test(arguments: Manner.allCases, PullState.allCases) func withinAPull(
        _ manner: Manner,
        _ state: PullState
    ) async throws {
        // What has come whole is published, unless the end was quicker.
        let statuses: [Int32] = state == .ended ? [0, 5] : [5]
        try await Self.expect(manner, ["pull", "nas:inbox/file", "file"], statuses: statuses) { peer in
            _ = await peer.next()
            guard state != .asked else { return }
            try await peer.send(.ready(metadata: WireMetadata(), size: 300_000))
            guard state != .ready else { return }
            try await peer.send(Self.chunks.names)
            guard state != .named else { return }
            _ = try await peer.wants()
            switch state {
            case .begun: try await peer.send(Self.chunks[0].block())
            case .withinABlock:
                try await peer.send(Self.chunks[0].block())
                let next = Array(try Self.chunks[1].block().encoded().readableBytesView)
                try await peer.send(bytes: Array(next.prefix(50_000)))
            case .ended:
                for chunk in Self.chunks { try await peer.send(chunk.block()) }
                try await peer.send(Self.chunks.end)
            default: break
            }
        }
    }

    /// How far a push has come.
    enum PushState: String, CaseIterable, Sendable { case asked, ready, named, withinAFrame, wanted, begun, ended }

    @Test(arguments: Manner.allCases, PushState.allCases) func withinAPush(
        _ manner: Manner,
        _ state: PushState
    ) async throws {
        try await Self.expect(manner, ["push", "--compress", "off", "tree/a", "nas:inbox/"]) { peer in
            _ = await peer.next()
            guard state != .asked else { return }
            try await peer.send(.ready())
            guard state != .ready else { return }
            guard case .names(let names) = await peer.next()?.body else { throw WirePeer.Unexpected(nil) }
            let wants = Frame.wants(decided: names.lengths.count, ids: names.ids)
            switch state {
            case .named: return
            case .withinAFrame: try await peer.send(bytes: Array(try wants.encoded().readableBytesView.dropLast(3)))
            case .wanted: try await peer.send(wants)
            default:
                try await peer.send(wants)
                while let frame = await peer.next() {
                    if state == .begun, case .block = frame.body { break }
                    if case .end = frame.body { break }
                }
            }
        }
    }

    /// How far a tree has come, either way.
    enum TreeState: String, CaseIterable, Sendable { case asked, ready, told, needed, begun }

    @Test(arguments: Manner.allCases, TreeState.allCases) func withinAPushOfATree(
        _ manner: Manner,
        _ state: TreeState
    ) async throws {
        try await Self.expect(manner, ["push", "-r", "--compress", "off", "tree", "nas:inbox/tree"]) { peer in
            guard try await Self.untilTree(peer, isPush: true), state != .asked else { return }
            try await peer.send(.ready())
            guard state != .ready else { return }
            let told = try await peer.items().reduce(0) { $0 + $1.modes.count }
            guard state != .told else { return }
            try await peer.send(.needs(decided: told, items: [1], oldSizes: [0]))
            guard state != .needed else { return }
            guard case .names(let names) = await peer.next()?.body else { throw WirePeer.Unexpected(nil) }
            try await peer.send(.wants(decided: names.lengths.count, ids: names.ids))
            _ = await peer.next()
        }
    }

    @Test(arguments: Manner.allCases, TreeState.allCases) func withinAPullOfATree(
        _ manner: Manner,
        _ state: TreeState
    ) async throws {
        try await Self.expect(manner, ["pull", "-r", "nas:inbox/tree", "tree"]) { peer in
            guard try await Self.untilTree(peer, isPush: false), state != .asked else { return }
            try await peer.send(.ready())
            guard state != .ready else { return }
            let file = WireThing("b", WireThing.file, size: Self.content.count)
            try await peer.send([.top, file, .end].items(last: true))
            guard state != .told else { return }
            _ = try await peer.needs()
            guard state != .needed else { return }
            try await peer.send(Self.chunks.names(ends: [Self.chunks.count]))
            _ = try await peer.wants()
            try await peer.send(Self.chunks[0].block())
        }
    }

    /// Answers what the client asks before the tree itself.
    ///
    /// - Returns: whether it asked for the tree.
    private static func untilTree(_ peer: WirePeer, isPush: Bool) async throws -> Bool {
        while let frame = await peer.next() {
            switch frame.body {
            case .pushTree, .pullTree: return true
            case .stat:
                let entry = WireEntry.with { ($0.name, $0.kind) = (Data("tree".utf8), .directory) }
                try await peer.send(.entries([entry]), .finished())
            default: throw WirePeer.Unexpected(frame)
            }
        }
        return false
    }

    /// One that had joined a pull: its transfer goes on without it.
    @Test(arguments: Manner.allCases) func onAConnectionThatHasJoined(_ manner: Manner) async throws {
        let (ends, hasEnded) = AsyncStream.makeStream(of: Void.self)
        try await LyingDaemon.withoutWelcome { peer in
            _ = await peer.next()
            let features = [WireConstants.joinFeature]
            try await peer.send(.welcome(features: features, limits: FrameLimits(), session: "s", agent: "liar/1"))
            guard case .pull = await peer.next()?.body else {
                try await peer.send(.ready())
                try await manner.end(peer)
                return hasEnded.finish()
            }
            try await peer.send(.ready(tickets: [Data([1])]))
            for await _ in ends {}
            try await peer.send(Self.chunks.names)
            _ = try await peer.wants()
            for chunk in Self.chunks { try await peer.send(chunk.block()) }
            try await peer.send(Self.chunks.end)
            await peer.closed()
        } _: { liar in
            try await Self.run(
                liar,
                ["pull", "--connections", "2", "nas:inbox/file", "file"],
                [0],
                #_sourceLocation
            )
        }
    }
}
