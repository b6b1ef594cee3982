import FerryErrors
import FerryTestKit
import FerryWire
import Foundation
import SwiftProtobuf
import Testing

/// Daemons that lie about a tree to the real client: whatever they tell of, nothing outside the target is touched.
@Suite(.timeLimit(.minutes(Soak.count(5, soak: 20)))) struct LyingTreeTests {
    private static let content = Array("five!".utf8)
    private static let chunks = [WireChunk(content)]
    /// Where an absolute name would lead.
    private static let absolute =
        FileManager.default.temporaryDirectory.path + "/ferry-lie-\(UInt64.random(in: 0 ... .max))"

    private static func file(_ name: String, firstName: String = "") -> WireThing {
        WireThing(name, WireThing.file, size: self.content.count, firstName: firstName)
    }

    /// What lies in the test's directory, but for the target, and what the client itself keeps and says.
    private static func surroundings(_ liar: LyingDaemon) throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: liar.directory)
            .filter { path in
                let isOwn = ["config", "here/got/"].contains { path.hasPrefix($0) }
                return !isOwn && !path.hasSuffix(".out") && !path.hasSuffix(".err")
            }
            .sorted()
    }

    /// Answers `pull -r` of a tree as `lie` says; then the target holds what is expected, and what it held before.
    private static func expectPull(
        _ status: Int32,
        _ expected: [String] = [],
        sourceLocation: SourceLocation = #_sourceLocation,
        _ lie: @escaping LyingDaemon.Script
    ) async throws {
        try await LyingDaemon.with { peer in
            // What it is, and then the tree.
            _ = await peer.next()
            let entry = WireEntry.with { ($0.name, $0.kind) = (Data("tree".utf8), .directory) }
            try await peer.send(.entries([entry]), .finished())
            guard case .pullTree = await peer.next()?.body else { return }
            try await peer.send(.ready())
            try await lie(peer)
            await peer.closed()
        } _: { liar in
            for name in ["outside", "got"] {
                try FileManager.default.createDirectory(
                    atPath: "\(liar.here)/\(name)",
                    withIntermediateDirectories: true
                )
            }
            try liar.write([1], to: "outside/file")
            try liar.write(Array("5 old".utf8), to: "got/same")
            TreeFixture.setTime(liar.here + "/got/same", seconds: 1_000_000_000)
            let before = try self.surroundings(liar)
            let pull = try await liar.ferry("pull", "-r", "--verbose", "nas:inbox/tree", "got")
            #expect(pull.status == status, "\(pull.errors)", sourceLocation: sourceLocation)
            // For the tree, and not because the daemon closed or had lied before.
            let isRefused = ["Transfer", "Protocol"].contains { module in
                pull.errors.contains("code \(FerryError.Code.violation.rawValue) at Ferry\(module)/")
            }
            #expect(isRefused == (status == 5), "\(pull.errors)", sourceLocation: sourceLocation)
            #expect(try self.surroundings(liar) == before, sourceLocation: sourceLocation)
            #expect(try liar.read("outside/file") == [1], sourceLocation: sourceLocation)
            #expect(try liar.read("got/same") == Array("5 old".utf8), sourceLocation: sourceLocation)
            #expect(!FileManager.default.fileExists(atPath: self.absolute), sourceLocation: sourceLocation)
            let names = try FileManager.default.subpathsOfDirectory(atPath: liar.here + "/got")
                .filter { !$0.contains(".ferry-part.") }
            #expect(names.sorted() == expected + ["same"], sourceLocation: sourceLocation)
        }
    }

    /// All that a daemon sends of a tree whose files have the same content, whatever it is asked for.
    private static func sendAll(_ things: [WireThing], _ peer: WirePeer) async throws {
        try await peer.send((things + [.end]).items(last: true))
        _ = try await peer.needs()
        try await peer.send(self.chunks.names(ends: [1]))
        _ = try await peer.wants()
        try await peer.send(self.chunks[0].block(), self.chunks.end)
    }

    @Test func aTreeThatIsTrueArrives() async throws {
        try await Self.expectPull(0, ["a"]) { peer in
            try await Self.sendAll([.top, Self.file("a")], peer)
            try await peer.finished()
        }
    }

    @Test(arguments: ["../x", "../../x", "..", "a/../../x", "outside\0", "", Self.absolute])
    func aNameThatLeadsElsewhere(_ name: String) async throws {
        for mode in [WireThing.file, WireThing.directory, WireThing.link] {
            try await Self.expectPull(5) { peer in
                let thing = WireThing(name, mode, size: mode == WireThing.file ? 5 : 0, target: "x")
                try await Self.sendAll([.top, thing], peer)
            }
        }
    }

    @Test(arguments: ["link/x", "link/file"]) func aNameThatLeadsThroughALink(_ name: String) async throws {
        try await Self.expectPull(5, ["link"]) { peer in
            try await peer.send([.top, WireThing("link", WireThing.link, target: "../outside")].items())
            _ = try await peer.needs()
            try await Self.sendAll([Self.file(name)], peer)
        }
    }

    /// The link becomes no directory to write into, and no file is what it leads to.
    @Test(arguments: [WireThing.directory, WireThing.file]) func aLinkThatIsToldAgain(_ mode: UInt32) async throws {
        try await Self.expectPull(5, ["link"]) { peer in
            try await peer.send([.top, WireThing("link", WireThing.link, target: "../outside")].items())
            _ = try await peer.needs()
            try await Self.sendAll([WireThing("link", mode), Self.file("file")], peer)
        }
    }

    @Test func aNameThatComesTwice() async throws {
        try await Self.expectPull(5) { peer in try await Self.sendAll([.top, Self.file("a"), Self.file("a")], peer) }
    }

    @Test(arguments: ["../outside/file", Self.absolute]) func aFurtherNameOfAFileElsewhere(_ first: String) async throws
    {
        try await Self.expectPull(5) { peer in
            try await Self.sendAll([.top, Self.file("a", firstName: first)], peer)
        }
    }

    /// It is there already, as old and as long as the daemon says.
    @Test(arguments: ["names", "end", "block"]) func contentThatNobodyAskedFor(_ lie: String) async throws {
        try await Self.expectPull(5) { peer in
            try await peer.send([.top, Self.file("same"), .end].items(last: true))
            let needs = try await peer.needs()
            #expect(needs.decided == 3 && needs.items == [])
            switch lie {
            case "names": try await peer.send(Self.chunks.names(ends: [1]))
            case "end": try await peer.send([WireChunk]().names(ends: [0]))
            default: try await peer.send(Self.chunks[0].block())
            }
        }
    }

    @Test func contentOfMoreFilesThanWereAskedFor() async throws {
        try await Self.expectPull(5) { peer in
            try await peer.send([.top, Self.file("a"), Self.file("same"), .end].items(last: true))
            #expect(try await peer.needs().items == [1])
            try await peer.send((Self.chunks + Self.chunks).names(ends: [1, 2]))
        }
    }

    /// One file of a snapshot is asked for: nothing else is taken for it.
    @Test(arguments: ["two", "directory", "nothing", "furtherName", "left out", "the file"])
    func somethingElseThanTheOneFile(_ lie: String) async throws {
        try await LyingDaemon.with { peer in
            _ = await peer.next()
            let entry = WireEntry.with { ($0.name, $0.kind, $0.size) = (Data("file".utf8), .file, 5) }
            try await peer.send(.entries([entry]), .finished())
            guard case .pullTree(let pull) = await peer.next()?.body else { return }
            #expect(pull.single)
            try await peer.send(.ready())
            switch lie {
            case "two": try await Self.sendAll([.top, Self.file("a"), Self.file("b")], peer)
            case "directory":
                try await Self.sendAll([.top, WireThing("a", WireThing.directory), Self.file("b"), .end], peer)
            case "nothing": try await peer.send([.top, .end].items(last: true))
            case "furtherName": try await Self.sendAll([.top, Self.file("a", firstName: "secret")], peer)
            case "left out": try await Self.sendAll([.top, WireThing("a", 1)], peer)
            default:
                try await Self.sendAll([.top, Self.file("../a")], peer)
                try await peer.finished()
            }
            await peer.closed()
        } _: { liar in
            try liar.write([1], to: "secret")
            let pull = try await liar.ferry("restore", "--verbose", "nas:laptops@latest/file", "got")
            // The name is this side's choice.
            #expect(pull.status == (lie == "the file" ? 0 : 5), "\(pull.errors)")
            let names = try FileManager.default.contentsOfDirectory(atPath: liar.here)
            #expect(names.contains("got") == (lie == "the file") && !names.contains("a") && !names.contains("b"))
            #expect(try liar.read("secret") == [1])
        }
    }
}
