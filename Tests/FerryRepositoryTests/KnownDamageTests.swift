import FerryCatalog
import FerryChunking
import FerryErrors
import FerryObjects
import FerryRepository
import FerryTestKit
import Foundation
import Testing

/// What was found to be no good stays lacked until it is found to be good, whoever corrects the index meanwhile.
@Suite struct KnownDamageTests {
    private static let tree = TestTree.named(["a": .file((0..<900).map { UInt8(truncatingIfNeeded: $0 * $0 / 7) })])
    private static let other = TestTree.named(["b": .file((0..<900).map { UInt8(truncatingIfNeeded: $0 * $0 / 5) })])

    private static func chunk(of tree: TestTree) throws -> ObjectKey {
        guard case .directory(let things) = tree, case .file(let bytes)? = things.values.first else {
            throw Broken(description: "no file")
        }
        return ObjectKey(.data, ChunkID.hashing(bytes))
    }

    /// Flips a bit in the only chunk of a pack of data.
    private static func flip(_ pack: String) throws { try Damage.flip(pack, bit: (32 + 40 + 36 + 100) * 8) }

    private static func isLacked(_ key: ObjectKey, _ repository: Repository) throws -> Bool {
        try repository.writer(owner: "carol").has([key]) == [false]
    }

    /// A reader meets damage while verifying is under way: the index told nothing wrong.
    @Test func whatIsDroppedMeanwhileIsNoFaultOfTheIndex() throws {
        let fixture = try TestRepository()
        let damage = Damage(path: fixture.path)
        try fixture.open { repository in
            var client = MiniClient(repository.writer(owner: "carol"))
            _ = try client.backUp(Self.tree)
            let before = try damage.packs()
            var second = MiniClient(repository.writer(owner: "carol"))
            _ = try second.backUp(Self.other)
            let pack = try #require(try damage.packs().first { try !before.contains($0) && Damage.read($0)[10] == 1 })
            try Self.flip(pack)
            let key = try Self.chunk(of: Self.other)
            var isMet = false
            let report = try repository.verify(.full) { _ throws(FerryError) in
                guard !isMet else { return }
                isMet = true
                let read = Result { () throws(FerryError) in try repository.reader().read(key) }
                if case .success = read { throw FerryError(.internalError, "it can be read") }
            }
            #expect(try Self.isLacked(key, repository))
            #expect(report.findings.map(\.message).count == 1, "\(report.findings)")
            #expect(report.findings.first?.message.contains("1 of the 1 objects") == true, "\(report.findings)")
            #expect(report.touched.count == 1 && report.lost == 1)
        }
    }

    // MARK: The index

    private static let pack = ChunkID.hashing([1])
    private static let objects = (0..<3).map { number in
        IndexedObject(
            id: ChunkID.hashing([2, UInt8(number)]),
            place: IndexedObject.Place(block: UInt32(number) * 100, stored: 100, offset: 0, length: 64)
        )
    }
    private static let keys = objects.map { ObjectKey(.data, $0.id) }

    private static func withIndex(_ body: (RepositoryIndex, IndexedPack) throws -> Void) throws {
        let directory = try TemporaryDirectory()
        let index = try RepositoryIndex(path: directory.path + "/index", repository: Array(repeating: 7, count: 16))
        let header = PackHeader(kind: .data, salt: try #require(PackSalt(Array(repeating: 1, count: 16))))
        try index.add(Self.pack, header, length: 1000, Self.objects, completeIn: nil)
        try body(index, try #require(try index.pack(named: Self.pack)))
        try index.close()
    }

    /// Between a look at the index and its correction a reader may have dropped a place, or the whole pack.
    @Test func correctingAPackTakesNothingBack() throws {
        try Self.withIndex { index, pack in
            try index.drop([Self.objects[1]], of: pack)
            try index.replace(pack, Self.objects)
            #expect(try index.isStored(Self.keys) == [true, false, true])
            try index.takeBack([Self.objects[1]], of: pack)
            #expect(try index.isStored(Self.keys) == [true, true, true])
            try index.drop([Self.objects[2]], of: pack)
            try index.dropPacks([pack.number], areMissing: true)
            try index.replace(pack, Self.objects)
            try index.takeBack([Self.objects[2]], of: pack)
            #expect(try index.isStored(Self.keys) == [false, false, false])
        }
    }

    // MARK: An index that is made anew

    enum Cause: String, CaseIterable, Sendable { case rebuilt, otherVersion, damaged, packWasAway }

    /// The packs list what lies in them, whether it is good or not: an index that is made anew from them must not forget.
    @Test(arguments: Cause.allCases) func anIndexThatIsMadeAnewRemembers(_ cause: Cause) throws {
        let fixture = try TestRepository()
        let damage = Damage(path: fixture.path)
        let key = try Self.chunk(of: Self.tree)
        let pack = try fixture.open { repository in
            var client = MiniClient(repository.writer(owner: "carol"))
            _ = try client.backUp(Self.tree)
            let pack = try #require(try damage.packs().first { try Damage.read($0)[10] == 1 })
            try Self.flip(pack)
            #expect(throws: FerryError.self) { try repository.reader().read(key) }
            #expect(try Self.isLacked(key, repository))
            if cause == .rebuilt { try repository.rebuildIndex() }
            return pack
        }
        let index = fixture.path + "/index.sqlite"
        switch cause {
        case .rebuilt: break
        // The header of a SQLite file has the version of the tables in bytes 60 to 63.
        case .otherVersion: try Damage.flip(index, bit: 63 * 8 + 6)
        // Whatever is wrong with it, what can be read of it is remembered.
        case .damaged: try Self.damage(index)
        case .packWasAway:
            try FileManager.default.moveItem(atPath: pack, toPath: pack + ".away")
            try fixture.open { _ in }
            try FileManager.default.moveItem(atPath: pack + ".away", toPath: pack)
        }
        try fixture.open { repository in
            #expect(try Self.isLacked(key, repository))
            var client = MiniClient(repository.writer(owner: "carol"))
            let id = try client.backUp(Self.tree)
            #expect(client.sent > 0)
            #expect(try repository.tree(id) == Self.tree)
            // It is no verdict for ever.
            try Self.flip(pack)
            let report = try repository.verify(.full)
            #expect(report.findings.contains { $0.message.contains("can be now") }, "\(report.findings)")
            #expect(try repository.verify(.full).isClean)
        }
        // Nothing of the old index is left beside the new one.
        let rest = try FileManager.default.contentsOfDirectory(atPath: fixture.path).filter { $0.hasPrefix("index") }
        #expect(Set(rest).isSubset(of: RepositoryIndex.files("index.sqlite")), "\(rest)")
    }

    /// Takes the repository's id from the index's table of such things, so that it is no index of this one.
    private static func damage(_ index: String) throws {
        var bytes = try Damage.read(index)
        let place = try #require(Data(bytes).range(of: Data("repository".utf8), options: .backwards))
        bytes[place.lowerBound] ^= 1
        try Damage.write(index, bytes)
    }
}
