package import FerryChunking
package import FerryErrors

/// The levels above the leaves of a long list, built as the leaves come: where a part ends is chosen by its last leaf's id, so that
/// a change moves few borders.
struct BranchBuilder {
    /// Children after which a part may end, if the id says so, and must.
    private static let minimum = 64
    private static let maximum = 1024
    /// One id in so many ends a part.
    private static let rarity: UInt8 = 0xFF

    private let ofDirectory: Bool
    private var levels: [[Branch.Child]] = []

    init(ofDirectory: Bool) { self.ofDirectory = ofDirectory }

    mutating func append(
        _ child: Branch.Child,
        level: Int = 0,
        _ emit: (Node) throws(FerryError) -> ChunkID
    ) throws(FerryError) {
        if self.levels.count == level { self.levels.append([]) }
        self.levels[level].append(child)
        let count = self.levels[level].count
        let bytes = self.levels[level].reduce(0) { $0 + $1.firstName.count + ChunkID.length + 24 }
        let isFull = count >= Self.maximum || bytes > Node.maximumLength / 2
        guard isFull || count >= Self.minimum && child.id.lastByte & Self.rarity == 0 else { return }
        try self.close(level, emit)
    }

    private mutating func close(_ level: Int, _ emit: (Node) throws(FerryError) -> ChunkID) throws(FerryError) {
        let branch = Branch(ofDirectory: self.ofDirectory, level: level + 1, children: self.levels[level])
        self.levels[level] = []
        let child = Branch.Child(
            id: try emit(branch.node),
            firstName: branch.children.first?.firstName ?? [],
            weight: branch.weight
        )
        try self.append(child, level: level + 1, emit)
    }

    /// Ends the list.
    ///
    /// - Returns: the id of the node at its top.
    mutating func finish(_ emit: (Node) throws(FerryError) -> ChunkID) throws(FerryError) -> ChunkID? {
        var level = 0
        while level < self.levels.count {
            let isTop = level == self.levels.count - 1
            if isTop, self.levels[level].count == 1 { return self.levels[level][0].id }
            if !self.levels[level].isEmpty { try self.close(level, emit) }
            level += 1
        }
        return nil
    }
}

/// Builds the nodes of a directory from its entries, which come in the order of their names.
package struct DirectoryBuilder {
    /// Bytes of a leaf from which it may end, if the last name says so, and beyond which none grows.
    private static let minimum = 16 << 10
    private static let maximum = 160 << 10
    /// One name in so many (a power of two) ends a leaf.
    private static let rarity: UInt64 = 256

    private var leaf = LeafWriter()
    private var firstName: [UInt8] = []
    private var branches = BranchBuilder(ofDirectory: true)

    package init() {}

    /// - Parameters:
    ///   - entry: the next.
    ///   - emit: takes a node that is complete and returns its id.
    /// - Throws: `.tooLarge` if no node holds so large an entry, and what `emit` does.
    package mutating func append(
        _ entry: Entry,
        _ emit: (Node) throws(FerryError) -> ChunkID
    ) throws(FerryError) {
        guard entry.longestEncoding <= Self.maximum else {
            throw FerryError(.tooLarge, "\(Escaping.escape(entry.name)) has more attributes than a snapshot keeps")
        }
        if self.leaf.count > 0, self.leaf.length + entry.longestEncoding > Self.maximum { try self.close(emit) }
        if self.leaf.count == 0 { self.firstName = entry.name }
        self.leaf.append(entry)
        let isBorder = Self.hash(entry.name) % Self.rarity == 0
        if self.leaf.length >= Self.minimum && isBorder { try self.close(emit) }
    }

    private mutating func close(_ emit: (Node) throws(FerryError) -> ChunkID) throws(FerryError) {
        let child = Branch.Child(
            id: try emit(self.leaf.node),
            firstName: self.firstName,
            weight: UInt64(self.leaf.count)
        )
        self.leaf = LeafWriter()
        try self.branches.append(child, emit)
    }

    /// Ends the directory.
    ///
    /// - Parameter emit: takes a node that is complete and returns its id.
    /// - Returns: the id of the directory's node.
    /// - Throws: what `emit` does.
    package mutating func finish(_ emit: (Node) throws(FerryError) -> ChunkID) throws(FerryError) -> ChunkID {
        if self.leaf.count > 0 { try self.close(emit) }
        if let top = try self.branches.finish(emit) { return top }
        return try emit(LeafWriter().node)
    }

    /// FNV-1a, 64 bits, and its halves folded: pinned by the format.
    static func hash(_ name: [UInt8]) -> UInt64 {
        let hash = name.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        return hash ^ (hash >> 32)
    }
}

