import FerryChunking
import FerryErrors
import FerryObjects
import FerryRepository
import FerryTestKit
import Foundation
import Synchronization
import Testing

@Suite struct ManyWritersTests {
    @Test func manyWriteAndReadAndVerifyAtOnce() throws {
        let fixture = try TestRepository()
        let seed = Soak.seed(#function)
        let repository = try Repository(path: fixture.path)
        let failures = Mutex<[String]>([])
        let acknowledged = Mutex<[ChunkID: TestTree]>([:])
        // What all have, and what each has.
        var generator = SeededGenerator(seed: seed)
        let common = generator.tree(depth: 2)
        DispatchQueue.concurrentPerform(iterations: 6) { number in
            var generator = SeededGenerator(seed: seed &+ UInt64(number))
            do {
                for round in 0..<Soak.count(4, soak: 100) {
                    if number == 0 {
                        let report = try repository.verify(round % 2 == 0 ? .quick : .full)
                        if !report.isClean { throw Broken(description: "\(report.findings) \(report.touched)") }
                        continue
                    }
                    let tree = TestTree.directory([[97]: common, [98]: generator.tree(depth: 1)])
                    let writer = repository.writer(owner: "user \(number)")
                    var client = MiniClient(writer)
                    if generator.oneIn(4) {
                        _ = try client.directory([[97]: common])
                        writer.abandon()
                        continue
                    }
                    let id = try client.backUp(tree)
                    acknowledged.withLock { $0[id] = tree }
                    if try repository.tree(id) != tree { throw Broken(description: "a snapshot differs") }
                }
            } catch {
                failures.withLock { $0.append("\(number): \(error)") }
            }
        }
        #expect(failures.withLock { $0 } == [])
        let sequences = try repository.allSnapshots().map(\.snapshot.sequence)
        #expect(sequences == (0..<UInt64(sequences.count)).map { $0 + 1 })
        repository.close()
        try fixture.open { repository in
            for (id, tree) in acknowledged.withLock({ $0 }) {
                let read = try repository.tree(id)
                #expect(read == tree)
            }
            let report = try repository.verify(.full)
            #expect(report.isClean, "\(report.findings)")
        }
    }

    @Test func aLongDirectoryIsReadNameByName() throws {
        let fixture = try TestRepository()
        try fixture.open { repository in
            let writer = repository.writer(owner: "carol")
            let compressor = BlockCompressor()
            var pending: [[UInt8]] = []
            func put(_ node: Node) throws(FerryError) -> ChunkID {
                pending.append(node.encoded)
                if pending.reduce(0, { $0 + $1.count }) > 500_000 {
                    try writer.append(.node, pending, compressor: compressor)
                    pending = []
                }
                return ChunkID.hashing(node.encoded)
            }
            var builder = DirectoryBuilder()
            let names = (0..<100_000).map { Array("name \(1_000_000 + 2 * $0)".utf8) }
            for name in names {
                try builder.append(
                    Entry(name: name, mode: 0o120777, seconds: 1, nanoseconds: 2, content: .link(name)),
                    put
                )
            }
            let root = try builder.finish(put)
            try writer.append(.node, pending)
            let id = try writer.commit(root: root, rest: [])
            let reader = repository.reader()
            var cursor = reader.directory(try repository.snapshot(id).root)
            var count = 0
            while let entry = try cursor.next() {
                try hold(entry.name == names[count], "entry \(count)")
                count += 1
            }
            #expect(count == names.count)
            for number in stride(from: 0, to: names.count, by: 997) {
                let found = try reader.entry(names[number], in: root)
                #expect(found?.content == .link(names[number]))
                let missing = try reader.entry(Array("name \(1_000_001 + 2 * number)".utf8), in: root)
                #expect(missing == nil)
            }
            let before = try reader.entry([0], in: root)
            let behind = try reader.entry([255], in: root)
            #expect(before == nil && behind == nil)
        }
    }
}
