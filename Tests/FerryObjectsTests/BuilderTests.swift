import FerryChunking
import FerryErrors
import FerryObjects
import FerryTestKit
import Testing

/// Long lists: where they are split depends on what is in them, not on how they came about.
@Suite struct BuilderTests {
    /// Nodes as they are made.
    private final class Nodes {
        var nodes: [ChunkID: Node] = [:]

        func take(_ node: Node) -> ChunkID {
            let id = ChunkID.hashing(node.encoded)
            self.nodes[id] = node
            return id
        }

        /// All entries below a node, in their order.
        func entries(_ id: ChunkID) throws -> [Entry] {
            let node = try #require(self.nodes[id])
            guard Branch.isBranch(node) else { return try DirectoryLeaf(node).entries }
            return try Branch(node).children.flatMap { child in
                let entries = try self.entries(child.id)
                try hold(entries.first?.name == child.firstName, "a first name differs")
                try hold(UInt64(entries.count) == child.weight, "a weight differs")
                return entries
            }
        }

        func segments(_ id: ChunkID) throws -> [Segment] {
            let node = try #require(self.nodes[id])
            guard Branch.isBranch(node) else { return try RecipeLeaf(node).segments }
            return try Branch(node).children.flatMap { child in
                let segments = try self.segments(child.id)
                try hold(segments.reduce(0) { $0 + $1.length } == child.weight, "a weight differs")
                return segments
            }
        }
    }

    private static func entry(_ number: Int, _ content: UInt64 = 0) -> Entry {
        let id = ChunkID.hashing(Array("\(number) \(content)".utf8))
        return Entry(
            name: Array("file \(1_000_000 + number)".utf8),
            mode: 0o100644,
            seconds: 1_700_000_000 + Int64(number),
            nanoseconds: 1,
            content: .segments([.chunk(id, length: 1 + number)])
        )
    }

    private static func directory(_ entries: some Sequence<Entry>) throws -> (root: ChunkID, nodes: Nodes) {
        let nodes = Nodes()
        var builder = DirectoryBuilder()
        for entry in entries { try builder.append(entry) { nodes.take($0) } }
        return (try builder.finish { nodes.take($0) }, nodes)
    }

    @Test func aDirectoryOfAHundredThousand() throws {
        let entries = (0..<100_000).map { Self.entry($0) }
        let (root, nodes) = try Self.directory(entries)
        #expect(try nodes.entries(root) == entries)
        for node in nodes.nodes.values { try hold(node.encoded.count <= Node.maximumLength, "a node is too long") }
        #expect(nodes.nodes.count < 2000)
    }

    @Test func oneChangeChangesFewNodes() throws {
        try withFreshSeed { generator in
            let entries = (0..<20_000).map { Self.entry($0 * 2) }
            let (_, before) = try Self.directory(entries)
            for _ in 0..<10 {
                let place = generator.below(entries.count)
                var changed = entries
                switch generator.below(3) {
                case 0: changed[place].content = .segments([])
                case 1: changed.remove(at: place)
                default: changed.insert(Self.entry(place * 2 + 1), at: place + 1)
                }
                let (root, after) = try Self.directory(changed)
                #expect(try after.entries(root) == changed)
                // Its leaf, perhaps a neighbour, and those above them.
                let fresh = Set(after.nodes.keys).subtracting(before.nodes.keys)
                #expect((1...8).contains(fresh.count), "\(fresh.count) of \(after.nodes.count)")
            }
        }
    }

    @Test func aListIsSplitByWhatFollowsABorderOnly() throws {
        // Lists with the same end have the same nodes there, whatever stands before.
        let entries = (0..<20_000).map { Self.entry($0) }
        let (_, all) = try Self.directory(entries)
        let (_, end) = try Self.directory(entries[10_000...])
        let shared = Set(all.nodes.keys).intersection(end.nodes.keys)
        #expect(shared.count > end.nodes.count * 8 / 10)
    }

    @Test func sizesOfDirectories() throws {
        for count in [0, 1, 2, 63, 64, 100, 300, 5000] {
            let entries = (0..<count).map { Self.entry($0) }
            let (root, nodes) = try Self.directory(entries)
            #expect(try nodes.entries(root) == entries)
            if count < 64 { #expect(nodes.nodes.count == 1) }
        }
    }

    @Test func largeEntries() throws {
        let value = [UInt8](repeating: 1, count: 60_000)
        func entry(_ number: Int, attributes: Int) -> Entry {
            var entry = Self.entry(number)
            entry.attributes = (0..<attributes).map { EntryAttribute(name: Array("user.\($0)".utf8), value: value) }
            return entry
        }
        let entries = (0..<20).map { entry($0, attributes: $0 % 3) }
        let (root, nodes) = try Self.directory(entries)
        #expect(try nodes.entries(root) == entries)
        for node in nodes.nodes.values { try hold(node.encoded.count <= Node.maximumLength, "a node is too long") }
        #expect(throws: FerryError.self) { try Self.directory([entry(0, attributes: 3)]) }
    }

    @Test func longRecipes() throws {
        try withFreshSeed { generator in
            for count in [0, 1, 8, 9, 255, 256, 5000, 100_000] {
                let segments = (0..<count).map { number -> Segment in
                    generator.oneIn(50)
                        ? .hole(UInt64(1 + generator.below(1 << 40)))
                        : .chunk(ChunkID.hashing(Array("\(number)".utf8)), length: 1 + generator.below(1 << 20))
                }
                let nodes = Nodes()
                var builder = RecipeBuilder()
                for segment in segments { try builder.append(segment) { nodes.take($0) } }
                let total = segments.reduce(0) { $0 + $1.length }
                switch try builder.finish({ nodes.take($0) }) {
                case .segments(let inline):
                    #expect(inline == segments)
                    #expect(count <= Entry.inlineSegments)
                case .recipe(let root, let size):
                    #expect(try nodes.segments(root) == segments)
                    #expect(size == total)
                default: Issue.record("it is no file")
                }
                for node in nodes.nodes.values {
                    try hold(node.encoded.count <= Node.maximumLength, "a node is too long")
                }
            }
        }
    }

    @Test func aRecipeOfOneChunkOverAndOver() throws {
        // A disk image of one repeated block: no border is ever found, and the citations are few.
        let nodes = Nodes()
        var builder = RecipeBuilder()
        let segment = Segment.chunk(ChunkID.hashing([1]), length: 1 << 20)
        for _ in 0..<50_000 { try builder.append(segment) { nodes.take($0) } }
        guard case .recipe(let root, let size) = try builder.finish({ nodes.take($0) }) else {
            Issue.record("it is no recipe")
            return
        }
        #expect(size == 50_000 << 20)
        #expect(try nodes.segments(root).count == 50_000)
        #expect(nodes.nodes.count < 20)
    }
}
