import FerryChunking
import FerryErrors
import FerryObjects
import FerryTestKit
import FerryTransfer

/// A tree as a test knows it: everything in it by its path.
typealias FlatTree = [[UInt8]: Entry]

/// Snapshots whose nodes lie in memory, some of them damaged.
final class MemorySnapshots {
    private var nodes: [ChunkID: [Entry]] = [:]
    /// Directories that cannot be read behind so many entries.
    var damaged: [ChunkID: Int] = [:]

    /// Keeps a tree.
    ///
    /// - Parameter tree: the content of its directories does not matter.
    /// - Returns: the node of its top.
    func add(_ tree: FlatTree) -> ChunkID { self.add(tree, below: []) }

    private func add(_ tree: FlatTree, below top: [UInt8]) -> ChunkID {
        var entries: [Entry] = []
        for (path, entry) in tree where Self.parent(path) == top {
            var entry = entry
            if entry.isDirectory { entry.content = .directory(self.add(tree, below: path)) }
            entries.append(entry)
        }
        entries.sort { $0.name.lexicographicallyPrecedes($1.name) }
        let id = ChunkID.hashing(Array(entries.map { "\($0)" }.joined(separator: "\n").utf8))
        self.nodes[id] = entries
        return id
    }

    static func parent(_ path: [UInt8]) -> [UInt8] {
        Array(path.prefix(path.lastIndex(of: UInt8(ascii: "/")) ?? 0))
    }

    func content(_ root: ChunkID) -> MemoryContent { MemoryContent(self, root) }

    func entries(_ node: ChunkID) throws(FerryError) -> [Entry] {
        guard let entries = self.nodes[node] else { throw FerryError(.notFound, "there is no node \(node)") }
        return entries
    }

    /// What can be read of a tree, with further names resolved, and the directories that cannot.
    func flat(_ root: ChunkID) -> (tree: FlatTree, damaged: Set<[UInt8]>) {
        var (tree, damaged): (FlatTree, Set<[UInt8]>) = ([:], [])
        let content = self.content(root)
        func go(_ node: ChunkID, _ path: [UInt8]) {
            do throws(FerryError) {
                let next = try content.entries(of: node)
                while let entry = try next() {
                    let below = path.isEmpty ? entry.name : path + [UInt8(ascii: "/")] + entry.name
                    if let resolved = try? content.resolved(entry) {
                        tree[below] = resolved
                    } else {
                        damaged.insert(below)
                    }
                    if case .directory(let node) = entry.content { go(node, below) }
                }
            } catch { damaged.insert(path) }
        }
        go(root, [])
        return (tree, damaged)
    }
}

final class MemoryContent: SnapshotContent {
    private let snapshots: MemorySnapshots
    private let root: ChunkID

    init(_ snapshots: MemorySnapshots, _ root: ChunkID) { (self.snapshots, self.root) = (snapshots, root) }

    func entries(of directory: ChunkID) throws(FerryError) -> NextEntry {
        var rest = try self.snapshots.entries(directory)[...]
        var left = self.snapshots.damaged[directory] ?? .max
        return { () throws(FerryError) in
            guard left > 0 else { throw FerryError(.integrity, "damaged") }
            left -= 1
            return rest.popFirst()
        }
    }

    func checkParts(of directory: ChunkID) throws(FerryError) {}

    func segments(of entry: Entry) throws(FerryError) -> NextSegment { { nil } }

    func read(_ chunk: ChunkID) throws(FerryError) -> [UInt8] { throw FerryError(.notFound, "no data here") }

    func read(
        _ chunks: [(id: ChunkID, length: Int)],
        into output: UnsafeMutableRawBufferPointer
    ) -> [FerryError?] {
        chunks.map { _ in FerryError(.notFound, "no data here") }
    }

    func parts(of chunks: [(id: ChunkID, length: Int)]) -> [BlockPart?] { chunks.map { _ in nil } }

