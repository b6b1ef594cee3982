import FerryChunking
import FerryErrors
import FerryObjects
import FerryTestKit
import FerryTransfer
import Testing

/// Comparisons of random trees, compared with looking at everything in both.
@Suite struct SnapshotDifferencesTests {
    private struct Result: Equatable {
        var reasons: [[UInt8]: TreeChange.Reasons] = [:]
        var added: Set<[UInt8]> = []
        var removed: Set<[UInt8]> = []
        var failed: Set<[UInt8]> = []
        /// Files and bytes.
        var beneath: [[UInt8]: [UInt64]] = [:]
        var order: [[UInt8]] = []
    }

    private static func place(_ snapshots: MemorySnapshots, _ root: ChunkID) throws -> SnapshotDifferences.Place {
        let content = snapshots.content(root)
        return SnapshotDifferences.Place(content: content, entry: try content.entry(at: []))
    }

    private static func run(
        _ snapshots: MemorySnapshots,
        _ old: ChunkID,
        _ new: ChunkID,
        _ options: SnapshotDifferences.Options
    ) throws -> (Result, read: Int) {
        let comparison = SnapshotDifferences(
            old: try self.place(snapshots, old),
            new: try self.place(snapshots, new),
            options: options
        )
        var result = Result()
        while let event = try comparison.next() {
            switch event {
            case .differs(let difference):
                result.order.append(difference.path)
                if difference.old == nil {
                    result.added.insert(difference.path)
                } else if difference.new == nil {
                    result.removed.insert(difference.path)
                } else {
                    result.reasons[difference.path] = difference.reasons
                }
                let beneath = [difference.beneath.files, difference.beneath.bytes]
                if beneath != [0, 0] { result.beneath[difference.path] = beneath }
            case .failed(let path, _): result.failed.insert(path)
            case .pause: continue
            }
        }
        return (result, comparison.directoriesRead)
    }

    /// What is to be told, by everything that is in both.
    private static func expected(_ old: FlatTree, _ new: FlatTree, contentOnly: Bool) -> Result {
        var result = Result()
        for (path, entry) in new {
            guard let before = old[path] else {
                result.added.insert(path)
                continue
            }
            var reasons: TreeChange.Reasons = []
            if before.kind != entry.kind {
                reasons = .kind
            } else {
                if entry.kind == .link {
                    if before.content != entry.content { reasons.insert(.target) }
                } else if entry.kind != .directory {
                    if before.content != entry.content { reasons.insert(.content) }
                    if before.size != entry.size { reasons.insert(.size) }
                }
                if !contentOnly {
                    if before.mode != entry.mode { reasons.insert(.mode) }
                    if entry.kind != .directory, before.seconds != entry.seconds { reasons.insert(.time) }
                }
            }
            if !reasons.isEmpty { result.reasons[path] = reasons }
        }
        result.removed = Set(old.keys).subtracting(new.keys)
        return result
    }

    @Test func whatIsToldIsWhatDiffers() throws {
        try withFreshSeed { generator in
            var told = 0
            for number in 0..<Soak.count(500, soak: 30_000) {
                let snapshots = MemorySnapshots()
                var tree = generator.flatTree(60)
                let old = snapshots.add(tree)
                if generator.oneIn(5) { tree = generator.flatTree(60) }
                for _ in 0..<generator.below(4) { generator.change(&tree) }
                let new = snapshots.add(tree)
                var options = SnapshotDifferences.Options()
                options.contentOnly = generator.oneIn(2)
                var (result, _) = try Self.run(snapshots, old, new, options)
                let order = result.order
                result.order = []
                let expected = Self.expected(
                    snapshots.flat(old).tree,
                    snapshots.flat(new).tree,
                    contentOnly: options.contentOnly
                )
                try hold(result == expected, "\(number): \(result) is not \(expected)")
                // By the names in each directory, a directory before what is in it; and nothing twice.
                let sorted = order.sorted { one, other in
                    let (one, other) = (one.split(separator: 0x2F), other.split(separator: 0x2F))
                    return one.lexicographicallyPrecedes(other) { $0.lexicographicallyPrecedes($1) }
                }
                try hold(order == sorted && Set(order).count == order.count, "\(number): the order \(order)")
                told += order.count
            }
            #expect(told > 1000)
        }
    }

