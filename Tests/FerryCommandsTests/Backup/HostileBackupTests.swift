import FerryChunking
import FerryErrors
import FerryObjects
import FerryProtocol
import FerryTestKit
import FerryWire
import Foundation
import NIOCore
import Testing

/// Clients that lie in a backup: each is refused with the right code, makes no snapshot, and the daemon goes on for others.
@Suite(.timeLimit(.minutes(Soak.count(5, soak: 20)))) struct HostileBackupTests {
    private static let hello = WireObject.data("hello")
    private static let top = WireObject.directory([hello.file("a")])

    /// A daemon with a repository and a listener without TLS.
    private static func besieged(_ body: (Besieged) async throws -> Void) async throws {
        try await Besieged.with { besieged in
            let daemon = besieged.daemon
            let made = try await daemon.ferryd("repository", "create", "laptops", "--path", daemon.repository)
            #expect(made.status == 0, "\(made.errors)")
            #expect(try await daemon.ferryd("grant", "alice", "laptops=read,write").status == 0)
            try await body(besieged)
        }
    }

    /// Lets `lie` follow Ready, and expects how that ends.
    private static func expectEnd(
        _ code: FerryError.Code,
        _ besieged: Besieged,
        dryRun: Bool = false,
        _ what: String,
        _ lie: (WirePeer) async throws -> Void
    ) async throws {
        let peer = try await besieged.logIn()
        try await peer.beginBackup(dryRun: dryRun)
        try await lie(peer)
        #expect(await peer.failure() == code, "\(what)")
        await peer.close()
    }

    /// What an honest client finds afterwards.
    private static func expectToServe(_ besieged: Besieged, snapshots: Int = 0) async throws {
        let daemon = besieged.daemon
        #expect(try await daemon.snapshots().count == snapshots)
        try daemon.put("tree/a", "hello")
        try await daemon.backUp()
        try await daemon.restore(to: "back")
        #expect(try TreeFixture.differences(daemon.here + "/tree", daemon.here + "/back") == "")
        let verify = try await daemon.ferryd("verify", "laptops", "--read-data")
        #expect(verify.status == 0, "\(verify.text)\(verify.errors)")
    }

    /// What a client remembered of its last backup was lost since: it gives up and begins again, and no backup has failed.
    @Test func whoBeginsAgainHasNotFailed() async throws {
        try await Self.besieged { besieged in
            let peer = try await besieged.logIn()
            try await peer.beginBackup()
            try await peer.send(.failure(FerryError(FerryError.Code(rawValue: "stale-states"), "it is not there")))
            let log = try await besieged.daemon.log.text(matching: "info backup begins again .*path=laptops")
            #expect(!log.contains("backup failed"), "\(log)")
            await peer.close()
        }
    }

    /// What no client of ours asks for: each is refused, and no more than that.
    @Test func oneThingThatIsNoneAndADayThatThereIsNot() async throws {
        try await Self.besieged { besieged in
            let peer = try await besieged.logIn()
            try await peer.backUp([Self.hello, Self.top])
            func single(_ path: String) -> Frame {
                .pullTree(path: Data(path.utf8), options: WireTreeOptions(), compression: .off, single: true)
            }
            for (code, request) in [
                (FerryError.Code.unsupported, single("inbox")), (.notAFile, single("laptops@latest")),
                (.notFound, single("laptops@latest/b")), (.usage, single("laptops@2026-02-30/a")),
                (.usage, .list(path: Data("laptops@2026-01-31T25:00".utf8))),
            ] {
                try await peer.send(request)
                #expect(await peer.failure() == code, "\(request.body)")
            }
            await peer.close()
        }
    }

    @Test func anHonestOneByHandIsTaken() async throws {
        try await Self.besieged { besieged in
            let peer = try await besieged.logIn()
            try await peer.backUp([Self.hello, Self.top])
            // All of it is there, so that the top's name is enough.
            try await peer.beginBackup()
            #expect(try await peer.name(Self.top) == false)
            try await peer.send([Self.top].commit(root: Self.top.id))
            try await peer.finished()
            await peer.close()
            #expect(try await besieged.daemon.ferry("dump", "nas:laptops@latest/a").text == "hello")
            #expect(try await besieged.daemon.ferry("ls", "nas:laptops@latest").text == "a\n")
            try await Self.expectToServe(besieged, snapshots: 2)
        }
    }

    @Test func nodesBeforeWhatTheyPointToAndRootsThatAreNotThere() async throws {
        try await Self.besieged { besieged in
            try await Self.expectEnd(.violation, besieged, "a node before its chunk") { peer in
                for object in [Self.hello, Self.top] { #expect(try await peer.name(object)) }
                try await peer.send(Self.top.block())
            }
            // What it was told by itself does not make it there.
            let outer = WireObject.directory([Self.top.entry("d")])
            try await Self.expectEnd(.violation, besieged, "a node before its node") { peer in
                for object in [Self.hello, Self.top, outer] { _ = try await peer.name(object) }
                try await peer.send(Self.hello.block(), outer.block())
            }
            try await Self.expectEnd(.violation, besieged, "a node that points to itself, as a chunk") { peer in
                let own = WireObject.directory([WireObject.data(Self.top.chunk.bytes).file("a")])
                _ = try await peer.name(own)
                try await peer.send(own.block())
            }
            try await Self.expectEnd(.violation, besieged, "no root") { peer in
                try await peer.send([WireObject]().commit(root: nil))
            }
            try await Self.expectEnd(.violation, besieged, "a root that was never named") { peer in
                try await peer.send([WireObject]().commit(root: outer.id))
            }
            try await Self.expectEnd(.violation, besieged, "a chunk as root") { peer in
                _ = try await peer.name(Self.hello)
                try await peer.send(Self.hello.block(), [Self.hello].commit(root: Self.hello.id))
            }
            try await Self.expectEnd(.violation, besieged, "a commit before what is wanted was sent") { peer in
                _ = try await peer.name(WireObject.data("never sent"))
                try await peer.send([WireObject.data("never sent")].commit(root: Self.top.id))
            }
            try await Self.expectToServe(besieged)
        }
    }

    /// What one client sent and is not durable yet, another must send as well; whose connection is cut is of no matter.
    @Test(arguments: [true, false]) func twoWithTheSameNewChunk(_ isFirstCut: Bool) async throws {
        try await Self.besieged { besieged in
            let (first, second) = (try await besieged.logIn(), try await besieged.logIn())
            for peer in [first, second] { try await peer.beginBackup() }
            #expect(try await first.name(Self.hello))
            try await first.send(Self.hello.block())
            // Names behind a block are answered behind it.
            #expect(try await first.name(Self.top))
            #expect(try await second.name(Self.hello), "what is not durable was told to be there")
            try await second.send(Self.hello.block())
            #expect(try await second.name(Self.top))
            let (cut, kept) = isFirstCut ? (first, second) : (second, first)
            await cut.close()
            try await kept.send(Self.top.block(), [Self.hello, Self.top].commit(root: Self.top.id))
            try await kept.finished()
            await kept.close()
            #expect(try await besieged.daemon.ferry("dump", "nas:laptops@latest/a").text == "hello")
            try await Self.expectToServe(besieged, snapshots: 1)
        }
    }

    @Test func blocksThatAreNotWhatTheySay() async throws {
        try await Self.besieged { besieged in
            try await Self.expectEnd(.integrity, besieged, "another content") { peer in
                _ = try await peer.name(Self.hello)
                try await peer.send(Self.hello.block(payload: Array("HELLO".utf8)))
            }
            try await Self.expectEnd(.violation, besieged, "data as a node") { peer in
                _ = try await peer.name(Self.hello)
                try await peer.send(Self.hello.block(asNode: true))
            }
            let noNode = WireObject(isNode: true, chunk: WireChunk(Array("no node at all".utf8)))
            try await Self.expectEnd(.violation, besieged, "a node that is none") { peer in
                _ = try await peer.name(noNode)
                try await peer.send(noNode.block())
            }
            let long = WireObject(isNode: true, chunk: WireChunk([0] + [UInt8](repeating: 7, count: 256 << 10)))
            try await Self.expectEnd(.violation, besieged, "a node that is too long") { peer in
                _ = try await peer.name(long)
                try await peer.send(long.block())
            }
            try await Self.expectEnd(.violation, besieged, "a block that nobody wants") { peer in
                try await peer.send(Self.hello.block())
            }
            try await Self.expectEnd(.violation, besieged, "the same block twice") { peer in
                _ = try await peer.name(Self.hello)
                try await peer.send(Self.hello.block(), Self.hello.block())
            }
            // What came before a lie stays, and is not wanted again.
            let other = WireObject.data("other")
            try await Self.expectEnd(.violation, besieged, dryRun: true, "a block in a dry run") { peer in
                #expect(try await peer.name(Self.hello) == false)
                #expect(try await peer.name(other))
                try await peer.send(other.block())
            }
            let bomb = ByteBuffer(bytes: [0x78, 0x9C, 0x2B, 0x49, 0xAD, 0x28, 0x29, 0xA1, 0x31, 0x06, 0x00, 0xB9])
            try await Self.expectEnd(.integrity, besieged, "no zlib") { peer in
                _ = try await peer.name(other)
                let ids = ChunkID.pack([other.id])
                try await peer.send(.block(codec: .zlib, ids: ids, lengths: [5], payload: bomb))
            }
            try await Self.expectToServe(besieged)
        }
    }

    @Test func namesAndCommitsAgainstTheRules() async throws {
        try await Self.besieged { besieged in
            try await Self.expectEnd(.limit, besieged, "more names than the window") { peer in
                for batch in 0..<5 {
                    let chunks = (0..<1024).map { WireChunk(Array("\(batch) \($0)".utf8)) }
                    try await peer.send(chunks.names)
                }
            }
            try await Self.expectEnd(.violation, besieged, "an end of a file") { peer in
                try await peer.send(.names(ids: ChunkID.pack([Self.hello.id]), lengths: [5], ends: [1]))
            }
            try await Self.expectEnd(.violation, besieged, "two lengths") { peer in
                _ = try await peer.name(Self.hello)
                try await peer.send(.names(ids: ChunkID.pack([Self.hello.id]), lengths: [6]))
            }
            try await Self.expectEnd(.violation, besieged, "an end in place of a commit") { peer in
                try await peer.send([WireChunk]().end)
            }
            try await Self.expectEnd(.limit, besieged, "a long note") { peer in
                let note = [UInt8](repeating: 1, count: 32 << 10 + 1)
                try await peer.send([WireObject]().commit(root: Self.top.id, note: note))
            }
            try await Self.expectEnd(.integrity, besieged, "another digest") { peer in
                for object in [Self.hello, Self.top] where try await peer.name(object) {
                    try await peer.send(object.block())
                }
                try await peer.send([Self.hello].commit(root: Self.top.id))
            }
            // In a push there are none.
            let peer = try await besieged.logIn()
            try await peer.send(WirePeer.push("inbox/file", size: nil))
            try await peer.ready()
            try await peer.send(.names(ids: ChunkID.pack([Self.hello.id]), lengths: [5], nodes: true))
            #expect(await peer.failure() == .violation)
            await peer.close()
            #expect(try besieged.shares("file") == false)
            let other = try await besieged.logIn()
            try await other.send(WirePeer.push("inbox/file", size: nil))
            try await other.ready()
            try await other.send([Self.hello.chunk].names)
            _ = try await other.wants()
            try await other.send(Self.hello.block(asNode: true))
            #expect(await other.failure() == .violation)
            await other.close()
            try await Self.expectToServe(besieged)
        }
    }

    /// Nobody checks what a client states about its snapshot; it must not be in the way of others.
    @Test func aNoteThatIsNone() async throws {
        try await Self.besieged { besieged in
            let peer = try await besieged.logIn()
            for note in [[0xFF], [1, 200, 1], [UInt8](repeating: 0x80, count: 32 << 10)] {
                try await peer.backUp([Self.hello, Self.top], note: note)
            }
            await peer.close()
            let list = try await besieged.daemon.ferry("snapshots", "nas:laptops")
            #expect(list.status == 0 && list.text.split(separator: "\n").count == 4, "\(list.text)\(list.errors)")
            #expect(try await besieged.daemon.ferry("ls", "nas:laptops@no-tag").status == 6)
            try await Self.expectToServe(besieged, snapshots: 3)
        }
    }

    /// Entries that no honest client makes: they are named, or refused, and nothing leaves the target.
    @Test func entriesThatLie() async throws {
        try await Self.besieged { besieged in
            let daemon = besieged.daemon
            func further(_ name: String, _ first: String) -> Entry {
                var entry = Self.hello.file(name)
                entry.content = .furtherName(Array(first.utf8))
                return entry
            }
            let peer = try await besieged.logIn()
            var short = Self.hello.file("short")
            short.content = .segments([.chunk(Self.hello.id, length: 4)])
            var recipe = Self.hello.file("recipe")
            recipe.content = .recipe(Self.top.id, size: 5)
            let liar = WireObject.directory(
                [
                    Self.hello.file("good"), further("itself", "itself"), further("lost", "../../etc/passwd"), recipe,
                    short,
                ].sorted { $0.name.lexicographicallyPrecedes($1.name) }
            )
            try await peer.backUp([Self.hello, Self.top, liar])
            for name in ["itself", "lost", "recipe", "short"] {
                let dump = try await daemon.ferry("dump", "nas:laptops@latest/\(name)")
                #expect(dump.status != 0, "\(name)")
            }
            let restore = try await daemon.ferry("restore", "nas:laptops@latest", "liar")
            #expect(restore.status != 0, "\(restore.errors)")
            #expect(try await daemon.ferry("dump", "nas:laptops@latest/good").text == "hello")
            // The top is no directory but the list of a file's chunks.
            let chunks = WireObject.node(RecipeLeaf([.chunk(Self.hello.id, length: 5)]).node)
            try await peer.backUp([Self.hello, chunks])
            for command in [["ls", "nas:laptops@latest"], ["restore", "nas:laptops@latest", "none"]] {
                let outcome = try await daemon.run("ferry", command)
                #expect(outcome.status != 0, "\(command)")
            }
            // A directory that is none, beside what is good: nothing is deleted for it.
            let bad = WireObject.directory([chunks.entry("bad"), Self.top.entry("good")])
            try await peer.backUp([Self.hello, Self.top, chunks, bad])
            await peer.close()
            try daemon.put("over/bad/kept", "1")
            try daemon.put("over/good/kept", "1")
            let part = try await daemon.ferry("restore", "--delete", "nas:laptops@latest", "over")
            #expect(part.status == 3 && part.errors.contains("bad"), "\(part.status) \(part.errors)")
            let there = try FileManager.default.subpathsOfDirectory(atPath: daemon.here + "/over").sorted()
            #expect(there == ["bad", "bad/kept", "good", "good/a", "good/kept"])
            #expect(try await daemon.snapshots().count == 3)
        }
    }

    /// Directories within directories, far deeper than any disk has them.
    @Test func aSnapshotOfGreatDepth() async throws {
        try await Self.besieged { besieged in
            let peer = try await besieged.logIn()
            try await peer.beginBackup()
            var objects = [Self.hello, Self.top]
            for _ in 0..<Soak.count(20_000, soak: 200_000) {
                objects.append(WireObject.directory([objects[objects.count - 1].entry("d")]))
            }
            for batch in stride(from: 0, to: objects.count, by: 1000) {
                let some = Array(objects[batch..<min(batch + 1000, objects.count)])
                for kind in [false, true] {
                    let same = some.filter { $0.isNode == kind }
                    guard !same.isEmpty else { continue }
                    try await peer.send(
                        .names(ids: ChunkID.pack(same.map(\.id)), lengths: same.map(\.length), nodes: kind)
                    )
                    var decided = 0
                    while decided < same.count { decided += Int(try await peer.wants().decided) }
                    let raw = same.flatMap(\.chunk.bytes)
                    try await peer.send(
                        .block(
                            codec: .stored,
                            ids: ChunkID.pack(same.map(\.id)),
                            lengths: same.map(\.length),
                            payload: ByteBuffer(bytes: raw),
                            nodes: kind
                        )
                    )
                }
            }
            try await peer.send(objects.commit(root: objects.last?.id))
            try await peer.finished()
            await peer.close()
            let daemon = besieged.daemon
            #expect(try await daemon.ferry("ls", "nas:laptops@latest/d/d/d").text == "d/\n")
            let restore = try await daemon.ferry("restore", "nas:laptops@latest", "deep")
            #expect(restore.status == 3 && restore.errors.contains("1 failed"), "\(restore.errors)")
            let verify = try await daemon.ferryd("verify", "laptops", "--read-data")
            #expect(verify.status == 0, "\(verify.text)\(verify.errors)")
            #expect(try await daemon.ferryd("repository", "rebuild-index", "laptops").status == 0)
            #expect(try await daemon.ferry("ls", "nas:laptops@latest/d/d/d").text == "d/\n")
            try FileManager.default.removeItem(atPath: daemon.here + "/deep")
        }
    }
}
