import FerryChunking
import FerryErrors
import FerryObjects
import FerryRepository
import FerryStorage
import FerryTestKit
import Foundation
import Testing

/// What a client must not get away with, and what a repository refuses to be.
@Suite struct RefusalTests {
    private static func leaf(_ chunk: ChunkID, length: Int) -> Node {
        let content = Entry.Content.segments([.chunk(chunk, length: length)])
        return DirectoryLeaf([Entry(name: [97], mode: 0o100644, seconds: 0, nanoseconds: 0, content: content)]).node
    }

    private static func parent(of node: ChunkID) -> Node {
        DirectoryLeaf([Entry(name: [98], mode: 0o040755, seconds: 0, nanoseconds: 0, content: .directory(node))]).node
    }

    private static func code(_ body: () throws -> Void) -> FerryError.Code? {
        do { try body() } catch let error as FerryError { return error.code } catch { return nil }
        return nil
    }

    @Test func aNodeBeforeWhatItPointsTo() throws {
        try TestRepository().open { repository in
            let chunk: [UInt8] = [1, 2, 3]
            let node = Self.leaf(ChunkID.hashing(chunk), length: 3)
            let parent = Self.parent(of: ChunkID.hashing(node.encoded))
            let writer = repository.writer(owner: "mallory")
            #expect(Self.code { try writer.append(.node, [node.encoded]) } == .violation)
            #expect(Self.code { try writer.append(.node, [parent.encoded]) } == .violation)
            // The chunk alone, as a node: what counts is the kind.
            #expect(Self.code { try writer.append(.node, [chunk]) } == .violation)
            try writer.append(.data, [chunk])
            #expect(Self.code { try writer.append(.node, [parent.encoded, node.encoded]) } == .violation)
            // Children first, even in one block.
            try writer.append(.node, [node.encoded, parent.encoded])
            let root = ChunkID.hashing(parent.encoded)
            #expect(
                try repository.tree(try writer.commit(root: root, rest: []))
                    == .named(["b": .named(["a": .file(chunk)])])
            )
        }
    }

    @Test func aNodeThatPointsToItself() throws {
        try TestRepository().open { repository in
            // Its id cannot be right, but a caller who does not check must not make it complete.
            let id = ChunkID.hashing([9])
            let node = Self.parent(of: id).encoded
            let writer = repository.writer(owner: "mallory")
            #expect(
                Self.code {
                    try node.span.withUnsafeBytes { bytes throws(FerryError) in
                        try writer.append(
                            kind: .node,
                            isCompressed: false,
                            parts: [.init(id: id, length: node.count)],
                            body: bytes,
                            raw: bytes
                        )
                    }
                } == .violation
            )
        }
    }

    @Test func aSnapshotOfWhatIsNotThere() throws {
        try TestRepository().open { repository in
            let writer = repository.writer(owner: "mallory")
            let chunk: [UInt8] = [1, 2, 3]
            try writer.append(.data, [chunk])
            #expect(Self.code { _ = try writer.commit(root: ChunkID.hashing([7]), rest: []) } == .violation)
            #expect(Self.code { _ = try writer.commit(root: ChunkID.hashing(chunk), rest: []) } == .violation)
            let rest = [UInt8](repeating: 0, count: Snapshot.restLimit + 1)
            #expect(Self.code { _ = try writer.commit(root: ChunkID.hashing(chunk), rest: rest) } == .limit)
            #expect(try repository.allSnapshots().isEmpty)
        }
    }

    @Test func blocksOfNoLegalForm() throws {
        try TestRepository().open { repository in
            let writer = repository.writer(owner: "mallory")
            let id = ChunkID.hashing([1])
            let cases: [(parts: [BlockHeader.Part], isCompressed: Bool, body: Int, raw: Int)] = [
                ([], false, 1, 0), ([.init(id: id, length: 1)], false, 1, 2), ([.init(id: id, length: 2)], false, 1, 2),
                ([.init(id: id, length: 0)], true, 8, 0),
                ([.init(id: id, length: -1), .init(id: id, length: 2)], true, 8, 1),
                ([.init(id: id, length: 1)], true, 0, 1), ([.init(id: id, length: 1)], true, (1 << 20) + 1, 1),
                ([.init(id: id, length: (1 << 20) + 1)], true, 9, (1 << 20) + 1),
                ([.init(id: id, length: .max), .init(id: id, length: .max)], true, 9, 3),
                (Array(repeating: .init(id: id, length: 1), count: 1025), true, 9, 1025),
            ]
            for (number, test) in cases.enumerated() {
                let (body, raw) = ([UInt8](repeating: 1, count: test.body), [UInt8](repeating: 1, count: test.raw))
                let code = Self.code {
                    try body.span.withUnsafeBytes { body throws(FerryError) in
                        try raw.span.withUnsafeBytes { raw throws(FerryError) in
                            try writer.append(
                                kind: .data,
                                isCompressed: test.isCompressed,
                                parts: test.parts,
                                body: body,
                                raw: raw
                            )
                        }
                    }
                }
                #expect(code == .violation, "case \(number)")
            }
            #expect(writer.totals == WriterTotals())
        }
    }

    @Test func aFileWithTheBytesOfANodeIsNone() throws {
        let fixture = try TestRepository()
        try fixture.open { repository in
            var client = MiniClient(repository.writer(owner: "carol"))
            let empty = DirectoryLeaf([]).node.encoded
            let inner = Self.leaf(ChunkID.hashing([1]), length: 1).encoded
            let pack = try client.backUp(.named(["node": .file(empty), "other": .file(inner)]))
            let writer = repository.writer(owner: "carol")
            // As a chunk it is there, as a node it is not.
            let keys = [ObjectKey(.data, ChunkID.hashing(inner)), ObjectKey(.node, ChunkID.hashing(inner))]
            let answers = try writer.has(keys)
            #expect(answers == [true, false])
            #expect(Self.code { _ = try writer.commit(root: ChunkID.hashing(inner), rest: []) } == .violation)
            let tree = try repository.tree(pack)
            #expect(tree == .named(["node": .file(empty), "other": .file(inner)]))
        }
        // A file that is a pack, and the pack that it lies in without its footer.
        let damage = Damage(path: fixture.path)
        let stored = try Damage.read(try #require(try damage.packs().first))
        let id = try fixture.open { repository in
            var client = MiniClient(repository.writer(owner: "carol"))
            client.chunkLength = stored.count
            return try client.backUp(.named(["pack": .file(stored)]))
        }
        for file in try damage.packs() { try Damage.write(file, try Damage.read(file).dropLast(30)) }
        try damage.removeIndex()
        try fixture.open { repository in
            let tree = try repository.tree(id)
            #expect(tree == .named(["pack": .file(stored)]))
            let report = try repository.verify(.full)
            #expect(report.touched.isEmpty)
        }
    }

    @Test func whatWasLostMeanwhileIsAskedForAgain() throws {
        let fixture = try TestRepository()
        try fixture.open { repository in
            let chunk = [UInt8](repeating: 3, count: 300)
            let first = repository.writer(owner: "carol")
            try first.append(.data, [chunk])
            try first.flush()
            let second = repository.writer(owner: "dave")
            let key = ObjectKey(.data, ChunkID.hashing(chunk))
            #expect(try second.has([key]) == [true])
            for pack in try Damage(path: fixture.path).packs() { try FileManager.default.removeItem(atPath: pack) }
            #expect(try repository.verify(.quick).lost == 1)
            let node = Self.leaf(key.id, length: 300).encoded
            #expect(Self.code { try second.append(.node, [node]) } == .busy)
            #expect(try second.has([key]) == [false])
            try second.append(.data, [chunk])
            try second.append(.node, [node])
            let id = try second.commit(root: ChunkID.hashing(node), rest: [])
            #expect(try repository.tree(id) == .named(["a": .file(chunk)]))
        }
    }

    @Test func aNewerVersion() throws {
        let fixture = try TestRepository()
        let config = fixture.path + "/config"
        let good = try Damage.read(config)
        var newer = Array(good.dropLast(4))
        newer[9] = 2
        func sealed(_ bytes: [UInt8]) -> [UInt8] {
            let sum = Checksum.crc32c(bytes)
            return bytes + [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: sum >> $0) }
        }
        let feature = RepositoryConfiguration(id: Array(0..<16), averageChunk: 65536, readFeatures: ["sealed"]).encoded
        for bytes in [sealed(newer), feature] {
            try Damage.write(config, bytes)
            #expect(Self.code { try fixture.open { _ in } } == .newerState)
        }
        try Damage.write(config, good)
        try fixture.open { repository in
            var client = MiniClient(repository.writer(owner: "carol"))
            _ = try client.backUp(.named(["a": .file([1])]))
        }
        // A snapshot, and a pack, of a later version.
        let file = try #require(try Damage(path: fixture.path).snapshots().first)
        var snapshot = Array(try Damage.read(file).dropLast(32))
        snapshot[9] = 2
        let id = ChunkID.hashing(snapshot)
        id.append(to: &snapshot)
        try Damage.write(fixture.path + "/snapshots/\(id)", snapshot)
        #expect(Self.code { try fixture.open { _ in } } == .newerState)
    }

    @Test func aRepositoryIsMadeInAnEmptyDirectoryAndHadByOne() throws {
        let fixture = try TestRepository()
        #expect(Self.code { try Repository.create(at: fixture.path, averageChunk: 65536) } == .exists)
        #expect(Self.code { try Repository.create(at: fixture.directory.path, averageChunk: 65536) } == .exists)
        for average in [0, -1, 1 << 13, 1 << 19, 100_000, .max] {
            #expect(Self.code { try Repository.create(at: fixture.path + "2", averageChunk: average) } == .usage)
        }
        #expect(Self.code { _ = try Repository(path: fixture.path + "3") } == .notFound)
        try fixture.open { _ in
            do throws(FerryError) {
                _ = try Repository(path: fixture.path)
                Issue.record("it was opened twice")
            } catch {
                #expect(error.code == .locked)
                #expect(error.message.contains("process"))
                #expect(error.remedy != nil)
            }
        }
        try fixture.open { repository in
            let report = try repository.verify(.full)
            #expect(report.isClean)
        }
    }

    @Test func timeDoesNotGoBackwards() throws {
        let directory = try TemporaryDirectory()
        let configuration = RepositoryConfiguration(id: Array(0..<16), averageChunk: 65536)
        let times = Times([(100, 5), (90, 7), (100, 4), (200, 0)])
        let store = CrashStore(configuration: configuration.encoded)
        let repository = try Repository(store: store, indexDirectory: directory.path, now: { times.next() })
        for _ in 0..<4 {
            var client = MiniClient(repository.writer(owner: "carol"))
            _ = try client.backUp(.named([:]))
        }
        let snapshots = try repository.allSnapshots().map(\.snapshot)
        #expect(snapshots.map(\.seconds) == [100, 100, 100, 200])
        #expect(snapshots.map(\.nanoseconds) == [5, 5, 5, 0])
        #expect(snapshots.map(\.sequence) == [1, 2, 3, 4])
        repository.close()
    }
}
