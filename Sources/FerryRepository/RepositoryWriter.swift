import FerryCatalog
package import FerryChunking
package import FerryErrors
package import FerryObjects
import FerryStorage
import Synchronization

/// What one backup adds to a repository. Calls block; they may come from any thread, one at a time.
///
/// What it was given is durable only after ``flush()``; until then nobody but itself is told that it is there. If anything fails that has to
/// do with the store, what was not flushed is gone, and each later call fails too.
package final class RepositoryWriter: Sendable {
    private let repository: Repository
    private let owner: String
    private let state = Mutex(State())

    private struct State {
        var packs: [ObjectKind: PackWriter] = [:]
        /// What lies in these packs.
        var own: Set<ObjectKey> = []
        /// Which marks held at the first answer.
        var generation: Int64?
        /// Which marks held when the nodes in the open pack were checked; nil if not all the time the same.
        var checked: Int64?
        var failure: FerryError?
        var totals = WriterTotals()
    }

    init(_ repository: Repository, owner: String) {
        self.repository = repository
        self.owner = owner
    }

    /// What it added so far.
    package var totals: WriterTotals { self.state.withLock { $0.totals } }

    /// Tells what need not be sent: what is durable, nodes only if all below them is, and what this very writer has got.
    ///
    /// - Parameter keys: any number; a thousand at once is best.
    /// - Returns: an answer to each.
    /// - Throws: what the index met.
    package func has(_ keys: [ObjectKey]) throws(FerryError) -> [Bool] {
        try self.state.withLock { state throws(FerryError) in try self.has(keys, &state).answers }
    }

    private func has(
        _ keys: [ObjectKey],
        _ state: inout State
    ) throws(FerryError) -> (answers: [Bool], generation: Int64) {
        if let failure = state.failure { throw failure }
        let (answers, generation) = try self.repository.index.hasAll(keys)
        if state.generation == nil { state.generation = generation }
        let own = state.own
        return (zip(keys, answers).map { key, answer in answer || own.contains(key) }, generation)
    }

    /// Adds one block.
    ///
    /// - Parameters:
    ///   - kind: of its parts.
    ///   - isCompressed: whether `body` is a zlib stream.
    ///   - parts: which the caller found to lie in `raw`, one after another, and to hash to their ids.
    ///   - body: what is stored, byte for byte.
    ///   - raw: of which nodes are read.
    /// - Throws: `.violation` if the parts are none, or a node cites what is not there; `.busy` if it was there when
    ///   ``has(_:)`` was asked and has been found damaged since; what the store met.
    package func append(
        kind: ObjectKind,
        isCompressed: Bool,
        parts: [BlockHeader.Part],
        body: UnsafeRawBufferPointer,
        raw: UnsafeRawBufferPointer
    ) throws(FerryError) {
        let total = parts.reduce(0) { $0 + max(0, min($1.length, ChunkLimits.maximumLength + 1)) }
        guard !parts.isEmpty, parts.count <= BlockHeader.maximumCount, parts.allSatisfy({ $0.length > 0 }),
            total == raw.count, total <= ChunkLimits.maximumLength, body.count > 0,
            isCompressed ? body.count <= ChunkLimits.maximumLength : body.count == total
        else { throw FerryError(.violation, "a block has no legal form") }
        let header = BlockHeader(
            kind: kind,
            isCompressed: isCompressed,
            storedLength: body.count,
            checksum: unsafe Checksum.crc32c(body),
            parts: parts
        )
        let nodes = kind == .node ? unsafe try Self.nodes(parts, raw) : []
        let body = unsafe body.bytes
        try self.state.withLock { state throws(FerryError) in
            if let failure = state.failure { throw failure }
            if kind == .node { try self.check(nodes, parts, &state) }
            do throws(FerryError) { try self.add(header, body, &state) } catch {
                Self.forget(&state, error)
                throw error
            }
        }
    }

    private func add(_ header: BlockHeader, _ body: RawSpan, _ state: inout State) throws(FerryError) {
        let pack = try self.pack(header.kind, &state)
        try pack.append(header, body)
        state.totals.add(header)
        for part in header.parts { state.own.insert(ObjectKey(header.kind, part.id)) }
        // Nodes only behind the data that they cite.
        if pack.isFull { try self.close(header.kind == .data ? [.data] : [.data, .node], &state) }
    }

    private static func nodes(
        _ parts: [BlockHeader.Part],
        _ raw: UnsafeRawBufferPointer
    ) throws(FerryError) -> [[ObjectKey]] {
        var refs: [[ObjectKey]] = []
        var offset = 0
        for part in parts {
            do throws(FerryError) {
                // SAFETY: the caller proved that the parts together are as long as the bytes.
                let bytes = unsafe UnsafeRawBufferPointer(rebasing: raw[offset..<(offset + part.length)])
                refs.append(unsafe try Node(bytes).refs)
            } catch {
                throw FerryError(.violation, "a node was sent that is none", cause: error)
            }
            offset += part.length
        }
        return refs
    }

    /// Checks that all is there which nodes point to; one may point to those before it in the same block.
    private func check(
        _ nodes: [[ObjectKey]],
        _ parts: [BlockHeader.Part],
        _ state: inout State
    ) throws(FerryError) {
        var wanted: [ObjectKey: Int] = [:]
        for (position, refs) in nodes.enumerated() {
            // The first citation is the strictest.
            for ref in refs where wanted[ref] == nil { wanted[ref] = position }
        }
        var places: [ObjectKey: Int] = [:]
        for (position, part) in parts.enumerated() where places[ObjectKey(.node, part.id)] == nil {
            places[ObjectKey(.node, part.id)] = position
        }
        let asked = wanted.filter { key, position in (places[key] ?? .max) >= position && !state.own.contains(key) }
        let keys = Array(asked.keys)
        let (answers, generation) = try self.has(keys, &state)
        if state.packs[.node] == nil { state.checked = generation }
        if state.checked != generation { state.checked = nil }
        guard let missing = zip(keys, answers).first(where: { !$0.1 })?.0 else { return }
        guard state.generation == generation else { throw Self.changed }
        throw FerryError(.violation, "a node points to the \(missing), which was not sent")
    }

    static var changed: FerryError {
        FerryError(.busy, "the repository lost something during the backup", remedy: "run the backup again")
    }

    private func pack(_ kind: ObjectKind, _ state: inout State) throws(FerryError) -> PackWriter {
        if let pack = state.packs[kind] { return pack }
        let pack = try PackWriter(kind, owner: self.owner, self.repository.limits, in: self.repository.store)
        state.packs[kind] = pack
        return pack
    }

    /// Makes durable and known what it was given.
    ///
    /// - Throws: what store and index met; it is gone then.
    package func flush() throws(FerryError) {
        try self.state.withLock { state throws(FerryError) in
            if let failure = state.failure { throw failure }
            try self.guarded(&state) { state throws(FerryError) in try self.close([.data, .node], &state) }
        }
    }

    /// Runs what writes; if it fails, what was not flushed is forgotten, for nodes among it cite the rest.
    private func guarded(
        _ state: inout State,
        _ body: (inout State) throws(FerryError) -> Void
    ) throws(FerryError) {
        do throws(FerryError) { try body(&state) } catch {
            Self.forget(&state, error)
            throw error
        }
    }

    private static func forget(_ state: inout State, _ failure: FerryError) {
        state.failure = failure
        for pack in state.packs.values { pack.discard() }
        state.packs = [:]
        state.own = []
    }

    private func close(_ kinds: [ObjectKind], _ state: inout State) throws(FerryError) {
        for kind in kinds {
            guard let pack = state.packs[kind] else { continue }
            let (name, header, length) = try pack.finish()
            try self.repository.index.add(
                name,
                header,
                length: length,
                pack.objects,
                completeIn: kind == .node ? state.checked : nil
            )
            state.packs[kind] = nil
            for object in pack.objects { state.own.remove(ObjectKey(kind, object.id)) }
        }
    }

    /// Makes everything durable, and then the snapshot: when this returns, it will be there.
    ///
    /// - Parameters:
    ///   - root: the node of its top directory.
    ///   - rest: the client's part.
    /// - Returns: the snapshot's id.
    /// - Throws: `.violation` if the root is not complete, `.busy` if something below it has been found damaged meanwhile; what store
    ///   and index met.
    package func commit(root: ChunkID, rest: [UInt8]) throws(FerryError) -> ChunkID {
        guard rest.count <= Snapshot.restLimit else {
            throw FerryError(.limit, "a snapshot's note has more than \(Snapshot.restLimit) bytes")
        }
        try self.flush()
        let begun = self.state.withLock { $0.generation }
        return try self.repository.commit(root: root, owner: self.owner, rest: rest, begunIn: begun)
    }

    /// Ends the backup without a snapshot, and keeps what it brought, so that the next one need not send it again.
    package func abandon() {
        self.state.withLock { state in
            guard state.failure == nil else { return }
            // What cannot be kept is sent again.
            try? self.guarded(&state) { state throws(FerryError) in try self.close([.data, .node], &state) }
            Self.forget(&state, FerryError(.cancelled, "the backup was ended"))
        }
    }
}

