import FerryChunking
import FerryErrors
import FerryObjects
import FerryProtocol
import FerryWire
import NIOCore

/// Makes blocks of wanted chunks: a slice of the segment where they are neighbours, a copy where not.
struct BlockBuilder {
    /// A block is sent once it holds this much, or once nothing more will come: half of the maximum, so that a
    /// segment's chunks travel without being copied together with the next segment's.
    private static let enough = ChunkLimits.maximumLength / 2
    /// The same where the link is slow, and may break before a long block is through.
    private static let enoughShort = 64 << 10

    private let compression: Compression
    private let compressor = BlockCompressor()
    private var wanted = CircularBuffer<SourceReader.Chunk>()
    private(set) var wantedBytes = 0
    private var nodes = WantedNodes()
    private var kept = KeptBlocks()

    init(compression: Compression) {
        self.compression = compression
    }

    /// The chunks of a block.
    struct Next {
        let count: Int
        /// Bytes of them.
        let length: Int
        var areNodes = false
        /// They travel in the block that they are kept in.
        var isKept = false
    }

    mutating func append(_ chunk: SourceReader.Chunk) {
        guard !chunk.isNode else { return self.nodes.append(chunk, behind: self.wanted.count) }
        if let part = chunk.part { return self.kept.append(chunk, part) }
        self.wanted.append(chunk)
        self.wantedBytes += chunk.length
    }

    /// What the next block takes.
    ///
    /// - Parameters:
    ///   - mayGrow: whether more is to come soon.
    ///   - short: whether long blocks had better not be sent.
    /// - Returns: nil if it is better to wait for more.
    /// - Throws: `.integrity` if a kept block is damaged that is to be taken apart.
    mutating func nextBlock(mayGrow: Bool, short: Bool) throws(FerryError) -> Next? {
        if !short, let next = self.kept.next { return Next(count: next.count, length: next.length, isKept: true) }
        // Whoever waits for the rest of a block has something else to send meanwhile.
        while !self.kept.isEmpty, short || self.wanted.isEmpty && !mayGrow { self.append(try self.kept.takeApart()) }
        if self.nodes.areDue || self.wanted.isEmpty && !mayGrow, let next = self.nodes.next { return next }
        return self.nextData(mayGrow: mayGrow && !self.nodes.areWaitedFor, short: short)
    }

    private mutating func append(_ chunks: [SourceReader.Chunk]) {
        self.wanted += chunks
        self.wantedBytes += chunks.reduce(0) { $0 + $1.length }
    }

    private func nextData(mayGrow: Bool, short: Bool) -> Next? {
        let enough = short ? Self.enoughShort : Self.enough
        var count = 0
        var length = 0
        for chunk in self.wanted {
            if length + chunk.length > ChunkLimits.maximumLength { return Next(count: count, length: length) }
            // Its header is to fit as well.
            if count == WireConstants.namesPerFrame { return Next(count: count, length: length) }
            if length >= enough, short || chunk.number != self.wanted.first?.number {
                return Next(count: count, length: length)
            }
            count += 1
            length += chunk.length
        }
        return count == 0 || (mayGrow && length < enough) ? nil : Next(count: count, length: length)
    }

    /// Takes the next block's chunks out and makes its frame.
    ///
    /// - Parameters:
    ///   - next: which ones.
    ///   - sinks: the connections of the transfer.
    /// - Returns: the frame, and for each chunk that held its segment the number of that.
    /// - Throws: what reading a chunk fails with that was not read to be named.
    mutating func build(
        _ next: Next,
        sinks: [any FrameSink]
    ) throws(FerryError) -> (frame: Frame, segments: [Int]) {
        if next.isKept, let (block, chunks) = self.kept.take() {
            return (Self.frame(block), chunks.map(\.number))
        }
        let ready = next.areNodes ? next.length : self.wantedBytes
        let (chunks, segments) = next.areNodes ? (self.nodes.take(next.count), []) : try self.takeData(next)
        let raw = Self.gather(chunks, length: next.length)
        var codec = WireBlock.Codec.stored
        var payload = raw
        let effort = unsafe raw.withUnsafeReadableBytes { bytes in
            unsafe self.compression.effort(for: bytes, ready: ready, sinks: sinks)
        }
        if let effort, let compressed = self.compress(raw, effort) {
            codec = .zlib
            payload = compressed
        }
        let frame = Frame.block(
            codec: codec,
            ids: ChunkID.pack(chunks.map(\.id)),
            lengths: chunks.map { UInt32($0.length) },
            payload: payload,
            nodes: next.areNodes
        )
        return (frame, segments)
    }

    private static func frame(_ block: StoredBlock) -> Frame {
        Frame.block(
            codec: block.header.isCompressed ? .zlib : .stored,
            ids: ChunkID.pack(block.header.parts.map(\.id)),
            lengths: block.header.parts.map { UInt32($0.length) },
            payload: ByteBuffer(bytes: block.body),
            nodes: false
        )
    }

    private mutating func takeData(_ next: Next) throws(FerryError) -> ([SourceReader.Chunk], segments: [Int]) {
        let taken = self.wanted.prefix(next.count)
        var chunks: [SourceReader.Chunk] = []
        chunks.reserveCapacity(next.count)
        for chunk in taken { chunks.append(try chunk.read()) }
        let segments = taken.filter(\.holdsSegment).map(\.number)
        self.wanted.removeFirst(next.count)
        self.wantedBytes -= next.length
        self.nodes.dataSent(next.count)
        return (chunks, segments)
    }

    private func compress(_ raw: ByteBuffer, _ effort: Effort) -> ByteBuffer? {
        var output = ByteBufferAllocator().buffer(capacity: raw.readableBytes)
        let count = unsafe raw.withUnsafeReadableBytes { bytes in
            unsafe output.writeWithUnsafeMutableBytes(minimumWritableBytes: raw.readableBytes) { free in
                unsafe self.compressor.compress(bytes, into: free, effort: effort) ?? 0
            }
        }
        return count > 0 ? output : nil
    }

    private static func gather(_ chunks: [SourceReader.Chunk], length: Int) -> ByteBuffer {
        guard let first = chunks.first else { return ByteBuffer() }
        var end = first.offset
        let areNeighbours = chunks.allSatisfy { chunk in
            defer { end += chunk.length }
            return chunk.number == first.number && chunk.offset == end && chunk.isZeros == first.isZeros
                && chunk.part?.block === first.part?.block
        }
        if areNeighbours, let slice = first.bytes(length) { return slice }
        var copy = ByteBufferAllocator().buffer(capacity: length)
        for chunk in chunks {
            if let slice = chunk.bytes(chunk.length) { copy.writeImmutableBuffer(slice) }
        }
        return copy
    }
}
