import FerryChunking
import FerryErrors
import FerryObjects
import FerryRepository
import FerryStorage
import FerryTestKit
import Foundation
import Testing

/// Power cuts and failing calls, at each step in turn: what was acknowledged is there, nothing else does harm, and work goes on.
@Suite struct CrashTests {
    private static let limits = PackLimits(length: 6000, objects: 40)
    private static let configuration = RepositoryConfiguration(
        id: [UInt8](repeating: 7, count: 16),
        averageChunk: 65536
    )

    /// Snapshots that were acknowledged, and what is in them.
    private struct Acknowledged {
        var trees: [ChunkID: TestTree] = [:]
    }

    private let directory: TemporaryDirectory
    private let trees: [TestTree]

    init() throws {
        self.directory = try TemporaryDirectory()
        var generator = SeededGenerator(seed: Soak.seed("CrashTests"))
        let first = generator.tree(depth: 2, things: 5, fileLength: 4000)
        guard case .directory(var things) = first else { throw Broken(description: "no directory") }
        things[Array("more".utf8)] = generator.tree(depth: 1, things: 4, fileLength: 6000)
        self.trees = [first, .directory(things), generator.tree(depth: 2, things: 5, fileLength: 3000)]
    }

    private func open(_ store: CrashStore) throws -> Repository {
        try Repository(store: store, indexDirectory: self.directory.path, limits: Self.limits)
    }

    /// Backs all trees up, as far as it gets.
    private func run(_ store: CrashStore, _ acknowledged: inout Acknowledged) throws -> Int {
        let repository = try self.open(store)
        defer { repository.close() }
        var sent = 0
        for tree in self.trees {
            do { sent += try self.backUp(tree, repository, &acknowledged) } catch {
                // Whoever comes next finds nothing half: as long as the process lives, too.
                sent += try self.backUp(tree, repository, &acknowledged)
            }
        }
        return sent
    }

    private func backUp(
        _ tree: TestTree,
        _ repository: Repository,
        _ acknowledged: inout Acknowledged
    ) throws(FerryError) -> Int {
        let writer = repository.writer(owner: "carol")
        var client = MiniClient(writer)
        client.blockLength = 3000
        do throws(FerryError) {
            acknowledged.trees[try client.backUp(tree)] = tree
            return client.sent
        } catch {
            writer.abandon()
            throw error
        }
    }

    /// Checks that all is as it should be, and goes on.
    private func check(_ store: CrashStore, _ acknowledged: Acknowledged, _ what: String) throws -> Int {
        var acknowledged = acknowledged
        let repository = try self.open(store)
        defer { repository.close() }
        let found = try repository.allSnapshots()
        try hold(Set(found.map(\.id)).isSuperset(of: acknowledged.trees.keys), "\(what): a snapshot is gone")
        for (id, tree) in acknowledged.trees {
            try hold(try repository.tree(id) == tree, "\(what): a snapshot differs")
        }
        let report = try repository.verify(.full)
        try hold(report.isClean, "\(what): \(report.findings) \(report.touched)")
        var sent = 0
        for tree in self.trees {
            var client = MiniClient(repository.writer(owner: "carol"))
            let id = try client.backUp(tree)
            acknowledged.trees[id] = tree
            sent += client.sent
        }
        for (id, tree) in acknowledged.trees { try hold(try repository.tree(id) == tree, "\(what): then one differs") }
        try hold(try repository.verify(.full).isClean, "\(what): then it is not clean")
        return sent
    }

    /// What becomes of the index, which lies in another file system as far as tests go.
    private func loseIndex(_ generator: inout SeededGenerator) throws {
        if generator.oneIn(2) { try Damage(path: self.directory.path).removeIndex() }
    }

    @Test(arguments: 0..<Soak.count(1, soak: 20)) func powerIsCutAtEachStep(_ round: Int) throws {
        try withFreshSeed { generator in
            let all = CrashStore(configuration: Self.configuration.encoded)
            var ignored = Acknowledged()
            let whole = try self.run(all, &ignored)
            #expect(Set(all.steps).isSuperset(of: [.configuration, .begin, .append, .sync, .rename, .syncDirectory]))
            var fewest = Int.max
            for number in all.steps.indices {
                try Damage(path: self.directory.path).removeIndex()
                let store = CrashStore(configuration: Self.configuration.encoded, faultAt: number, .cut)
                var acknowledged = Acknowledged()
                #expect(throws: FerryError.self, "step \(number)") { try self.run(store, &acknowledged) }
                try self.loseIndex(&generator)
                let after = store.afterPowerCut(&generator)
                let what = "power cut at step \(number), \(all.steps[number].rawValue)"
                fewest = min(fewest, try self.check(after, acknowledged, what))
            }
            #expect(fewest < whole / 2, "what was durable was sent again")
        }
    }

    @Test(arguments: [FerryError.Code.noSpace, .inputOutput]) func eachStepFailsOnce(_ code: FerryError.Code) throws {
        try withFreshSeed { generator in
            let all = CrashStore(configuration: Self.configuration.encoded)
            var ignored = Acknowledged()
            _ = try self.run(all, &ignored)
            for number in all.steps.indices {
                try Damage(path: self.directory.path).removeIndex()
                let store = CrashStore(configuration: Self.configuration.encoded, faultAt: number, .fail(code))
                var acknowledged = Acknowledged()
                do {
                    _ = try self.run(store, &acknowledged)
                } catch let error as FerryError {
                    try hold(error.code == code, "step \(number): \(error)")
                }
                try self.loseIndex(&generator)
                let next = generator.oneIn(2) ? store.afterKill() : store.afterPowerCut(&generator)
                _ = try self.check(next, acknowledged, "step \(number), \(all.steps[number].rawValue), failed")
            }
        }
    }
}