/// Builds the nodes of a file's recipe from its segments.
package struct RecipeBuilder {
    private static let minimum = 256
    /// One id in so many (a power of two) ends a leaf.
    private static let rarity: UInt16 = 1024

    private var segments: [Segment] = []
    private var branches = BranchBuilder(ofDirectory: false)
    private var hasClosed = false
    /// Bytes of the file so far.
    package private(set) var size: UInt64 = 0

    package init() {}

    /// - Parameters:
    ///   - segment: the next.
    ///   - emit: takes a node that is complete and returns its id.
    /// - Throws: what `emit` does.
    package mutating func append(
        _ segment: Segment,
        _ emit: (Node) throws(FerryError) -> ChunkID
    ) throws(FerryError) {
        self.size += segment.length
        self.segments.append(segment)
        guard case .chunk(let id, _) = segment else { return try self.closeIfFull(emit) }
        if self.segments.count >= Self.minimum, id.lastTwoBytes % Self.rarity == 0 { return try self.close(emit) }
        try self.closeIfFull(emit)
    }

    private mutating func closeIfFull(_ emit: (Node) throws(FerryError) -> ChunkID) throws(FerryError) {
        if self.segments.count == RecipeLeaf.maximumCount { try self.close(emit) }
    }

    private mutating func close(_ emit: (Node) throws(FerryError) -> ChunkID) throws(FerryError) {
        let leaf = RecipeLeaf(self.segments)
        self.segments = []
        self.hasClosed = true
        try self.branches.append(Branch.Child(id: try emit(leaf.node), firstName: [], weight: leaf.size), emit)
    }

    /// Ends the file.
    ///
    /// - Parameter emit: takes a node that is complete and returns its id.
    /// - Returns: what the file's entry holds.
    /// - Throws: what `emit` does.
    package mutating func finish(
        _ emit: (Node) throws(FerryError) -> ChunkID
    ) throws(FerryError) -> Entry.Content {
        if !self.hasClosed, self.segments.count <= Entry.inlineSegments { return .segments(self.segments) }
        if !self.segments.isEmpty { try self.close(emit) }
        guard let top = try self.branches.finish(emit) else { return .segments([]) }
        return .recipe(top, size: self.size)
    }
}

extension Entry {
    /// At most so many bytes does it add to a node.
    var longestEncoding: Int {
        let attributes = self.attributes.reduce(0) { $0 + $1.name.count + $1.value.count + 8 }
        let accounts = (2 + self.accounts.count) * 280
        let content =
            switch self.content {
            case .segments(let segments): segments.count * (ChunkID.length + 12)
            case .link(let bytes), .furtherName(let bytes): bytes.count
            default: ChunkID.length + 24
            }
        return self.name.count + attributes + accounts + content + 64
    }
}

extension ChunkID {
    var lastByte: UInt8 { UInt8(truncatingIfNeeded: self.lastTwoBytes) }

    /// The last two bytes as a big-endian number.
    var lastTwoBytes: UInt16 {
        // SAFETY: an id has 32 bytes.
        unsafe self.withUnsafeBytes { unsafe UInt16($0[ChunkID.length - 2]) << 8 | UInt16($0[ChunkID.length - 1]) }
    }
}
