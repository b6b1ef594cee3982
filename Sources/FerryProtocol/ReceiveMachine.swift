package import FerryChunking
package import FerryErrors
package import FerryWire

/// The receiving side of one transfer: the recipe so far, what is wanted, and where each chunk goes.
///
/// Pure: it keeps the books; the caller reads, hashes and writes, and tells of each name whether it has the chunk. What it must remember is bounded by the name window, and
/// by ``knownLimit`` for chunks that repeat within the file.
package struct ReceiveMachine {
    /// A chunk that the recipe names, and where it belongs in the file; offset and length in bytes.
    package struct Name: Equatable, Sendable {
        package let id: ChunkID
        package let offset: UInt64
        package let length: Int
        /// In a backup: whether it is a node, not data.
        package let isNode: Bool

        package init(id: ChunkID, offset: UInt64, length: Int, isNode: Bool = false) {
            self.id = id
            self.offset = offset
            self.length = length
            self.isNode = isNode
        }
    }

    /// A chunk that arrived, and where it goes.
    package struct Delivery: Equatable, Sendable {
        package let id: ChunkID
        package let length: Int
        package let offset: UInt64

        package init(id: ChunkID, length: Int, offset: UInt64) {
            self.id = id
            self.length = length
            self.offset = offset
        }
    }

    /// How chunks that repeat within the file are treated.
    package enum Repeats: Sendable {
        /// They are taken from where they were written before.
        case copied
        /// They are wanted each time, because what was written cannot be read again.
        case resent
    }

    /// What came on a joined connection.
    private struct Joined {
        var blocks: UInt64 = 0
        /// Its blocks are sent again: what still comes from there comes twice.
        var isLost = false
    }

    private struct Key: Hashable {
        let id: ChunkID
        let isNode: Bool
    }

    private struct Want {
        let length: Int
        /// One place for each time that it was wanted, in the order of the file.
        var offsets: [UInt64]
    }

    /// Chunks whose place is remembered for repeats, in each of two generations: 65,536 take about 5 MiB.
    package static let knownLimit = 1 << 16

    private let limits: FrameLimits
    private let repeats: Repeats
    private let announcedSize: UInt64?
    private let takesNodes: Bool
    private var digest = RecipeDigest()
    private var wanted: [Key: Want] = [:]
    private var wantedCount = 0
    /// Names that came and are not decided.
    package private(set) var undecided = 0
    private var known: [ChunkID: UInt64] = [:]
    private var knownBefore: [ChunkID: UInt64] = [:]
    private var uncredited = 0
    private var joined: [Int: Joined] = [:]
    /// Bytes that the recipe names so far.
    package private(set) var size: UInt64 = 0

    /// - Parameters:
    ///   - limits: what this side announced.
    ///   - announcedSize: what the sender said the file measures, in bytes; more is refused.
    ///   - repeats: whether what was received can be read again.
    ///   - takesNodes: whether it is a backup's.
    package init(limits: FrameLimits, announcedSize: UInt64?, repeats: Repeats, takesNodes: Bool = false) {
        self.takesNodes = takesNodes
        self.limits = limits
        self.announcedSize = announcedSize
        self.repeats = repeats
    }

    /// Takes the next names of the recipe.
    ///
    /// - Parameter names: ids and lengths.
    /// - Returns: the names with their places, each of which is to be decided, in order, by ``had(_:)`` or ``lacked(_:)``.
    /// - Throws: `.violation` for a malformed batch, `.limit` past the window or the announced size.
    package mutating func namesReceived(_ names: WireNames) throws(FerryError) -> [Name] {
        let ids = try ChunkID.unpack(names.ids)
        guard self.takesNodes ? names.ends.isEmpty && names.notes.isEmpty : !names.nodes else {
            throw FerryError(.violation, "names came that are not of this kind of transfer")
        }
        guard !ids.isEmpty || !names.ends.isEmpty, ids.count == names.lengths.count,
            ids.count <= WireConstants.namesPerFrame
        else {
            throw FerryError(.violation, "\(ids.count) names came with \(names.lengths.count) lengths")
        }
        guard self.wantedCount + self.undecided + ids.count <= self.limits.nameWindow else {
            throw FerryError(.limit, "more than \(self.limits.nameWindow) names are outstanding")
        }
        var named: [Name] = []
        named.reserveCapacity(ids.count)
        for (id, wireLength) in zip(ids, names.lengths) {
            let length = Int(wireLength)
            guard length >= 1, length <= ChunkLimits.maximumLength else {
                throw FerryError(.limit, "a chunk of \(length) bytes is not between 1 and \(ChunkLimits.maximumLength)")
            }
            let (end, overflow) = self.size.addingReportingOverflow(UInt64(length))
            guard !overflow, end <= UInt64(Int64.max), end <= self.announcedSize ?? .max else {
                throw FerryError(.limit, "the recipe is longer than the announced \(self.announcedSize ?? 0) bytes")
            }
            named.append(Name(id: id, offset: self.size, length: length, isNode: names.nodes))
            self.size = end
            self.digest.update(id: id, length: wireLength)
        }
        self.undecided += named.count
        return named
    }

    /// Where in the file the chunk is already, if it is remembered and can be read again.
    package func written(_ id: ChunkID) -> UInt64? {
        self.repeats == .copied ? self.known[id] ?? self.knownBefore[id] : nil
    }

    /// Whether the name's chunk is wanted already, and on its way.
    package func isWanted(_ name: Name) -> Bool {
        // How long a node is that a sender did not read, it does not know.
        self.wanted[Key(id: name.id, isNode: name.isNode)].map { name.isNode || $0.length == name.length } ?? false
    }

    /// The next name's chunk is in its place, and hashed.
    package mutating func had(_ name: Name) {
        self.undecided -= 1
        // What repeats keeps the place where it was found first.
        if self.written(name.id) == nil { self.chunkWritten(name.id, at: name.offset) }
    }

    /// The next name's chunk is not at hand. A repeat of one that is still on its way is wanted again: once it has
    /// arrived, later ones are copied.
    ///
    /// - Throws: `.violation` if the chunk was named with another length before.
    package mutating func lacked(_ name: Name) throws(FerryError) {
        let key = Key(id: name.id, isNode: name.isNode)
        if let want = self.wanted[key], want.length != name.length {
            throw FerryError(.violation, "the chunk \(name.id) was named with two lengths")
        }
        self.undecided -= 1
        self.known[name.id] = nil
        self.knownBefore[name.id] = nil
        self.wanted[key, default: Want(length: name.length, offsets: [])].offsets.append(name.offset)
        self.wantedCount += 1
    }

    /// Takes a block's header.
    ///
    /// - Parameters:
    ///   - block: which chunks the payload holds.
    ///   - payload: its length in bytes.
    ///   - connection: the joined one that it came on, or 0.
    /// - Returns: the chunks in the order of the payload, with their places; none if the block came before.
    /// - Throws: `.violation` for a chunk that is not wanted or has another length, `.limit` past the window.
    package mutating func blockReceived(
        _ block: WireBlock,
        payload: Int,
        from connection: Int = 0
    ) throws(FerryError) -> [Delivery] {
        let ids = try ChunkID.unpack(block.ids)
        guard !ids.isEmpty, ids.count == block.lengths.count, payload > 0 else {
            throw FerryError(.violation, "a block of \(payload) bytes holds \(ids.count) chunks")
        }
        // What comes on a joined connection is credited at once.
        if connection == 0 { self.uncredited += payload }
        guard self.uncredited <= max(self.limits.blockWindow, self.limits.payload) else {
            throw FerryError(.limit, "more than \(self.limits.blockWindow) bytes are in flight")
        }
        guard try self.isNew(block, from: connection) else { return [] }
        var deliveries: [Delivery] = []
        deliveries.reserveCapacity(ids.count)
        var total = 0
        for (id, length) in zip(ids, block.lengths) {
            let key = Key(id: id, isNode: block.nodes)
            guard var want = self.wanted[key], want.length == Int(length) else {
                throw FerryError(.violation, "a block holds the chunk \(id) which is not wanted")
            }
            total += want.length
            guard total <= ChunkLimits.maximumLength else {
                throw FerryError(.limit, "a block holds more than \(ChunkLimits.maximumLength) bytes of chunks")
            }
            let offset = want.offsets.removeFirst()
            self.wanted[key] = want.offsets.isEmpty ? nil : want
            self.wantedCount -= 1
            deliveries.append(Delivery(id: id, length: want.length, offset: offset))
        }
        return deliveries
    }

    /// Whether the block did not come before. One that is sent again says which it was on the connection that was lost; of
    /// such a connection it is known how many blocks came, and from then on nothing more counts.
    private mutating func isNew(_ block: WireBlock, from connection: Int) throws(FerryError) -> Bool {
        let lost = Int(block.lostConnection)
        guard connection == 0 else {
            guard lost == 0 else { throw FerryError(.violation, "a block is sent again on a joined connection") }
            guard self.joined[connection]?.isLost != true else { return false }
            self.joined[connection, default: Joined()].blocks += 1
            return true
        }
        guard lost > 0 else { return true }
        guard lost <= WireConstants.joinLimit, block.lostBlock > 0 else {
            throw FerryError(.violation, "a block is sent again that was not sent")
        }
        self.joined[lost, default: Joined()].isLost = true
        return block.lostBlock > self.joined[lost]?.blocks ?? 0
    }

    /// Notes that a chunk is in the file, so that its repeats are copied from there.
    package mutating func chunkWritten(_ id: ChunkID, at offset: UInt64) {
        guard self.repeats == .copied else { return }
        if self.known.count >= Self.knownLimit {
            self.knownBefore = self.known
            self.known = [:]
        }
        self.known[id] = offset
    }

    /// Notes that payload bytes were consumed and credited.
    package mutating func credited(_ bytes: Int) {
        self.uncredited -= bytes
    }

    /// The sender says that the recipe is complete.
    ///
    /// - Returns: the digest that both ends must have.
    /// - Throws: `.violation` while chunks are missing, `.integrity` if the digests or sizes differ.
    package mutating func endReceived(_ end: WireEnd) throws(FerryError) -> ChunkID {
        guard self.wanted.isEmpty, self.undecided == 0 else {
            throw FerryError(.violation, "the recipe ends before its chunks were decided and sent")
        }
        guard end.size == self.size, self.announcedSize == nil || self.announcedSize == self.size else {
            throw FerryError(.integrity, "the recipe holds \(self.size) bytes, the sender says \(end.size)")
        }
        let ours = self.digest.finalize()
        guard ChunkID(bytes: end.digest) == ours else {
            throw FerryError(.integrity, "the digest of the received recipe differs from the sender's")
        }
        return ours
    }
}
