import FerryChunking
import FerryErrors
import FerryObjects
import FerryRepository
import FerryTestKit
import Foundation
import Testing

/// A bit is flipped somewhere: it is found, or does no harm, and what it does not touch is read as before.
@Suite struct DamageTests {
    private static let tree = TestTree.named([
        "a": .file((0..<3000).map { UInt8(truncatingIfNeeded: $0) }),
        "b": .named([
            "c": .file(Array("c".utf8)),
            "d": .named(["e": .file((0..<900).map { UInt8(truncatingIfNeeded: $0 * $0) })]),
        ]),
        "f": .file((0..<30_000).map { UInt8(truncatingIfNeeded: $0 / 7 &* $0) }),
    ])

    private static func fixture() throws -> (TestRepository, ChunkID) {
        let fixture = try TestRepository()
        let id = try fixture.open { repository in
            var client = MiniClient(repository.writer(owner: "carol"))
            client.blockLength = 2000
            return try client.backUp(Self.tree)
        }
        return (fixture, id)
    }

    /// Paths that can be read, with what is in them; none is ever wrong.
    private static func readable(_ repository: Repository, _ snapshot: ChunkID) throws -> Set<[UInt8]> {
        let reader = repository.reader()
        var paths: Set<[UInt8]> = []
        func go(_ id: ChunkID, _ path: [UInt8], _ expected: [[UInt8]: TestTree]) throws {
            var cursor = reader.directory(id)
            while true {
                let entry: Entry?
                do throws(FerryError) { entry = try cursor.next() } catch { return }
                guard let entry else { return }
                let name = path + [47] + entry.name
                guard let thing = expected[entry.name] else { throw Broken(description: "\(entry.name) is new") }
                if case (.directory(let id), .directory(let things)) = (entry.content, thing) {
                    try go(id, name, things)
                } else if let read = try? reader.thing(entry) {
                    try hold(read == thing, "\(name) is wrong")
                    paths.insert(name)
                }
            }
        }
        guard case .directory(let things) = Self.tree else { return [] }
        guard let root = try? repository.snapshot(snapshot).root else { return [] }
        try go(root, [], things)
        return paths
    }

    private static let all = Set(["/a", "/b/c", "/b/d/e", "/f"].map { Array($0.utf8) })

    @Test func aBitInAPackOrASnapshot() throws {
        let (fixture, id) = try Self.fixture()
        let damage = Damage(path: fixture.path)
        let files = try damage.packs() + damage.snapshots()
        try withFreshSeed { generator in
            for number in 0..<Soak.count(20, soak: 2000) {
                let file = files[generator.below(files.count)]
                let good = try Damage.read(file)
                let bit = generator.below(good.count * 8)
                try Damage.flip(file, bit: bit)
                if generator.oneIn(2) { try damage.removeIndex() }
                let what = "\(number): bit \(bit) of \(file)"
                try fixture.open { repository in
                    let before = try Self.readable(repository, id)
                    let report = try repository.verify(.full)
                    try hold(!report.isClean, "\(what) was not found")
                    let readable = try Self.readable(repository, id)
                    try hold(readable.isSuperset(of: before), "\(what): verifying took something away")
                    if report.touched.isEmpty {
                        try hold(readable == Self.all, "\(what): not told: \(readable)")
                    } else {
                        try hold(report.touched.allSatisfy { $0.unreadable != nil || !$0.paths.isEmpty }, what)
                    }
                    // It heals by the next backup.
                    var client = MiniClient(repository.writer(owner: "carol"))
                    let again = try client.backUp(Self.tree)
                    try hold(try repository.tree(again) == Self.tree, what)
                }
                try Damage.write(file, good)
                try damage.removeIndex()
                try fixture.open { repository in
                    try hold(try repository.verify(.full).isClean, "\(what): mended")
                }
            }
        }
    }

