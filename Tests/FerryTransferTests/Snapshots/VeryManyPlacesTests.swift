import FerryChunking
import FerryErrors
import FerryObjects
import FerryTransfer
import Testing

/// A snapshot in which each directory has the same one twice is small, and tells of more places than anybody lives to see.
@Suite struct VeryManyPlacesTests {
    /// Its nodes are named by how far it goes down from there.
    private final class Doubling: SnapshotContent {
        static func node(_ height: UInt8) -> ChunkID { ChunkID.hashing([height]) }

        private let heights: [ChunkID: UInt8]
        private let height: UInt8

        init(height: UInt8) {
            self.height = height
            self.heights = Dictionary((0...height).map { (Self.node($0), $0) }) { first, _ in first }
        }

        private static func entry(_ name: String, _ mode: UInt32, _ content: Entry.Content) -> Entry {
            Entry(name: Array(name.utf8), mode: mode, seconds: 0, nanoseconds: 0, content: content)
        }

        func entries(of directory: ChunkID) throws(FerryError) -> NextEntry {
            let height = self.heights[directory] ?? 0
            let content = Entry.Content.directory(Self.node(height &- 1))
            let file = Self.entry("found", 0o100644, .segments([]))
            var rest = height == 0 ? [file] : ["a", "b"].map { Self.entry($0, 0o040755, content) }
            return { rest.isEmpty ? nil : rest.removeFirst() }
        }

        func parts(of chunks: [(id: ChunkID, length: Int)]) -> [BlockPart?] { chunks.map { _ in nil } }
        func checkParts(of directory: ChunkID) throws(FerryError) {}
        func segments(of entry: Entry) throws(FerryError) -> NextSegment { { nil } }
        func read(_ chunk: ChunkID) throws(FerryError) -> [UInt8] { throw FerryError(.notFound, "no data here") }

        func read(
            _ chunks: [(id: ChunkID, length: Int)],
            into output: UnsafeMutableRawBufferPointer
        ) -> [FerryError?] {
            chunks.map { _ in FerryError(.notFound, "no data here") }
        }

        func entry(at path: [UInt8]) throws(FerryError) -> Entry {
            Self.entry("", 0o040755, .directory(Self.node(self.height)))
        }
    }

    private static func search(_ content: Doubling, _ pattern: String, limit: Int) throws -> Int {
        let search = SnapshotSearch(try SearchQuery([Array(pattern.utf8)]), entryLimit: limit)
        guard let top = try content.entry(at: []).node else { return 0 }
        try search.begin(content, top: top, isFirst: true)
        var found = 0
        while let event = try search.next() { if case .found = event { found += 1 } }
        return found
    }

    private static func failure(_ body: () throws -> Void) -> FerryError? {
        do { try body() } catch { return error as? FerryError }
        return nil
    }

    @Test func aSearchEndsAtItsLimit() throws {
        // 2 directories in the top, 4 in these, 8, and a file in each of those.
        #expect(try Self.search(Doubling(height: 3), "found", limit: 22) == 8)
        let (small, large) = (Doubling(height: 3), Doubling(height: 200))
        #expect(Self.failure { _ = try Self.search(small, "found", limit: 21) }?.code == .limit)
        for pattern in ["found", "/a/**/none", "*"] {
            let failure = Self.failure { _ = try Self.search(large, pattern, limit: 10_000) }
            #expect(failure?.code == .limit && failure?.message.contains("10000") == true, "\(pattern)")
        }
        // What is known to hold nothing is not looked through again.
        #expect(try Self.search(large, "none", limit: 10_000) == 0)
    }

    private static func compare(_ old: Doubling, _ new: Doubling, collapses: Bool, limit: Int) throws -> [UInt64] {
        var options = SnapshotDifferences.Options()
        (options.collapses, options.entryLimit) = (collapses, limit)
        let comparison = SnapshotDifferences(
            old: .init(content: old, entry: try old.entry(at: [])),
            new: .init(content: new, entry: try new.entry(at: [])),
            options: options
        )
        var files: [UInt64] = []
        while let event = try comparison.next() {
            if case .differs(let difference) = event { files.append(difference.beneath.files) }
        }
        return files
    }

    @Test func aComparisonEndsAtItsLimit() throws {
        let (flat, small, large) = (Doubling(height: 0), Doubling(height: 3), Doubling(height: 200))
        #expect(try Self.compare(flat, small, collapses: true, limit: 23) == [4, 4, 0])
        for collapses in [true, false] {
            let less = Self.failure { _ = try Self.compare(flat, small, collapses: collapses, limit: 22) }
            #expect(less?.code == .limit)
            let failure = Self.failure { _ = try Self.compare(flat, large, collapses: collapses, limit: 10_000) }
            #expect(failure?.code == .limit && failure?.message.contains("10000") == true)
        }
    }
}