    func entry(at path: [UInt8]) throws(FerryError) -> Entry {
        var entry = Entry(name: [], mode: 0o040755, seconds: 0, nanoseconds: 0, content: .directory(self.root))
        for name in path.split(separator: UInt8(ascii: "/")) {
            guard case .directory(let node) = entry.content else { throw FerryError(.notADirectory, "no directory") }
            let next = try self.entries(of: node)
            var found: Entry?
            while found == nil, let some = try next() { if some.name.elementsEqual(name) { found = some } }
            guard let found else { throw FerryError(.notFound, "not there") }
            entry = found
        }
        return entry
    }
}

extension SeededGenerator {
    /// A tree of about `count` things with few names, so that the same ones occur often.
    mutating func flatTree(_ count: Int) -> FlatTree {
        var tree: FlatTree = [:]
        for _ in 0..<count { self.addSomething(to: &tree) }
        return Self.withoutLoose(tree, since: tree)
    }

    /// Something new, or something in the place of what was there.
    private mutating func addSomething(to tree: inout FlatTree) {
        let parents = [[]] + tree.filter { $0.value.isDirectory }.keys.sorted { $0.lexicographicallyPrecedes($1) }
        let parent = parents[self.below(parents.count)]
        guard parent.count(where: { $0 == UInt8(ascii: "/") }) < 5 else { return }
        let names = ["a", "b", "c.txt", "D.TXT", "e.o", "lib", "lib.o", "z"]
        let name = Array(names[self.below(names.count)].utf8)
        let path = parent.isEmpty ? name : parent + [UInt8(ascii: "/")] + name
        guard tree[path].map({ !$0.isDirectory }) ?? true else { return }
        tree[path] = self.entry(name, in: tree)
    }

    private mutating func entry(_ name: [UInt8], in tree: FlatTree) -> Entry {
        let files = tree.filter { if case .segments = $0.value.content { true } else { false } }.keys
            .sorted { $0.lexicographicallyPrecedes($1) }
        let (mode, content): (UInt32, Entry.Content) =
            switch self.below(10) {
            case 0..<4: (0o040755, .directory(ChunkID.hashing([])))
            case 4: (0o120777, .link([UInt8(self.below(3))]))
            case 5: (0o010644, .special(device: 0))
            case 6 where !files.isEmpty: (0o100644, .furtherName(files[self.below(files.count)]))
            case 7:
                (0o100644, .recipe(ChunkID.hashing([UInt8(self.below(3))]), size: UInt64(self.below(3) * 1_000_000)))
            default:
                (
                    0o100644,
                    .segments([
                        .chunk(ChunkID.hashing([UInt8(self.below(4))]), length: 10 + self.below(3)), .hole(4096),
                    ])
                )
            }
        return Entry(
            name: name,
            mode: mode & ~(self.oneIn(4) ? 0o044 : 0),
            seconds: Int64(self.below(4)),
            nanoseconds: 0,
            content: content
        )
    }

    /// Another day's tree.
    mutating func change(_ tree: inout FlatTree) {
        let before = tree
        for _ in 0..<self.below(6) {
            let paths = tree.keys.sorted { $0.lexicographicallyPrecedes($1) }
            guard !paths.isEmpty else { break }
            let path = paths[self.below(paths.count)]
            switch self.below(4) {
            case 0: tree = tree.filter { $0.key != path && !$0.key.starts(with: path + [UInt8(ascii: "/")]) }
            case 1: tree[path]?.mode ^= 0o010
            case 2: tree[path]?.seconds += 1
            default: self.addSomething(to: &tree)
            }
        }
        tree = Self.withoutLoose(tree, since: before)
    }

    /// As it is in a backup: a further name is of something that is there, and with its content its own time changes.
    private static func withoutLoose(_ tree: FlatTree, since before: FlatTree) -> FlatTree {
        tree.filter { _, entry in
            guard case .furtherName(let first) = entry.content else { return true }
            guard let named = tree[first], case .segments = named.content else { return false }
            return before[first].map { $0.content == named.content } ?? true
        }
    }
}
