import FerryChunking
import FerryErrors
import FerryFiles
import FerryRepository
import FerryStorage
import FerryTestKit
import Foundation
import Synchronization
import Testing

/// A repository on a disk, the calls of which fail, each in turn: what was acknowledged is there, and work goes on.
@Suite struct FailingCallsTests {
    private static let limits = PackLimits(length: 6000, objects: 40)

    /// Fails one call by its number; writes come short from time to time.
    private static func calls(_ count: Counter, failAt: Int, _ number: Int32) -> SystemCalls {
        SystemCalls { name, _ in
            let call = count.next()
            if call == failAt { return .fail(number) }
            return name == .pwrite && call % 3 == 0 ? .short(100) : .proceed
        }
    }

    private static func run(
        _ path: String,
        _ calls: SystemCalls,
        _ trees: [TestTree],
        _ acknowledged: inout [ChunkID: TestTree]
    ) throws(FerryError) {
        let store = try LocalStore(path: path, calls: calls)
        let repository = try Repository(store: store, indexDirectory: path, limits: Self.limits)
        defer { repository.close() }
        for tree in trees {
            for attempt in 0..<2 {
                let writer = repository.writer(owner: "carol")
                var client = MiniClient(writer)
                client.blockLength = 3000
                do throws(FerryError) {
                    acknowledged[try client.backUp(tree)] = tree
                    break
                } catch {
                    writer.abandon()
                    // The second time nothing fails.
                    if attempt == 1 { throw error }
                }
            }
        }
    }

    @Test(arguments: [(ENOSPC, FerryError.Code.noSpace), (EIO, .inputOutput)]) func eachCallFailsOnce(
        _ number: Int32,
        _ code: FerryError.Code
    ) throws {
        try withFreshSeed { generator in
            let trees = (0..<2).map { _ in generator.tree(depth: 1, things: 4, fileLength: 3000) }
            let whole = Counter()
            var ignored: [ChunkID: TestTree] = [:]
            let first = try TestRepository()
            try Self.run(first.path, Self.calls(whole, failAt: -1, number), trees, &ignored)
            let last = whole.next()
            try hold(last > 50, "only \(last) calls were made")
            var failAt = generator.below(4)
            while failAt < last {
                let fixture = try TestRepository()
                let count = Counter()
                var acknowledged: [ChunkID: TestTree] = [:]
                do {
                    try Self.run(fixture.path, Self.calls(count, failAt: failAt, number), trees, &acknowledged)
                    try hold(acknowledged.count == 2, "call \(failAt): \(acknowledged.count) were acknowledged")
                } catch let error as FerryError {
                    try hold(error.code == code, "call \(failAt): \(error)")
                }
                try fixture.open { repository in
                    for (id, tree) in acknowledged {
                        try hold(try repository.tree(id) == tree, "call \(failAt): a snapshot differs")
                    }
                    let report = try repository.verify(.full)
                    try hold(report.isClean, "call \(failAt): \(report.findings) \(report.touched)")
                    for tree in trees {
                        var client = MiniClient(repository.writer(owner: "carol"))
                        try hold(
                            try repository.tree(try client.backUp(tree)) == tree,
                            "call \(failAt): then one differs"
                        )
                    }
                    try hold(try repository.verify(.full).isClean, "call \(failAt): then it is not clean")
                }
                failAt += Soak.count(1 + generator.below(6), soak: 1)
            }
        }
    }

    private final class Counter: Sendable {
        private let count = Mutex(0)

        /// 0 at first.
        func next() -> Int {
            self.count.withLock { count in
                defer { count += 1 }
                return count
            }
        }
    }
}
