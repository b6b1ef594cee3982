import FerryChunking
import FerryErrors
import FerryFiles
import FerryObjects
import FerryWire
import NIOCore

/// Reads a source in segments and cuts each into chunks that lie contiguous in memory.
///
/// A segment is filled once and then only sliced, so that chunks, blocks and frames share its storage; what is left
/// of a chunk at its end is copied to the front of the next (some 10% of the bytes at 256 KiB average).
struct SourceReader {
    /// A chunk and where its bytes lie.
    struct Chunk {
        let id: ChunkID
        let segment: ByteBuffer
        /// Counts segments, so that neighbours are recognised.
        let number: Int
        /// In the segment, in bytes.
        let offset: Int
        let length: Int
        /// It is a hole, or stands for one.
        private(set) var isHole = false
        /// Its bytes are those of all zeros, and not its segment's.
        private(set) var isZeros = false
        /// In a backup: it is a node, not data.
        private(set) var isNode = false
        /// It is named without having been read, for the receiver had it.
        private(set) var isAssumed = false
        /// Where it is read from if it is wanted, because it was not read to be named.
        private var remembered: (reader: RememberedNames.Reader, place: Int64)?

        /// Where it lies in a block that is kept.
        private(set) var part: BlockPart?

        private static let zeros = ByteBuffer(repeating: 0, count: ChunkLimits.maximumLength)

        /// Of a hole, that is no segment's.
        init(hole length: Int, id: ChunkID, number: Int) {
            (self.id, self.segment, self.number, self.offset, self.length) = (id, ByteBuffer(), number, 0, length)
            (self.isHole, self.isZeros) = (true, true)
        }

        /// Of zeros that were read, and are no segment's either.
        init(zeros length: Int, id: ChunkID, number: Int) {
            self.init(id: id, segment: ByteBuffer(), number: number, offset: 0, length: length)
            self.isZeros = true
        }

        init(id: ChunkID, segment: ByteBuffer, number: Int, offset: Int, length: Int) {
            (self.id, self.segment, self.number, self.offset, self.length) = (id, segment, number, offset, length)
        }

        /// One that has not been inflated.
        init(id: ChunkID, part: BlockPart, number: Int, length: Int) {
            (self.id, self.segment, self.number, self.offset, self.length) = (id, ByteBuffer(), number, 0, length)
            self.part = part
        }

        /// The same in the raw bytes of its block.
        init(_ chunk: Chunk, _ part: BlockPart, in raw: ByteBuffer) {
            (self.id, self.number, self.length, self.part) = (chunk.id, chunk.number, chunk.length, part)
            (self.segment, self.offset) = (raw, part.start)
        }

        /// A node of a backup.
        init(node: [UInt8], id: ChunkID, number: Int) {
            self.init(id: id, segment: ByteBuffer(bytes: node), number: number, offset: 0, length: node.count)
            self.isNode = true
        }

        /// One that the receiver had after an earlier backup, so that it was not read.
        init(assumed id: ChunkID, length: Int, isNode: Bool, number: Int) {
            self.init(id: id, segment: ByteBuffer(), number: number, offset: 0, length: length)
            (self.isNode, self.isAssumed) = (isNode, true)
        }

        /// One that was named by a transfer before, and lies at `place` in the file.
        init(_ name: RememberedNames.Name, at place: Int64, _ reader: RememberedNames.Reader, number: Int) {
            self.init(id: name.id, segment: ByteBuffer(), number: number, offset: 0, length: name.length)
            self.remembered = (reader, place)
        }

        /// The chunk with its bytes.
        ///
        /// - Throws: what reading one fails with that was not read before.
        func read() throws(FerryError) -> Chunk {
            guard let (reader, place) = self.remembered else { return self }
            var segment = ByteBufferAllocator().buffer(capacity: self.length)
            var failure: FerryError?
            unsafe segment.writeWithUnsafeMutableBytes(minimumWritableBytes: self.length) { free in
                let part = unsafe UnsafeMutableRawBufferPointer(rebasing: free.prefix(self.length))
                do throws(FerryError) { unsafe try reader.read(self.id, at: place, into: part) } catch {
                    failure = error
                }
                return self.length
            }
            if let failure { throw failure }
            return Chunk(id: self.id, segment: segment, number: self.number, offset: 0, length: self.length)
        }

        /// Whether it keeps its segment in memory.
        var holdsSegment: Bool { !self.isZeros && !self.isNode && !self.isAssumed && self.remembered == nil }

        /// Bytes of memory that it takes as long as it is not wanted.
        var heldLength: Int { self.holdsSegment || self.isNode && !self.isAssumed ? self.length : 0 }

        /// Its bytes, and of its neighbours behind it.
        func bytes(_ length: Int) -> ByteBuffer? {
            (self.isZeros ? Self.zeros : self.segment).getSlice(at: self.offset, length: length)
        }
    }