    @Test func aBitInTheIndex() throws {
        let (fixture, id) = try Self.fixture()
        let damage = Damage(path: fixture.path)
        let file = fixture.path + "/index.sqlite"
        let good = try Damage.read(file)
        try withFreshSeed { generator in
            for number in 0..<Soak.count(20, soak: 4000) {
                let bit = generator.below(good.count * 8)
                try Damage.flip(file, bit: bit)
                let what = "\(number): bit \(bit)"
                do {
                    try fixture.open { repository in
                        _ = try Self.readable(repository, id)
                        _ = try repository.verify(.full)
                        try hold(try Self.readable(repository, id) == Self.all, what)
                        try hold(try repository.tree(id) == Self.tree, what)
                        var client = MiniClient(repository.writer(owner: "carol"))
                        let again = try client.backUp(Self.tree)
                        try hold(try repository.tree(again) == Self.tree, what)
                    }
                } catch let error as FerryError {
                    try hold(error.code == .integrity, "\(what): \(error)")
                }
                try damage.removeIndex()
                try fixture.open { repository in
                    try hold(try repository.verify(.full).isClean, "\(what): mended")
                }
                try Damage.write(file, good)
            }
        }
    }

    @Test func aBitInTheConfiguration() throws {
        let (fixture, _) = try Self.fixture()
        let file = fixture.path + "/config"
        let good = try Damage.read(file)
        for bit in 0..<(good.count * 8) {
            try Damage.flip(file, bit: bit)
            do {
                try fixture.open { _ in _ = Issue.record("bit \(bit)") }
            } catch let error as FerryError {
                #expect(error.code == .integrity, "bit \(bit)")
            }
            try Damage.write(file, good)
        }
    }

