import FerryChunking
import FerryObjects
import FerryProtocol
import FerryWire
import FoundationEssentials
import NIOCore
import Testing

/// What a backup is made of, by hand.
struct WireObject: Sendable {
    let isNode: Bool
    let chunk: WireChunk

    static func data(_ bytes: [UInt8]) -> WireObject { WireObject(isNode: false, chunk: WireChunk(bytes)) }
    static func data(_ text: String) -> WireObject { .data(Array(text.utf8)) }
    static func node(_ node: Node) -> WireObject { WireObject(isNode: true, chunk: WireChunk(node.encoded)) }

    /// A directory with these entries.
    static func directory(_ entries: [Entry]) -> WireObject { .node(DirectoryLeaf(entries).node) }

    var id: ChunkID { self.chunk.id }
    var length: UInt32 { UInt32(self.chunk.bytes.count) }

    func block(payload: [UInt8]? = nil, asNode: Bool? = nil) -> Frame {
        .block(
            codec: .stored,
            ids: ChunkID.pack([self.id]),
            lengths: [self.length],
            payload: ByteBuffer(bytes: payload ?? self.chunk.bytes),
            nodes: asNode ?? self.isNode
        )
    }

    /// The entry of a file with this content.
    func file(_ name: String) -> Entry {
        Entry(
            name: Array(name.utf8),
            mode: 0o100644,
            seconds: 1_700_000_000,
            nanoseconds: 0,
            content: .segments([.chunk(self.id, length: self.chunk.bytes.count)])
        )
    }

    /// The entry of this directory.
    func entry(_ name: String) -> Entry {
        Entry(
            name: Array(name.utf8),
            mode: 0o040755,
            seconds: 1_700_000_000,
            nanoseconds: 0,
            content: .directory(self.id)
        )
    }
}

extension [WireObject] {
    /// The digest and the size of their names.
    var total: (digest: Data, size: UInt64) {
        var digest = RecipeDigest()
        for object in self { digest.update(id: object.id, length: object.length) }
        return (ChunkID.pack([digest.finalize()]), self.reduce(0) { $0 + UInt64($1.length) })
    }

    func commit(root: ChunkID?, note: [UInt8] = []) -> Frame {
        let total = self.total
        return .commit(
            root: root.map { ChunkID.pack([$0]) } ?? Data(),
            note: note,
            digest: total.digest,
            size: total.size
        )
    }
}

extension WirePeer {
    /// Asks for a backup, and waits until it may begin.
    func beginBackup(dryRun: Bool = false) async throws {
        try await self.send(.backup(repository: "laptops", dryRun: dryRun))
        try await self.ready()
    }

    /// Names one thing.
    ///
    /// - Returns: whether it is wanted.
    @discardableResult
    func name(_ object: WireObject) async throws -> Bool {
        try await self.send(
            .names(ids: ChunkID.pack([object.id]), lengths: [object.length], nodes: object.isNode)
        )
        let wants = try await self.wants()
        #expect(wants.decided == 1)
        return !wants.ids.isEmpty
    }

    /// Names and sends things in this order, and commits the last one as the top.
    func backUp(_ objects: [WireObject], note: [UInt8] = []) async throws {
        try await self.beginBackup()
        for object in objects where try await self.name(object) { try await self.send(object.block()) }
        try await self.send(objects.commit(root: objects.last?.id, note: note))
        try await self.finished()
    }
}
