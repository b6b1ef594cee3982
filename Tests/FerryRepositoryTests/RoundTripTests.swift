import FerryChunking
import FerryErrors
import FerryObjects
import FerryRepository
import FerryTestKit
import Testing

@Suite struct RoundTripTests {
    @Test func whatWasBackedUpIsReadAgain() throws {
        let fixture = try TestRepository()
        try withFreshSeed { generator in
            let trees = (0..<3).map { _ in generator.tree() }
            let ids = try fixture.open { repository in
                try trees.map { tree in
                    var client = MiniClient(repository.writer(owner: "carol"))
                    let id = try client.backUp(tree)
                    #expect(try repository.tree(id) == tree)
                    return id
                }
            }
            try fixture.open { repository in
                let snapshots = try repository.allSnapshots()
                #expect(snapshots.map(\.id) == ids)
                #expect(snapshots.map(\.snapshot.sequence) == [1, 2, 3])
                let read = try ids.map { try repository.tree($0) }
                #expect(read == trees)
            }
        }
    }

    @Test func whatIsThereIsNotSentAgain() throws {
        let fixture = try TestRepository()
        var generator = SeededGenerator(seed: 1)
        let tree = generator.tree()
        try fixture.open { repository in
            var first = MiniClient(repository.writer(owner: "carol"))
            _ = try first.backUp(tree)
            #expect(first.sent > 0)
            let writer = repository.writer(owner: "carol")
            var second = MiniClient(writer)
            let id = try second.backUp(tree)
            #expect(second.sent == 0)
            #expect(writer.totals == WriterTotals())
            #expect(try repository.tree(id) == tree)
        }
    }
}
