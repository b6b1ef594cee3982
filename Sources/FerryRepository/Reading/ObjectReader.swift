import FerryCatalog
package import FerryChunking
package import FerryErrors
package import FerryObjects
import Synchronization

/// Reads objects for one operation. Calls block; they may come from any thread, one at a time.
package final class ObjectReader: Sendable {
    /// Bytes of inflated blocks that are kept, and how many blocks.
    private static let (budget, maximumBlocks) = (8 << 20, 64)
    private static let remedy = "verify the repository; a later backup sends again what is lost and still exists"

    private let repository: Repository
    private let dropsDamaged: Bool
    private let state = Mutex(State())

    private struct State {
        let decompressor = BlockDecompressor()
        /// The blocks that were used last, the latest at the end.
        var blocks: [CachedBlock] = []
        var bytes = 0
        /// Packs that were read from.
        var packs: [Int64: IndexedPack] = [:]
    }

    private struct CachedBlock {
        let pack: Int64
        let offset: UInt32
        let raw: [UInt8]
        /// Where in it its nodes are; what lies beside each other in a tree mostly lies in one block.
        let nodes: [ChunkID: Range<Int>]

        init(_ block: StoredBlock, _ raw: [UInt8], _ location: ObjectLocation) {
            (self.pack, self.offset, self.raw) = (location.pack, location.place.block, raw)
            var nodes: [ChunkID: Range<Int>] = [:]
            var start = 0
            for part in block.header.parts where block.header.kind == .node {
                nodes[part.id] = start..<(start + part.length)
                start += part.length
            }
            self.nodes = nodes
        }
    }

    /// - Parameters:
    ///   - repository: to read from.
    ///   - dropsDamaged: whether the index forgets places that are found to be no good, so that the next backup sends again what lay
    ///     there. Not for who goes through the nodes to mark them, for it voids all marks.
    init(_ repository: Repository, dropsDamaged: Bool) {
        (self.repository, self.dropsDamaged) = (repository, dropsDamaged)
    }

    /// Reads an object, and checks that it is the one; if one place is no good, the next.
    ///
    /// - Parameter key: of the object.
    /// - Returns: its bytes.
    /// - Throws: `.integrity` if it is lost or damaged everywhere, and what the store met.
    package func read(_ key: ObjectKey) throws(FerryError) -> [UInt8] {
        let locations = try self.repository.index.locations(key)
        // Nothing but what snapshots and nodes cite is asked for.
        var failure = FerryError(.integrity, "the \(key) is lost", remedy: Self.remedy)
        for location in locations {
            do throws(FerryError) { return try self.read(key, at: location) } catch {
                failure = error
                // What was met is what is told; if it cannot be noted now, who reads it next notes it.
                if self.dropsDamaged, error.isLoss { try? self.repository.drop(key, at: location) }
            }
        }
        throw failure
    }

    func read(_ key: ObjectKey, at location: ObjectLocation) throws(FerryError) -> [UInt8] {
        let (raw, pack) = try self.state.withLock { state throws(FerryError) in
            let pack = try self.pack(location.pack, &state)
            do throws(FerryError) { return (try self.raw(location, pack, &state), pack.name) } catch {
                throw FerryError(
                    error.code == .notFound ? .integrity : error.code,
                    "the \(key) in the pack \(pack.name) cannot be read: \(error.message)",
                    remedy: Self.remedy,
                    cause: error
                )
            }
        }
        let (start, end) = (Int(location.place.offset), Int(location.place.offset) + Int(location.place.length))
        guard end <= raw.count else {
            throw FerryError(.integrity, "the \(key) does not lie in the pack \(pack) where the index has it")
        }
        let bytes = Array(raw[start..<end])
        guard ChunkID.hashing(bytes) == key.id else {
            throw FerryError(
                .integrity,
                "the \(key) in the pack \(pack) is damaged",
                remedy: Self.remedy
            )
        }
        return bytes
    }

    private func pack(_ number: Int64, _ state: inout State) throws(FerryError) -> IndexedPack {
        if let pack = state.packs[number] { return pack }
        guard let pack = try self.repository.index.pack(number) else {
            throw FerryError(.integrity, "the index names a pack that it does not have")
        }
        // A hundred bytes each; a restore that reads from very many asks again.
        if state.packs.count >= 4096 { state.packs = [:] }
        state.packs[number] = pack
        return pack
    }

    private func raw(
        _ location: ObjectLocation,
        _ pack: IndexedPack,
        _ state: inout State
    ) throws(FerryError) -> [UInt8] {
        if let place = state.blocks.lastIndex(where: { $0.pack == pack.number && $0.offset == location.place.block }) {
            if place < state.blocks.count - 1 { state.blocks.append(state.blocks.remove(at: place)) }
            return state.blocks[state.blocks.count - 1].raw
        }
        let block = try StoredBlock(location.place, of: pack, in: self.repository.store)
        let raw = try block.inflated(state.decompressor)
        state.blocks.append(CachedBlock(block, raw, location))
        state.bytes += raw.count
        while state.bytes > Self.budget && state.blocks.count > 1 || state.blocks.count > Self.maximumBlocks {
            state.bytes -= state.blocks.removeFirst().raw.count
        }
        return raw
    }

    /// Reads a node.
    ///
    /// - Throws: as ``read(_:)``.
    package func node(_ id: ChunkID) throws(FerryError) -> Node {
        // Who marks nodes must not find one that the index has dropped.
        if self.dropsDamaged, let bytes = self.cached(id) { return try Node(bytes) }
        return try Node(try self.read(ObjectKey(.node, id)))
    }

    /// A node in one of the blocks at hand, which spares a look at the index.
    private func cached(_ id: ChunkID) -> [UInt8]? {
        let bytes = self.state.withLock { state -> [UInt8]? in
            for block in state.blocks.reversed() {
                if let range = block.nodes[id], range.upperBound <= block.raw.count { return Array(block.raw[range]) }
            }
            return nil
        }
        return bytes.flatMap { ChunkID.hashing($0) == id ? $0 : nil }
    }

    /// Where the first copy of each object lies, so that what lies together can be read together.
    ///
    /// - Parameter keys: any number; at most 1024 at once is best.
    /// - Returns: nil for one that lies nowhere.
    /// - Throws: what the index met.
    func locate(_ keys: [ObjectKey]) throws(FerryError) -> [ObjectLocation?] {
        var locations: [ObjectLocation?] = []
        var rest = keys[...]
        while !rest.isEmpty {
            locations += try self.repository.index.firstLocations(Array(rest.prefix(RepositoryIndex.maximumKeys)))
            rest = rest.dropFirst(RepositoryIndex.maximumKeys)
        }
        return locations
    }

    /// The block in which something lies, as it is stored.
    func stored(_ location: ObjectLocation) throws(FerryError) -> StoredBlock {
        let pack = try self.state.withLock { state throws(FerryError) in try self.pack(location.pack, &state) }
        return try StoredBlock(location.place, of: pack, in: self.repository.store)
    }

    /// The raw bytes of the block in which something lies.
    func raw(_ location: ObjectLocation) throws(FerryError) -> [UInt8] {
        try self.state.withLock { state throws(FerryError) in
            try self.raw(location, try self.pack(location.pack, &state), &state)
        }
    }

    /// The entries of a directory, in the order of their names.
    ///
    /// - Parameter id: of its node.
    /// - Returns: what reads them one after another.
    package func directory(_ id: ChunkID) -> DirectoryCursor { DirectoryCursor(self, id) }

    /// Reads all nodes of a directory that has several.
    ///
    /// - Parameter id: of its node.
    /// - Throws: `.integrity` if it is damaged, and as ``read(_:)``.
    package func checkParts(of id: ChunkID) throws(FerryError) {
        guard Branch.isBranch(try self.node(id)) else { return }
        var cursor = DirectoryCursor(self, id)
        while try cursor.next() != nil {}
    }

    /// The entry of a name in a directory.
    ///
    /// - Parameters:
    ///   - name: to be found.
    ///   - id: of the directory's node.
    /// - Returns: nil if there is none.
    /// - Throws: as ``read(_:)``.
    package func entry(_ name: [UInt8], in id: ChunkID) throws(FerryError) -> Entry? {
        var cursor = DirectoryCursor(self, id, at: name)
        let entry = try cursor.next()
        return entry?.name == name ? entry : nil
    }

    /// Where a file's bytes are, in their order.
    ///
    /// - Parameter entry: of the file; anything else has none.
    /// - Returns: what tells them one after another.
    package func segments(of entry: Entry) -> SegmentCursor { SegmentCursor(self, entry) }
}
