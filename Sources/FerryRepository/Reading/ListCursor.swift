import FerryChunking
package import FerryErrors
package import FerryObjects

/// Goes down the parts of a long list, from the left to the right. It holds one node of each level.
struct BranchCursor {
    private struct Level {
        let branch: Branch
        var next: Int
    }

    private let reader: ObjectReader
    private let ofDirectory: Bool
    private var levels: [Level] = []
    /// The node to begin with.
    private var root: ChunkID?

    init(_ reader: ObjectReader, root: ChunkID, ofDirectory: Bool) {
        (self.reader, self.root, self.ofDirectory) = (reader, root, ofDirectory)
    }

    /// Goes on to the next leaf.
    ///
    /// - Parameter start: chooses the part of a branch to begin with, while the first leaf is looked for.
    /// - Returns: the leaf, and what leads to it, if something does; nil at the end.
    /// - Throws: `.integrity` if a part is not what its branch says, and as ``ObjectReader/read(_:)``.
    mutating func next(
        from start: (Branch) -> Int = { _ in 0 }
    ) throws(FerryError) -> (node: Node, child: Branch.Child?)? {
        if let root = self.root {
            let node = try self.reader.node(root)
            self.root = nil
            guard Branch.isBranch(node) else { return (node, nil) }
            try self.push(node, start)
        }
        while let level = self.levels.last {
            guard level.next < level.branch.children.count else {
                self.levels.removeLast()
                continue
            }
            let child = level.branch.children[level.next]
            self.levels[self.levels.count - 1].next += 1
            let node = try self.reader.node(child.id)
            guard Branch.isBranch(node) == (level.branch.level > 1) else { throw Self.damaged }
            guard level.branch.level > 1 else { return (node, child) }
            try self.push(node, start, below: level.branch, child)
        }
        return nil
    }

    private mutating func push(
        _ node: Node,
        _ start: (Branch) -> Int,
        below parent: Branch? = nil,
        _ child: Branch.Child? = nil
    ) throws(FerryError) {
        let branch = try Branch(node)
        guard branch.ofDirectory == self.ofDirectory, parent.map({ $0.level == branch.level + 1 }) ?? true,
            child.map({ $0.weight == branch.weight && $0.firstName == branch.children.first?.firstName }) ?? true
        else { throw Self.damaged }
        self.levels.append(Level(branch: branch, next: start(branch)))
    }

    /// Whether all has been told.
    var isAtEnd: Bool { self.root == nil && self.levels.isEmpty }

    /// Bytes that it holds.
    var memory: Int {
        self.levels.reduce(0) { sum, level in
            level.branch.children.reduce(sum) {
                $0 + MemoryLayout<Branch.Child>.stride + MemorySizes.array + $1.firstName.count
            }
        }
    }

    static var damaged: FerryError { FerryError(.integrity, "a list is damaged: a part is not what is told of it") }
}

