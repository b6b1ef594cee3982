import FerryChunking
import FerryErrors
import FerryObjects
import FerryTestKit
import FerryTransfer
import Glibc
import Testing

/// Searches of random series of snapshots, compared with looking at everything in each.
@Suite struct SnapshotSearchTests {
    /// Tells what a search has found in each snapshot.
    private struct Search {
        let search: SnapshotSearch
        private var alive: [[UInt8]: Entry] = [:]
        private(set) var told = 0

        init(_ query: SearchQuery, memory: Int) { self.search = SnapshotSearch(query, memory: memory) }

        mutating func run(
            _ snapshots: MemorySnapshots,
            _ root: ChunkID,
            isFirst: Bool
        ) throws -> (found: [[UInt8]: Entry], failed: Set<[UInt8]>) {
            if isFirst { self.alive = [:] }
            var failed: Set<[UInt8]> = []
            try self.search.begin(snapshots.content(root), top: root, isFirst: isFirst)
            while let event = try self.search.next() {
                self.told += 1
                switch event {
                case .found(let hit): self.alive[hit.path] = hit.entry
                case .gone(let path):
                    try hold(self.alive.removeValue(forKey: path) != nil, "\(path) is gone and was not found")
                case .failed(let path, _): failed.insert(path)
                case .pause: self.told -= 1
                }
            }
            return (self.alive, failed)
        }
    }

    /// A pattern without a slash, as the C library matches it.
    private static func matches(_ pattern: String, _ name: [UInt8], ignoresCase: Bool) -> Bool {
        let text = String(decoding: name, as: UTF8.self)
        return fnmatch(pattern, text, ignoresCase ? 1 << 4 : 0) == 0
    }

    private static func isSame(_ one: [[UInt8]: Entry], _ other: [[UInt8]: Entry]) -> Bool {
        // What is in a directory, and with which mode a thing is, makes no other version of it.
        func version(_ entry: Entry) -> Entry {
            var entry = entry
            entry.mode = 0
            if entry.isDirectory { (entry.content, entry.seconds) = (.directory(ChunkID.hashing([])), 0) }
            return entry
        }
        return one.mapValues(version) == other.mapValues(version)
    }

    @Test func whatIsFoundIsWhatIsThere() throws {
        try withFreshSeed { generator in
            for number in 0..<Soak.count(300, soak: 20_000) {
                let snapshots = MemorySnapshots()
                let patterns = ["a", "*.txt", "lib*", "?", "[a-c]*", "*.o", "none", "*"]
                let (pattern, ignoresCase) = (patterns[generator.below(patterns.count)], generator.oneIn(2))
                var query = try SearchQuery([Array(pattern.utf8)], ignoresCase: ignoresCase)
                if generator.oneIn(3) { query.kinds = [Entry.Kind.allCases[generator.below(4)]] }
                if generator.oneIn(4) { query.minSize = 1000 }
                var search = Search(query, memory: [1, 2, 8, 1000][generator.below(4)])
                var tree = generator.flatTree(60)
                for day in 0..<8 {
                    let isFirst = day == 0 || generator.oneIn(4)
                    if generator.oneIn(8) { tree = generator.flatTree(40) }
                    generator.change(&tree)
                    let root = snapshots.add(tree)
                    let result = try search.run(snapshots, root, isFirst: isFirst)
                    let expected = snapshots.flat(root).tree.filter { path, entry in
                        Self.matches(pattern, entry.name, ignoresCase: ignoresCase)
                            && (query.kinds.isEmpty || query.kinds.contains(entry.kind))
                            && (query.minSize == nil || entry.kind == .file && entry.size >= 1000)
                    }
                    try hold(Self.isSame(result.found, expected), "\(number), \(day): \(pattern)")
                    try hold(result.failed.isEmpty, "\(number), \(day): \(result.failed)")
                }
            }
        }
    }

    @Test func damageIsNamedAndTheRestIsFound() throws {
        try withFreshSeed { generator in
            var (failures, found) = (0, 0)
            for number in 0..<Soak.count(300, soak: 20_000) {
                let snapshots = MemorySnapshots()
                var search = Search(try SearchQuery([Array("*.txt".utf8)]), memory: [1, 1000][generator.below(2)])
                var tree = generator.flatTree(60)
                var days: [(root: ChunkID, tree: FlatTree)] = []
                for _ in 0..<6 {
                    generator.change(&tree)
                    let root = snapshots.add(tree)
                    days.append((root, tree))
                    for path in tree.keys.sorted(by: { $0.lexicographicallyPrecedes($1) }) where generator.oneIn(30) {
                        if case .directory(let node)? = try? snapshots.content(root).entry(at: path).content {
                            snapshots.damaged[node] = generator.below(3)
                        }
                    }
                }
                for (day, (root, tree)) in days.enumerated() {
                    let result = try search.run(snapshots, root, isFirst: true)
                    let named = result.failed
                    let (flat, damaged) = snapshots.flat(root)
                    let expected = flat.filter { Self.matches("*.txt", $0.value.name, ignoresCase: false) }
                    try hold(Self.isSame(result.found, expected), "\(number), \(day)")
                    let isMissing = damaged.contains { path in
                        tree[path]?.isDirectory ?? true && !named.contains(path)
                    }
                    try hold(!isMissing, "\(number), \(day): \(damaged) and not \(named)")
                    failures += named.count
                    found += expected.count
                }
            }
            #expect(failures > 100 && found > 100)
        }
    }