    /// Where data or a hole was cut.
    enum Cut {
        case data(Int)
        case hole(Int)
        /// Zeros that were read.
        case zeros(Int)
        /// Bytes of the segment that are told of by other cuts.
        case gap(Int)
    }

    /// Bytes of a segment, what is left of the one before included: a power of two, for that is what is allocated, and
    /// twice the longest chunk, so that it is not mostly left-overs. 1 MiB, where it suffices, was up to 8% faster than 2.
    let segmentLength: Int

    private let source: any ByteSource
    private let names: RememberedNames?
    private var chunker: GearChunker
    private var rest = ByteBuffer()
    private let cutsAtZeros: Bool
    /// Bytes of a hole that were passed over and not yet cut.
    var hole: Int64 = 0
    /// Bytes of a run of zeros that has not ended yet.
    var zeros: Int64 = 0
    /// Whether nothing has come since a hole.
    var isBehindHole = false
    /// Of the segment that was read last.
    private(set) var number: Int
    private(set) var isAtEnd = false
    private(set) var digest = RecipeDigest()
    private var plain: StreamDigest?
    private var bytesRead: Int64 = 0
    /// Bytes cut into chunks so far.
    private(set) var size: UInt64 = 0

    static func segmentLength(_ parameters: GearChunker.Parameters) -> Int { max(1 << 20, 2 * parameters.maximum) }

    /// - Parameters:
    ///   - source: read once, from start to end.
    ///   - parameters: how it is cut.
    ///   - wantsSHA256: whether its plain SHA-256 is computed too.
    ///   - number: of the segment before the first.
    ///   - names: what is known of the source; none with `wantsSHA256`, which needs all bytes.
    ///   - cutsAtZeros: whether it is also cut where runs of zeros begin and end.
    init(
        source: any ByteSource,
        parameters: GearChunker.Parameters,
        wantsSHA256: Bool,
        number: Int = 0,
        names: RememberedNames? = nil,
        cutsAtZeros: Bool = false
    ) {
        self.source = source
        self.cutsAtZeros = cutsAtZeros
        self.names = wantsSHA256 ? nil : names
        self.number = number
        self.chunker = GearChunker(parameters: parameters)
        self.segmentLength = Self.segmentLength(parameters)
        self.plain = wantsSHA256 ? StreamDigest() : nil
    }

    /// Plain SHA-256 of all bytes so far, where asked for.
    var sha256: String? { self.plain?.finalize() }

    /// Cuts evenly from here on: long chunks cost less, short ones get through a slow link that breaks.
    ///
    /// - Parameter isShort: which. Cuts by content stay as they are, or nobody would find them again.
    mutating func cutEvenly(short isShort: Bool) {
        let parameters: GearChunker.Parameters = isShort ? .evenShort : .even
        guard !self.chunker.parameters.cutsByContent, self.chunker.parameters != parameters else { return }
        self.chunker = GearChunker(parameters: parameters)
    }

    /// Reads the next segment, or passes over a hole, at whose edges chunks end.
    ///
    /// - Returns: the chunks that this completes, perhaps none.
    /// - Throws: what reading fails with, `.sourceChanged` once there is more than the source said.
    mutating func next() throws(FerryError) -> [Chunk] {
        if let names = self.names, let known = names.next() { return self.recall(known, names) }
        var cuts: [Cut] = []
        self.cutHole(&cuts)
        guard cuts.isEmpty else { return self.name(cuts, ByteBuffer()) }
        var segment = ByteBufferAllocator().buffer(capacity: self.segmentLength)
        segment.writeImmutableBuffer(self.rest)
        self.rest = ByteBuffer()
        self.number += 1
        while !self.isAtEnd, segment.writableBytes > 0, self.hole == 0 {
            self.hole = try self.source.skipHole()
            if self.hole > 0 {
                self.bytesRead += self.hole
                self.cut(&segment, before: .hole, &cuts)
                self.cutHole(&cuts)
                self.isBehindHole = true
            } else {
                try self.fill(&segment)
            }
        }
        if let known = self.source.knownSize, self.bytesRead > known { try self.refuseGrowth(known) }
        self.cut(&segment, before: self.isAtEnd ? .nothing : .more, &cuts)
        self.rest = segment.slice()
        segment.moveReaderIndex(to: 0)
        return self.name(cuts, segment)
    }

    private mutating func recall(_ known: [RememberedNames.Name], _ names: RememberedNames) -> [Chunk] {
        self.number += 1
        return known.map { name in
            let chunk =
                name.isHole
                ? Chunk(hole: name.length, id: name.id, number: self.number)
                : Chunk(name, at: self.bytesRead, names.reader, number: self.number)
            self.bytesRead += Int64(name.length)
            self.count(chunk)
            return chunk
        }
    }

    private mutating func count(_ chunk: Chunk) {
        self.digest.update(id: chunk.id, length: UInt32(chunk.length))
        self.size += UInt64(chunk.length)
    }

