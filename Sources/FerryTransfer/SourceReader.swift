import FerryChunking
import FerryErrors
import FerryFiles
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
    }

    /// Bytes of a segment, what is left of the one before included: a power of two, for that is what is allocated, and
    /// twice the longest chunk, so that it is not mostly left-overs. 1 MiB, where it suffices, was up to 8% faster than 2.
    let segmentLength: Int

    private let source: any ByteSource
    private var chunker: GearChunker
    private var rest = ByteBuffer()
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
    init(source: any ByteSource, parameters: GearChunker.Parameters, wantsSHA256: Bool, number: Int = 0) {
        self.source = source
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

    /// Reads the next segment.
    ///
    /// - Returns: the chunks that it completes, perhaps none.
    /// - Throws: what reading fails with, `.sourceChanged` once there is more than the source said.
    mutating func next() throws(FerryError) -> [Chunk] {
        var segment = ByteBufferAllocator().buffer(capacity: self.segmentLength)
        segment.writeImmutableBuffer(self.rest)
        let fresh = segment.writerIndex
        self.rest = ByteBuffer()
        while !self.isAtEnd, segment.writableBytes > 0 {
            if try self.fill(&segment) == 0 { self.isAtEnd = true }
        }
        self.bytesRead += Int64(segment.writerIndex - fresh)
        if let known = self.source.knownSize, self.bytesRead > known { try self.refuseGrowth(known) }
        self.plain?.update(segment, from: fresh)
        self.number += 1
        var lengths: [Int] = []
        while let length = self.cut(segment) {
            lengths.append(length)
            segment.moveReaderIndex(forwardBy: length)
        }
        self.rest = segment.slice()
        segment.moveReaderIndex(to: 0)
        return self.name(lengths, segment)
    }

    /// Hashes the chunks of a segment together, which is faster than one by one.
    private mutating func name(_ lengths: [Int], _ segment: ByteBuffer) -> [Chunk] {
        let ids = unsafe segment.withUnsafeReadableBytes { bytes in
            unsafe ChunkID.hashing(Self.slices(bytes, lengths))
        }
        var chunks: [Chunk] = []
        chunks.reserveCapacity(ids.count)
        var offset = 0
        for (id, length) in zip(ids, lengths) {
            self.digest.update(id: id, length: UInt32(length))
            self.size += UInt64(length)
            chunks.append(Chunk(id: id, segment: segment, number: self.number, offset: offset, length: length))
            offset += length
        }
        return chunks
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

    private mutating func cut(_ segment: ByteBuffer) -> Int? {
        guard segment.readableBytes > 0 else { return nil }
        let isAtEnd = self.isAtEnd
        return unsafe segment.withUnsafeReadableBytes { bytes in unsafe self.chunker.nextCut(in: bytes, atEnd: isAtEnd)
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

    private func fill(_ segment: inout ByteBuffer) throws(FerryError) -> Int {
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
        return count
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