    /// Damage does not change between two snapshots of a series: what is told of the later one is still right.
    @Test func aSeriesWithDamage() throws {
        try withFreshSeed { generator in
            for number in 0..<Soak.count(300, soak: 20_000) {
                let snapshots = MemorySnapshots()
                var search = Search(try SearchQuery([Array("*".utf8)]), memory: 8)
                var tree = generator.flatTree(60)
                var roots: [ChunkID] = []
                for _ in 0..<6 {
                    generator.change(&tree)
                    // A further name in a directory that is the same may have lost its first name to damage elsewhere, which
                    // is told there.
                    tree = tree.filter { if case .furtherName = $0.value.content { false } else { true } }
                    roots.append(snapshots.add(tree))
                    for path in tree.keys.sorted(by: { $0.lexicographicallyPrecedes($1) }) where generator.oneIn(40) {
                        let content = snapshots.content(roots[roots.count - 1])
                        if case .directory(let node)? = try? content.entry(at: path).content {
                            snapshots.damaged[node] = generator.below(3)
                        }
                    }
                }
                for (day, root) in roots.enumerated() {
                    let result = try search.run(snapshots, root, isFirst: day == 0)
                    try hold(Self.isSame(result.found, snapshots.flat(root).tree), "\(number), \(day)")
                }
            }
        }
    }

    /// Patterns with slashes count from the top, and what cannot match is not read.
    @Test func patternsOfPaths() throws {
        let snapshots = MemorySnapshots()
        func directory(_ name: String) -> Entry {
            Entry(
                name: Array(name.utf8),
                mode: 0o040755,
                seconds: 0,
                nanoseconds: 0,
                content: .directory(ChunkID.hashing([]))
            )
        }
        func file(_ name: String) -> Entry {
            Entry(name: Array(name.utf8), mode: 0o100644, seconds: 0, nanoseconds: 0, content: .segments([]))
        }
        var tree: FlatTree = [:]
        for path in ["etc", "etc/ssh", "home", "home/etc", "home/etc/ssh"] {
            tree[Array(path.utf8)] = directory(path.split(separator: "/").last.map(String.init) ?? "")
        }
        for path in ["etc/ssh/config", "home/etc/ssh/config", "config"] { tree[Array(path.utf8)] = file("config") }
        let root = snapshots.add(tree)
        for (patterns, expected, read) in [
            (["/etc/ssh/config"], ["etc/ssh/config"], 3), (["etc/**"], ["etc/ssh", "etc/ssh/config"], 3),
            (["**/ssh/config"], ["etc/ssh/config", "home/etc/ssh/config"], 6),
            (["ssh/"], ["etc/ssh", "home/etc/ssh"], 6),
            (["/config"], ["config"], 1),
            (["config", "!/etc/**"], ["config", "home/etc/ssh/config"], 6),
        ] {
            let search = SnapshotSearch(try SearchQuery(patterns.map { Array($0.utf8) }))
            try search.begin(snapshots.content(root), top: root, isFirst: true)
            var found: [String] = []
            while let event = try search.next() {
                if case .found(let hit) = event { found.append(String(decoding: hit.path, as: UTF8.self)) }
            }
            #expect(found.sorted() == expected, "\(patterns)")
            #expect(search.directoriesRead <= read, "\(patterns): \(search.directoriesRead)")
        }
        for patterns in [[], ["a//b"], ["["], Array(repeating: "a", count: 65), [String(repeating: "a", count: 5000)]] {
            #expect(throws: FerryError.self) { try SearchQuery(patterns.map { Array($0.utf8) }) }
        }
    }

    /// Of a series only what has changed is read, whatever the number of snapshots.
    @Test func whatIsTheSameIsNotReadAgain() throws {
        try withFreshSeed { generator in
            let snapshots = MemorySnapshots()
            var tree = generator.flatTree(2000)
            let root = snapshots.add(tree)
            for name in ["none", "*.txt"] {
                let search = SnapshotSearch(try SearchQuery([Array(name.utf8)]))
                func run(_ root: ChunkID, isFirst: Bool) throws {
                    try search.begin(snapshots.content(root), top: root, isFirst: isFirst)
                    while try search.next() != nil {}
                }
                try run(root, isFirst: true)
                let first = search.directoriesRead
                try #require(first > 100)
                try run(root, isFirst: false)
                #expect(search.directoriesRead == first)
                tree[Array("new.txt".utf8)] = Entry(
                    name: Array("new.txt".utf8),
                    mode: 0o100644,
                    seconds: 0,
                    nanoseconds: 0,
                    content: .segments([])
                )
                try run(snapshots.add(tree), isFirst: false)
                #expect(search.directoriesRead <= first + 2)
                // Another machine's: where nothing is to be found nothing is read.
                let before = search.directoriesRead
                try run(root, isFirst: true)
                #expect(search.directoriesRead - before < (name == "none" ? 2 : first))
                tree[Array("new.txt".utf8)] = nil
            }
        }
    }

    @Test func whatIsRememberedIsBounded() {
        var nodes = FruitlessNodes(limit: 100)
        let ids = (0..<1000).map { ChunkID.hashing([UInt8($0 % 256), UInt8($0 / 256)]) }
        for id in ids {
            nodes.insert(id)
            #expect(nodes.count <= 100)
            // What is asked for stays.
            let stays = nodes.contains(ids[0])
            #expect(stays)
        }
        let (last, middle) = (nodes.contains(ids[999]), nodes.contains(ids[500]))
        #expect(last && !middle)
    }
}
