import FerryChunking
import FerryErrors
import FerryObjects
import FerryRepository
import FerryTestKit
import Foundation
import Testing

@Suite struct VerifyTests {
    private static let tree = TestTree.named([
        "a": .file([UInt8](repeating: 1, count: 500)),
        "b": .named(["c": .file(Array(0..<200)), "d": .link([47])]),
        "long": .file((0..<40_000).map { UInt8(truncatingIfNeeded: $0 / 99 &* 31) }),
    ])

    @Test func aGoodRepositoryIsClean() throws {
        let fixture = try TestRepository()
        try fixture.open { repository in
            var client = MiniClient(repository.writer(owner: "carol"))
            _ = try client.backUp(Self.tree)
            for depth in [VerifyDepth.quick, .sampled(percent: 50), .full] {
                let report = try repository.verify(depth)
                #expect(report.isClean, "\(depth): \(report.findings)")
                #expect(report.packs == 2)
                #expect(report.snapshots == 1)
            }
            let report = try repository.verify(.full)
            let statistics = try repository.statistics()
            #expect(report.blocks > 2)
            #expect(statistics.packs == 2 && statistics.snapshots == 1 && statistics.nodes == 3)
        }
    }

    @Test func aDamagedChunkIsNamedAndHealedByTheNextBackup() throws {
        let fixture = try TestRepository()
        let damage = Damage(path: fixture.path)
        try fixture.open { repository in
            var client = MiniClient(repository.writer(owner: "carol"))
            client.blockLength = 1000
            _ = try client.backUp(Self.tree)
        }
        // The first data pack's first block, of two chunks: behind its header of 32 bytes, header and table of 76.
        let pack = try #require(try damage.packs().first { try Damage.read($0)[10] == 1 })
        try Damage.flip(pack, bit: (32 + 76 + 3) * 8)
        try fixture.open { repository in
            let quick = try repository.verify(.quick)
            #expect(quick.isClean)
            let full = try repository.verify(.full)
            #expect(!full.isClean)
            #expect(full.lost == 2)
            #expect(full.findings.first?.pack.map { pack.hasSuffix($0.description) } == true)
            #expect(full.touched.map(\.paths) == [[Array("a".utf8), Array("b/c".utf8)]])
            #expect(try repository.verify(.quick).isClean == false)
            // The parents are lacked, too, and so the client comes to the chunk.
            var client = MiniClient(repository.writer(owner: "carol"))
            let id = try client.backUp(Self.tree)
            #expect(client.sent > 0)
            let tree = try repository.tree(id)
            #expect(tree == Self.tree)
            let healed = try repository.verify(.full)
            #expect(healed.isClean, "\(healed.findings)")
            #expect(healed.healed == 2)
            for snapshot in try repository.allSnapshots() {
                let tree = try repository.tree(snapshot.id)
                #expect(tree == Self.tree)
            }
        }
    }

    /// Who reads only some packs does not go through all nodes: what is known of those above the damage must be void by itself.
    @Test func whatASampleFindsDamagedIsSentAgain() throws {
        let fixture = try TestRepository()
        let damage = Damage(path: fixture.path)
        try fixture.open { repository in
            var client = MiniClient(repository.writer(owner: "carol"))
            client.blockLength = 1000
            _ = try client.backUp(Self.tree)
        }
        let pack = try #require(try damage.packs().first { try Damage.read($0)[10] == 1 })
        try Damage.flip(pack, bit: (32 + 76 + 3) * 8)
        try fixture.open { repository in
            var before = MiniClient(repository.writer(owner: "carol"))
            _ = try before.backUp(Self.tree)
            #expect(before.sent == 0)
            let found = try repository.verify(.sampled(percent: 100))
            #expect(!found.isClean && found.lost == 2 && found.touched.count == 2)
            var client = MiniClient(repository.writer(owner: "carol"))
            let id = try client.backUp(Self.tree)
            #expect(client.sent > 0)
            #expect(try repository.tree(id) == Self.tree)
        }
    }

    @Test func withoutItsIndexARepositoryIsTheSame() throws {
        let fixture = try TestRepository()
        let id = try fixture.open { repository in
            var client = MiniClient(repository.writer(owner: "carol"))
            return try client.backUp(Self.tree)
        }
        try Damage(path: fixture.path).removeIndex()
        try fixture.open { repository in
            #expect(try repository.tree(id) == Self.tree)
            #expect(try repository.verify(.full).isClean)
            var client = MiniClient(repository.writer(owner: "carol"))
            _ = try client.backUp(Self.tree)
            #expect(client.sent == 0)
            try repository.rebuildIndex()
            #expect(try repository.tree(id) == Self.tree)
            #expect(try repository.allSnapshots().count == 2)
            #expect(try repository.verify(.full).isClean)
            var again = MiniClient(repository.writer(owner: "carol"))
            _ = try again.backUp(Self.tree)
            #expect(again.sent == 0)
        }
    }