    @Test func aDirectoryThatIsToldAloneCountsWhatIsInIt() throws {
        try withFreshSeed { generator in
            var counted = 0
            for number in 0..<Soak.count(300, soak: 10_000) {
                let snapshots = MemorySnapshots()
                var tree = generator.flatTree(60)
                let old = snapshots.add(tree)
                generator.change(&tree)
                if generator.oneIn(3) { tree = generator.flatTree(60) }
                let new = snapshots.add(tree)
                var options = SnapshotDifferences.Options()
                let (all, _) = try Self.run(snapshots, old, new, options)
                options.collapses = true
                let (result, _) = try Self.run(snapshots, old, new, options)
                let trees = (snapshots.flat(old).tree, snapshots.flat(new).tree)
                /// Whether a directory above it is told alone.
                func isBeneath(_ path: [UInt8]) -> Bool {
                    var above = MemorySnapshots.parent(path)
                    while !above.isEmpty {
                        if all.added.contains(above) || all.removed.contains(above) { return true }
                        if all.reasons[above]?.contains(.kind) ?? false { return true }
                        above = MemorySnapshots.parent(above)
                    }
                    return false
                }
                try hold(result.added == all.added.filter { !isBeneath($0) }, "\(number): added")
                try hold(result.removed == all.removed.filter { !isBeneath($0) }, "\(number): removed")
                try hold(result.reasons == all.reasons, "\(number): changed")
                for path in result.added.union(result.removed).union(result.reasons.keys) {
                    let top = path + [UInt8(ascii: "/")]
                    let (before, after) = (trees.0[path], trees.1[path])
                    guard before?.isDirectory ?? false != (after?.isDirectory ?? false) else { continue }
                    let side = after?.isDirectory ?? false ? trees.1 : trees.0
                    let files = side.filter { $0.key.starts(with: top) && $0.value.kind == .file }.values
                    let count = [UInt64(files.count), files.reduce(0) { $0 + $1.size }]
                    try hold(result.beneath[path] ?? [0, 0] == count, "\(number): \(path)")
                    counted += files.count
                }
            }
            #expect(counted > 100)
        }
    }

    /// What cannot be read on one side is named, and nothing beneath it is told as new or gone.
    @Test func damageIsNamedAndMakesNoDifferences() throws {
        try withFreshSeed { generator in
            var failures = 0
            for number in 0..<Soak.count(500, soak: 20_000) {
                let snapshots = MemorySnapshots()
                var tree = generator.flatTree(60)
                let old = snapshots.add(tree)
                let whole = snapshots.flat(old).tree
                for _ in 0..<3 { generator.change(&tree) }
                let new = snapshots.add(tree)
                let after = snapshots.flat(new).tree
                let directories = after.filter { $0.value.isDirectory }.keys
                    .sorted { $0.lexicographicallyPrecedes($1) }
                guard !directories.isEmpty else { continue }
                let path = directories[generator.below(directories.count)]
                guard case .directory(let node)? = after[path]?.content else { continue }
                snapshots.damaged[node] = generator.below(2)
                let (result, _) = try Self.run(snapshots, old, new, SnapshotDifferences.Options())
                let honest = Self.expected(whole, after, contentOnly: false)
                try hold(result.added.isSubset(of: honest.added), "\(number): added")
                try hold(result.removed.isSubset(of: honest.removed), "\(number): removed")
                try hold(result.reasons.allSatisfy { honest.reasons[$0.key] == $0.value }, "\(number): changed")
                let missing = honest.added.union(honest.removed).union(honest.reasons.keys)
                    .subtracting(result.order)
                try hold(missing.isEmpty || !result.failed.isEmpty, "\(number): \(missing) is not told")
                failures += result.failed.count
            }
            #expect(failures > 50)
        }
    }

    @Test func whatIsEqualIsNotRead() throws {
        try withFreshSeed { generator in
            let snapshots = MemorySnapshots()
            var tree = generator.flatTree(2000)
            let old = snapshots.add(tree)
            let same = try Self.run(snapshots, old, old, SnapshotDifferences.Options())
            #expect(same.read == 0 && same.0 == Result())
            tree[Array("new".utf8)] = Entry(
                name: Array("new".utf8),
                mode: 0o100644,
                seconds: 0,
                nanoseconds: 0,
                content: .segments([])
            )
            let (result, read) = try Self.run(snapshots, old, snapshots.add(tree), SnapshotDifferences.Options())
            #expect(read == 2 && result.added == [Array("new".utf8)] && result.order.count == 1)
        }
    }

    /// The first name went, and another one is the first now: the file is as it was.
    @Test func aFurtherNameThatBecomesTheFirstIsNoChange() throws {
        let snapshots = MemorySnapshots()
        func file(_ name: String, _ content: Entry.Content) -> Entry {
            Entry(name: Array(name.utf8), mode: 0o100644, seconds: 1, nanoseconds: 0, content: content)
        }
        let content = Entry.Content.segments([.chunk(ChunkID.hashing([1]), length: 1)])
        let (a, b) = (Array("a".utf8), Array("b".utf8))
        let linked = snapshots.add([a: file("a", content), b: file("b", .furtherName(a))])
        let alone = snapshots.add([b: file("b", content)])
        let options = SnapshotDifferences.Options()
        let (gone, _) = try Self.run(snapshots, linked, alone, options)
        #expect(gone.removed == [a] && gone.order == [a])
        let (back, _) = try Self.run(snapshots, alone, linked, options)
        #expect(back.added == [a] && back.order == [a])
        let (copied, _) = try Self.run(
            snapshots,
            linked,
            snapshots.add([a: file("a", content), b: file("b", content)]),
            options
        )
        #expect(copied == Result())
    }
}