    @Test func anotherPlaceServesWhenOneIsDamaged() throws {
        let fixture = try TestRepository()
        let damage = Damage(path: fixture.path)
        let chunk = [UInt8](repeating: 5, count: 400)
        let key = ObjectKey(.data, ChunkID.hashing(chunk))
        try fixture.open { repository in
            // Both are sent before either is durable.
            let (first, second) = (repository.writer(owner: "carol"), repository.writer(owner: "dave"))
            try first.append(.data, [chunk])
            #expect(try second.has([key]) == [false])
            try second.append(.data, [chunk])
            try second.flush()
            try first.flush()
        }
        let packs = try damage.packs()
        #expect(packs.count == 2)
        var findings: UInt64 = 0
        for pack in packs {
            let good = try Damage.read(pack)
            try Damage.flip(pack, bit: 8 * 200)
            try fixture.open { repository in
                let read = try repository.reader().read(key)
                #expect(read == chunk)
            }
            try Damage.write(pack, good)
            try fixture.open { repository in
                // It is known to be bad there until it is looked at again.
                let report = try repository.verify(.full)
                findings += report.findingCount
                let clean = try repository.verify(.full)
                #expect(clean.isClean)
            }
        }
        // Only the place that is read first was found to be bad.
        #expect(findings == 1)
        for pack in packs { try Damage.flip(pack, bit: 8 * 200) }
        try fixture.open { repository in
            do throws(FerryError) {
                _ = try repository.reader().read(key)
                Issue.record("a damaged chunk was read")
            } catch {
                #expect(error.code == .integrity)
                #expect(
                    packs.contains {
                        $0.hasSuffix("/\(error.message.split(separator: "pack ").last?.prefix(64) ?? "-")")
                    }
                )
            }
        }
    }

    /// Damage that a reader meets voids what was known to be complete; a backup while the daemon runs sends it again.
    @Test(arguments: [true, false]) func whatAReaderFindsDamagedIsSentAgain(isGone: Bool) throws {
        let (fixture, id) = try Self.fixture()
        let damage = Damage(path: fixture.path)
        try fixture.open { repository in
            for (number, pack) in try damage.packs().enumerated() {
                if isGone {
                    try FileManager.default.removeItem(atPath: pack)
                } else {
                    try Damage.flip(pack, bit: 8 * 200)
                }
                // Nobody has noticed yet.
                if number == 0 {
                    var early = MiniClient(repository.writer(owner: "carol"))
                    _ = try early.backUp(Self.tree)
                    #expect(early.sent == 0)
                }
            }
            #expect(throws: FerryError.self) { try repository.tree(id) }
            while (try? repository.tree(id)) != Self.tree {
                while try !repository.restoreSomeMarks() {}
                var client = MiniClient(repository.writer(owner: "carol"))
                _ = try client.backUp(Self.tree)
                try #require(client.sent > 0)
            }
            // All else is complete again without being sent.
            while try !repository.restoreSomeMarks() {}
            var again = MiniClient(repository.writer(owner: "carol"))
            _ = try again.backUp(Self.tree)
            #expect(again.sent == 0)
            let report = try repository.verify(.full)
            #expect(report.touched.isEmpty)
        }
    }

    /// Chunks that are read together, in any order and more than once: only what is damaged everywhere, missing or of another length fails.
    @Test func manyAreReadTogether() throws {
        let fixture = try TestRepository()
        try withFreshSeed { generator in
            let chunks = (0..<60).map { _ in generator.bytes(1 + generator.below(900)) }
            try fixture.open { repository in
                for part in 0..<6 {
                    let writer = repository.writer(owner: "carol")
                    for block in 0..<2 {
                        let first = part * 10 + block * 5
                        try writer.append(.data, Array(chunks[first..<(first + 5)]))
                    }
                    try writer.flush()
                }
                let again = repository.writer(owner: "dave")
                try again.append(.data, Array(chunks[5..<20]))
                try again.flush()
            }
            let packs = try Damage(path: fixture.path).packs()
            let hit = packs[generator.below(packs.count)]
            // Behind the pack's header, the block's and its table, with some bytes of objects in each case.
            try Damage.flip(hit, bit: 8 * 500)
            try fixture.open { repository in
                let reader = repository.reader()
                var order = (0..<200).map { _ in generator.below(chunks.count) }
                var asked = order.map { (id: ChunkID.hashing(chunks[$0]), length: chunks[$0].count) }
                asked.append((id: ChunkID.hashing([1, 2, 3]), length: 3))
                asked.append((id: ChunkID.hashing(chunks[7]), length: chunks[7].count + 1))
                order += [-1, -1]
                var output = [UInt8](repeating: 0, count: asked.reduce(0) { $0 + $1.length })
                let failures = output.withUnsafeMutableBytes { reader.read(asked, into: $0) }
                try hold(failures.count == asked.count, "an answer to each")
                var offset = 0
                for (place, number) in order.enumerated() {
                    let length = asked[place].length
                    defer { offset += length }
                    guard number >= 0 else {
                        try hold(failures[place] != nil, "\(place) is not there")
                        continue
                    }
                    let alone = try? reader.read(ObjectKey(.data, asked[place].id))
                    try hold((alone == nil) == (failures[place] != nil), "\(place): \(failures[place] as Any)")
                    guard failures[place] == nil else { continue }
                    try hold(Array(output[offset..<(offset + length)]) == chunks[number], "\(place) is wrong")
                }
                try hold(failures.prefix(200).contains { $0 == nil }, "all failed")
            }
            try Damage.flip(hit, bit: 8 * 500)
            try Damage(path: fixture.path).removeIndex()
        }
    }

    @Test func oneIsCutOffBeforeAChunkIsDurable() throws {
        try TestRepository().open { repository in
            let chunk = [UInt8](repeating: 5, count: 400)
            let key = ObjectKey(.data, ChunkID.hashing(chunk))
            do {
                let cut = repository.writer(owner: "carol")
                try cut.append(.data, [chunk])
                #expect(try cut.has([key]) == [true])
            }
            let other = repository.writer(owner: "dave")
            #expect(try other.has([key]) == [false])
            let kept = repository.writer(owner: "carol")
            try kept.append(.data, [chunk])
            kept.abandon()
            #expect(try other.has([key]) == [true])
        }
    }
}
