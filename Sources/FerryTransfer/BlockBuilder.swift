import FerryChunking
import FerryErrors
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

    init(compression: Compression) {
        self.compression = compression
    }

    mutating func append(_ chunk: SourceReader.Chunk) {
        self.wanted.append(chunk)
        self.wantedBytes += chunk.length
    }

    /// How many chunks the next block takes, and their bytes; nil if it is better to wait for more.
    func nextBlock(mayGrow: Bool, short: Bool) -> (count: Int, length: Int)? {
        let enough = short ? Self.enoughShort : Self.enough
        var count = 0
        var length = 0
        for chunk in self.wanted {
            if length + chunk.length > ChunkLimits.maximumLength { return (count, length) }
            // Its header is to fit as well.
            if count == WireConstants.namesPerFrame { return (count, length) }
            if length >= enough, short || chunk.number != self.wanted.first?.number { return (count, length) }
            count += 1
            length += chunk.length
        }
        return count == 0 || (mayGrow && length < enough) ? nil : (count, length)
    }

    /// Takes the next `count` chunks out and makes their frame.
    ///
    /// - Returns: the frame, and for each chunk that held its segment the number of that.
    /// - Throws: what reading a chunk fails with that was not read to be named.
    mutating func build(
        count: Int,
        length: Int,
        sinks: [any FrameSink]
    ) throws(FerryError) -> (frame: Frame, segments: [Int]) {
        let taken = self.wanted.prefix(count)
        var chunks: [SourceReader.Chunk] = []
        chunks.reserveCapacity(count)
        for chunk in taken { chunks.append(try chunk.read()) }
        let segments = taken.filter(\.holdsSegment).map(\.number)
        self.wanted.removeFirst(count)
        let ready = self.wantedBytes
        self.wantedBytes -= length
        let raw = Self.gather(chunks, length: length)
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
            payload: payload
        )
        return (frame, segments)
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
            return chunk.number == first.number && chunk.offset == end && chunk.isHole == first.isHole
        }
        if areNeighbours, let slice = first.bytes(length) { return slice }
        var copy = ByteBufferAllocator().buffer(capacity: length)
        for chunk in chunks {
            if let slice = chunk.bytes(chunk.length) { copy.writeImmutableBuffer(slice) }
        }
        return copy
    }
}