    @Test func withoutFootersItsBlocksAreFound() throws {
        let fixture = try TestRepository()
        let damage = Damage(path: fixture.path)
        let id = try fixture.open { repository in
            var client = MiniClient(repository.writer(owner: "carol"))
            client.blockLength = 1000
            return try client.backUp(Self.tree)
        }
        for pack in try damage.packs() { try Damage.write(pack, Array(try Damage.read(pack).dropLast(1))) }
        try damage.removeIndex()
        try fixture.open { repository in
            #expect(try repository.tree(id) == Self.tree)
            let report = try repository.verify(.full)
            #expect(report.findingCount == 2)
            #expect(report.touched.isEmpty)
        }
    }

    /// What lacked a chunk is whole again once that is sent again, by whatever backup.
    @Test func olderSnapshotsAreWholeOnceAChunkIsHealed() throws {
        let fixture = try TestRepository()
        guard case .directory(let things) = Self.tree else { return }
        func backUp(_ repository: Repository, _ number: UInt8) throws {
            var client = MiniClient(repository.writer(owner: "carol"))
            _ = try client.backUp(.directory(things.merging([[number]: .file([number])]) { first, _ in first }))
        }
        try fixture.open { repository in
            try backUp(repository, 1)
            try backUp(repository, 2)
        }
        let packs = try Damage(path: fixture.path).packs()
        let data = try #require(try packs.max { try Damage.read($0).count < Damage.read($1).count })
        try Damage.flip(data, bit: 8 * 1000)
        try fixture.open { repository in
            let damaged = try repository.verify(.full)
            #expect(damaged.touched.count == 2)
            try backUp(repository, 3)
            let healed = try repository.verify(.quick)
            #expect(healed.touched.isEmpty, "\(healed.touched)")
            #expect(healed.isClean, "\(healed.findings)")
        }
    }

    @Test func aPackThatWasAwayIsTakenInAgain() throws {
        let fixture = try TestRepository()
        let id = try fixture.open { repository in
            var client = MiniClient(repository.writer(owner: "carol"))
            return try client.backUp(Self.tree)
        }
        for pack in try Damage(path: fixture.path).packs() {
            try FileManager.default.moveItem(atPath: pack, toPath: pack + ".away")
            try fixture.open { repository in
                _ = #expect(throws: FerryError.self) { try repository.tree(id) }
            }
            try FileManager.default.moveItem(atPath: pack + ".away", toPath: pack)
            try fixture.open { repository in
                let tree = try repository.tree(id)
                #expect(tree == Self.tree)
                let report = try repository.verify(.full)
                #expect(report.isClean, "\(report.findings)")
                var client = MiniClient(repository.writer(owner: "carol"))
                _ = try client.backUp(Self.tree)
                #expect(client.sent == 0)
            }
        }
    }

    @Test func aLostPackIsNamedAndSentAgain() throws {
        let fixture = try TestRepository()
        try fixture.open { repository in
            var client = MiniClient(repository.writer(owner: "carol"))
            _ = try client.backUp(Self.tree)
        }
        for pack in try Damage(path: fixture.path).packs() { try FileManager.default.removeItem(atPath: pack) }
        try fixture.open { repository in
            let report = try repository.verify(.quick)
            #expect(report.findingCount == 2, "\(report.findings)")
            #expect(report.findings.allSatisfy { $0.message.contains("is gone") })
            #expect(report.lost > 0)
            #expect(report.touched.count == 1)
            #expect(report.touched.first?.unreadable != nil)
            var client = MiniClient(repository.writer(owner: "carol"))
            let id = try client.backUp(Self.tree)
            #expect(try repository.tree(id) == Self.tree)
            #expect(try repository.verify(.full).isClean)
        }
    }

    /// A snapshot of which the index has a good copy is written again, and that is what is told.
    @Test func aDamagedSnapshotIsMended() throws {
        let fixture = try TestRepository()
        let id = try fixture.open { repository in
            var client = MiniClient(repository.writer(owner: "carol"))
            return try client.backUp(Self.tree)
        }
        let file = try #require(try Damage(path: fixture.path).snapshots().first)
        let good = try Damage.read(file)
        try Damage.flip(file, bit: 99)
        try fixture.open { repository in
            let report = try repository.verify(.quick)
            #expect(report.findings.map(\.message).count == 1 && report.touched.isEmpty, "\(report.findings)")
            #expect(report.findings.first?.message.hasSuffix("; it was written again") == true, "\(report.findings)")
            #expect(try Damage.read(file) == good)
            #expect(try repository.verify(.quick).isClean)
            #expect(try repository.tree(id) == Self.tree)
        }
    }
}
