package import FerryChunking
package import FerryErrors
package import FerryWire

/// The receiving side of one transfer: the recipe so far, what is wanted, and where each chunk goes.
///
/// Pure: it decides; the caller writes, copies and hashes. What it must remember is bounded by the name window, and
/// by ``knownLimit`` for chunks that repeat within the file.
package struct ReceiveMachine {
    /// A place in the file being received, in bytes.
    package struct Place: Equatable, Sendable {
        package let offset: UInt64
        package let length: Int

        package init(offset: UInt64, length: Int) {
            self.offset = offset
            self.length = length
        }
    }

    /// A chunk that is already in the file at one place and belongs at another too.
    package struct Copy: Equatable, Sendable {
        package let id: ChunkID
        package let source: UInt64
        package let target: Place

        package init(id: ChunkID, source: UInt64, target: Place) {
            self.id = id
            self.source = source
            self.target = target
        }
    }

    /// What happens with one name.
    package enum Decision: Equatable, Sendable {
        case want(ChunkID)
        case copy(Copy)
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
    private var digest = RecipeDigest()
    private var wanted: [ChunkID: Want] = [:]
    private var wantedCount = 0
    private var known: [ChunkID: UInt64] = [:]
    private var knownBefore: [ChunkID: UInt64] = [:]
    private var uncredited = 0
    /// Bytes that the recipe names so far.
    package private(set) var size: UInt64 = 0

    /// - Parameters:
    ///   - limits: what this side announced.
    ///   - announcedSize: what the sender said the file measures, in bytes; more is refused.
    ///   - repeats: whether what was received can be read again.
    package init(limits: FrameLimits, announcedSize: UInt64?, repeats: Repeats) {
        self.limits = limits
        self.announcedSize = announcedSize
        self.repeats = repeats
    }

    /// Takes the next names of the recipe.
    ///
    /// - Parameter names: ids and lengths.
    /// - Returns: for each name, in order, whether it is wanted or may be copied from the file itself.
    /// - Throws: `.violation` for a malformed batch, `.limit` past the window or the announced size.
    package mutating func namesReceived(_ names: WireNames) throws(FerryError) -> [Decision] {
        let ids = try ChunkID.unpack(names.ids)
        guard !ids.isEmpty, ids.count == names.lengths.count, ids.count <= WireConstants.namesPerFrame else {
            throw FerryError(.violation, "\(ids.count) names came with \(names.lengths.count) lengths")
        }
        guard self.wantedCount + ids.count <= self.limits.nameWindow else {
            throw FerryError(.limit, "more than \(self.limits.nameWindow) names are outstanding")
        }
        var decisions: [Decision] = []
        decisions.reserveCapacity(ids.count)
        for (id, wireLength) in zip(ids, names.lengths) {
            let length = Int(wireLength)
            guard length >= 1, length <= ChunkLimits.maximumLength else {
                throw FerryError(.limit, "a chunk of \(length) bytes is not between 1 and \(ChunkLimits.maximumLength)")
            }
            let place = Place(offset: self.size, length: length)
            let (end, overflow) = self.size.addingReportingOverflow(UInt64(length))
            guard !overflow, end <= UInt64(Int64.max), end <= self.announcedSize ?? .max else {
                throw FerryError(.limit, "the recipe is longer than the announced \(self.announcedSize ?? 0) bytes")
            }
            self.size = end
            self.digest.update(id: id, length: wireLength)
            decisions.append(try self.decide(id, place))
        }
        return decisions
    }

    /// A copy was not possible: what was written reads back differently, so the chunk is wanted after all.
    package mutating func copyFailed(_ copy: Copy) throws(FerryError) -> ChunkID {
        self.known[copy.id] = nil
        self.knownBefore[copy.id] = nil
        try self.want(copy.id, copy.target)
        return copy.id
    }

    private mutating func decide(_ id: ChunkID, _ place: Place) throws(FerryError) -> Decision {
        if self.repeats == .copied, let source = self.known[id] ?? self.knownBefore[id] {
            return .copy(Copy(id: id, source: source, target: place))
        }
        try self.want(id, place)
        return .want(id)
    }

    /// A repeat of a chunk that is still on its way is wanted again: once it has arrived, later ones are copied.
    private mutating func want(_ id: ChunkID, _ place: Place) throws(FerryError) {
        if let want = self.wanted[id], want.length != place.length {
            throw FerryError(.violation, "the chunk \(id) was named with two lengths")
        }
        self.wanted[id, default: Want(length: place.length, offsets: [])].offsets.append(place.offset)
        self.wantedCount += 1
    }

    /// Takes a block's header.
    ///
    /// - Parameters:
    ///   - block: which chunks the payload holds.
    ///   - payload: its length in bytes.
    /// - Returns: the chunks in the order of the payload, with their places.
    /// - Throws: `.violation` for a chunk that is not wanted or has another length, `.limit` past the window.
    package mutating func blockReceived(_ block: WireBlock, payload: Int) throws(FerryError) -> [Delivery] {
        let ids = try ChunkID.unpack(block.ids)
        guard !ids.isEmpty, ids.count == block.lengths.count, payload > 0 else {
            throw FerryError(.violation, "a block of \(payload) bytes holds \(ids.count) chunks")
        }
        self.uncredited += payload
        guard self.uncredited <= max(self.limits.blockWindow, self.limits.payload) else {
            throw FerryError(.limit, "more than \(self.limits.blockWindow) bytes are in flight")
        }
        var deliveries: [Delivery] = []
        deliveries.reserveCapacity(ids.count)
        var total = 0
        for (id, length) in zip(ids, block.lengths) {
            guard var want = self.wanted[id], want.length == Int(length) else {
                throw FerryError(.violation, "a block holds the chunk \(id) which is not wanted")
            }
            total += want.length
            guard total <= ChunkLimits.maximumLength else {
                throw FerryError(.limit, "a block holds more than \(ChunkLimits.maximumLength) bytes of chunks")
            }
            let offset = want.offsets.removeFirst()
            self.wanted[id] = want.offsets.isEmpty ? nil : want
            self.wantedCount -= 1
            deliveries.append(Delivery(id: id, length: want.length, offset: offset))
        }
        return deliveries
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
        guard self.wanted.isEmpty else {
            throw FerryError(.violation, "the recipe names \(self.wanted.count) chunks that nobody sent")
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