/// Reads a directory, entry by entry.
package struct DirectoryCursor {
    private let reader: ObjectReader
    private let id: ChunkID
    private var parts: BranchCursor
    private var entries: ArraySlice<Entry> = []
    private var last: [UInt8]?
    /// The name to begin at, until it is found.
    private var start: [UInt8]?
    /// The name that was told last; what the directory is read again for comes behind it.
    private var told: [UInt8]?

    init(_ reader: ObjectReader, _ id: ChunkID, at start: [UInt8]? = nil) {
        (self.reader, self.id) = (reader, id)
        self.parts = BranchCursor(reader, root: id, ofDirectory: true)
        self.start = start
    }

    /// - Returns: nil at the end.
    /// - Throws: `.integrity` if the directory is damaged, and as ``ObjectReader/read(_:)``.
    package mutating func next() throws(FerryError) -> Entry? {
        while self.entries.isEmpty {
            let start = self.start
            let part = try self.parts.next { branch in
                guard let start else { return 0 }
                // The last part that does not begin behind it.
                let after = branch.children.firstIndex { start.lexicographicallyPrecedes($0.firstName) }
                return max(0, (after ?? branch.children.count) - 1)
            }
            guard let part else { return nil }
            let leaf = try DirectoryLeaf(part.node)
            if let child = part.child {
                guard leaf.entries.first?.name == child.firstName, UInt64(leaf.entries.count) == child.weight,
                    self.last.map({ $0.lexicographicallyPrecedes(child.firstName) }) ?? true
                else { throw BranchCursor.damaged }
            }
            self.last = leaf.entries.last?.name
            self.entries = leaf.entries[...]
            if let start {
                self.entries = self.entries.drop { $0.name.lexicographicallyPrecedes(start) }
                if let told = self.told, self.entries.first?.name == told { self.entries.removeFirst() }
                self.start = nil
            }
        }
        return self.nextAtHand()
    }

    /// The next entry, if it has been read already.
    mutating func nextAtHand() -> Entry? {
        guard let entry = self.entries.popFirst() else { return nil }
        // An empty slice would keep all that it was cut from.
        if self.entries.isEmpty { self.entries = [] }
        self.told = entry.name
        return entry
    }

    /// Bytes that it holds.
    var memory: Int { self.entries.reduce(self.parts.memory) { $0 + $1.memory } }

    /// Gives up what it has read and not told; that is read again when it goes on.
    mutating func letGo() {
        // Before the first is told there is nothing to go on behind, and at the end nothing to give up.
        guard let told = self.told, !self.entries.isEmpty || !self.parts.isAtEnd else { return }
        self.parts = BranchCursor(self.reader, root: self.id, ofDirectory: true)
        self.entries = []
        (self.start, self.last) = (told, nil)
    }
}

/// What things take in memory beside their bytes.
enum MemorySizes {
    /// The header of an array, and what the allocator takes for it.
    static let array = 48
}

extension Entry {
    /// Bytes that it takes while it is held, about.
    fileprivate var memory: Int {
        let content =
            switch self.content {
            case .segments(let segments): MemorySizes.array + segments.count * MemoryLayout<Segment>.stride
            case .link(let bytes), .furtherName(let bytes): MemorySizes.array + bytes.count
            case .recipe, .directory, .special: 0
            }
        let attributes = self.attributes.reduce(0) { sum, attribute in
            sum + MemoryLayout<EntryAttribute>.stride + 2 * MemorySizes.array + attribute.name.count
                + attribute.value.count
        }
        let accounts = self.accounts.count * MemoryLayout<EntryAccount>.stride
        return MemoryLayout<Entry>.stride + MemorySizes.array + self.name.count + content + attributes + accounts
    }
}

/// Reads where a file's bytes are, segment by segment.
package struct SegmentCursor {
    private var parts: BranchCursor?
    private var segments: ArraySlice<Segment> = []
    /// Bytes that are still to come.
    private var left: UInt64

    init(_ reader: ObjectReader, _ entry: Entry) {
        self.left = entry.size
        switch entry.content {
        case .segments(let segments): self.segments = segments[...]
        case .recipe(let id, _): self.parts = BranchCursor(reader, root: id, ofDirectory: false)
        default: break
        }
    }

    /// - Returns: nil at the end, which is reached only after as many bytes as the entry has.
    /// - Throws: `.integrity` if the recipe is damaged, and as ``ObjectReader/read(_:)``.
    package mutating func next() throws(FerryError) -> Segment? {
        while self.segments.isEmpty {
            guard let part = try self.parts?.next() else {
                guard self.left == 0 else { throw BranchCursor.damaged }
                return nil
            }
            let leaf = try RecipeLeaf(part.node)
            guard part.child.map({ $0.weight == leaf.size }) ?? true else { throw BranchCursor.damaged }
            self.segments = leaf.segments[...]
        }
        guard let segment = self.segments.popFirst() else { return nil }
        guard segment.length <= self.left else { throw BranchCursor.damaged }
        self.left -= segment.length
        return segment
    }
}