/// What a writer added to a repository.
package struct WriterTotals: Equatable, Sendable {
    package var chunks: UInt64 = 0
    package var nodes: UInt64 = 0
    /// Of both, before compression.
    package var rawBytes: UInt64 = 0
    /// Of both, with their headers.
    package var storedBytes: UInt64 = 0

    package init() {}

    mutating func add(_ block: BlockHeader) {
        if block.kind == .data {
            self.chunks += UInt64(block.parts.count)
        } else {
            self.nodes += UInt64(block.parts.count)
        }
        self.rawBytes += UInt64(block.rawLength)
        self.storedBytes += UInt64(block.totalLength)
    }
}

extension RepositoryIndex {
    /// As ``has(_:)``, for any number of keys.
    func hasAll(_ keys: [ObjectKey]) throws(FerryError) -> (answers: [Bool], generation: Int64) {
        var (answers, generation) = try self.has(Array(keys.prefix(Self.maximumKeys)))
        var rest = keys.dropFirst(Self.maximumKeys)
        while !rest.isEmpty {
            let (more, later) = try self.has(Array(rest.prefix(Self.maximumKeys)))
            // What was told before may no longer hold.
            guard later == generation else { throw RepositoryWriter.changed }
            answers += more
            generation = later
            rest = rest.dropFirst(Self.maximumKeys)
        }
        return (answers, generation)
    }
}