    /// Hashes the chunks of a segment together, which is faster than one by one.
    private mutating func name(_ cuts: [Cut], _ segment: ByteBuffer) -> [Chunk] {
        var (places, offset) = ([Range<Int>](), 0)
        for cut in cuts {
            switch cut {
            case .data(let length):
                places.append(offset..<(offset + length))
                offset += length
            case .gap(let length): offset += length
            case .hole, .zeros: break
            }
        }
        let ids = unsafe segment.withUnsafeReadableBytes { bytes in
            // SAFETY: what was cut lies in the segment; the slices check it.
            unsafe ChunkID.hashing(places.map { unsafe UnsafeRawBufferPointer(rebasing: bytes[$0]) })
        }
        var next = 0
        let chunks = cuts.compactMap { cut -> Chunk? in
            let chunk: Chunk
            switch cut {
            case .data(let length):
                let start = places[next].lowerBound
                chunk = Chunk(id: ids[next], segment: segment, number: self.number, offset: start, length: length)
                next += 1
            case .gap: return nil
            case .hole(let length):
                guard let id = ChunkID.ofZeros(length) else { return nil }
                chunk = Chunk(hole: length, id: id, number: self.number)
            case .zeros(let length):
                guard let id = ChunkID.ofZeros(length) else { return nil }
                chunk = Chunk(zeros: length, id: id, number: self.number)
            }
            self.count(chunk)
            return chunk
        }
        self.names?.append(chunks.map { RememberedNames.Name(id: $0.id, length: $0.length, isHole: $0.isHole) })
        return chunks
    }

    /// Cuts the hole that was passed over, or as much of it as one frame of names tells of.
    private mutating func cutHole(_ cuts: inout [Cut]) {
        while self.hole > 0, cuts.count < WireConstants.namesPerFrame {
            let length = ChunkID.zeros(atMost: self.hole)
            cuts.append(.hole(length))
            self.plain?.update(zeros: UInt64(length))
            self.hole -= Int64(length)
        }
    }

    /// Tells whether the source still is what it was when it was opened.
    func verifyUnchanged() throws(FerryError) { try self.source.verifyUnchanged() }

    /// The receiver holds the sender to the size that was announced, so that the reason must be given here.
    private func refuseGrowth(_ known: Int64) throws(FerryError) {
        try self.source.verifyUnchanged()
        throw FerryError(
            .sourceChanged,
            "the source holds more than the \(known) bytes that its size says",
            remedy: "send it as a stream"
        )
    }

    private mutating func cut(_ segment: inout ByteBuffer, before following: Following, _ cuts: inout [Cut]) {
        if self.cutsAtZeros { return self.cutAtZeros(&segment, before: following, &cuts) }
        self.cutData(&segment, count: segment.readableBytes, atEnd: following != .more, &cuts)
    }

    /// Cuts the first bytes of a segment by their content.
    mutating func cutData(_ segment: inout ByteBuffer, count: Int, atEnd isAtEnd: Bool, _ cuts: inout [Cut]) {
        var left = count
        while left > 0,
            let length = unsafe segment.withUnsafeReadableBytes({ bytes in
                unsafe self.chunker.nextCut(in: UnsafeRawBufferPointer(rebasing: bytes.prefix(left)), atEnd: isAtEnd)
            })
        {
            cuts.append(.data(length))
            segment.moveReaderIndex(forwardBy: length)
            left -= length
        }
    }

    /// Neighbours of the given lengths, from the start of `bytes`.
    static func slices(_ bytes: UnsafeRawBufferPointer, _ lengths: some Sequence<Int>) -> [UnsafeRawBufferPointer] {
        var start = 0
        return unsafe lengths.map { length in
            defer { start += length }
            // SAFETY: the caller's lengths add up to no more than the bytes; the slice checks it.
            return unsafe UnsafeRawBufferPointer(rebasing: bytes[start..<(start + length)])
        }
    }

    private mutating func fill(_ segment: inout ByteBuffer) throws(FerryError) {
        let start = segment.writerIndex
        var failure: FerryError?
        let count = unsafe segment.writeWithUnsafeMutableBytes(minimumWritableBytes: 0) { free in
            do throws(FerryError) {
                return unsafe try self.source.read(into: free)
            } catch {
                failure = error
                return 0
            }
        }
        if let failure { throw failure }
        self.isAtEnd = count == 0
        self.bytesRead += Int64(count)
        self.plain?.update(segment, from: start)
    }
}

extension StreamDigest {
    /// Adds the bytes of `buffer` from the index `start` on.
    fileprivate mutating func update(_ buffer: ByteBuffer, from start: Int) {
        var fresh = buffer
        fresh.moveReaderIndex(to: start)
        unsafe fresh.withUnsafeReadableBytes { bytes in unsafe self.update(bytes) }
    }
}
