import FerryChunking
import FerryErrors
import FerryFiles
import NIOCore
import Synchronization

/// The file that a received one replaces, as a source of chunks.
///
/// It is cut as the sender cuts the new one, in step with the new one's names: the search begins where the last find says
/// that the chunk should lie, and goes further ahead the longer nothing is found. So neither side waits for the other to
/// read a whole file first, and what is found is mostly still in memory, hashed, from being cut. Where each chunk of the
/// last GiB or more lay is remembered too.
///
/// It is a hint: whatever happens to the file meanwhile, a chunk is given out only if its bytes hash to its name.
final class OldVersion {
    /// Bytes kept in memory of what was cut last.
    private static let window = 6 << 20
    /// Segments that are cut ahead of need, on a thread of their own.
    private static let depth = 2
    /// Bytes beyond the expected place that are always searched.
    private static let ahead = 2 << 20
    /// Bytes that may be searched further for each byte in which nothing was found since the last find.
    private static let aheadPerMiss: UInt64 = 16
    /// Bytes read for one chunk, at most.
    private static let step: UInt64 = 4 << 20
    /// Chunks whose place is remembered, in each of two generations: 65,536 take about 3 MiB.
    private static let indexLimit = 1 << 16

    private let source: SourceFile
    private let parameters: GearChunker.Parameters
    private var segments: Ahead<[SourceReader.Chunk]>
    private var isAtEnd = false
    /// Of what was taken from the segments, in bytes from the file's start.
    private var end: UInt64 = 0
    private var recent: [ChunkID: Recent] = [:]
    private var order = CircularBuffer<Recent>()
    private var index: [UInt64: Place] = [:]
    private var indexBefore: [UInt64: Place] = [:]
    /// How much further on than in the new file chunks lie in this one, by the last find.
    private var shift: Int64 = 0
    private var missed: UInt64 = 0
    /// Bytes read and hashed since somebody asked.
    private var effort = 0

    private struct Place {
        let offset: UInt64
        let length: UInt32
    }

    private struct Recent {
        let chunk: SourceReader.Chunk
        let offset: UInt64
    }

    /// - Parameters:
    ///   - source: open, and read from its start.
    ///   - average: as the sender announced it, in bytes.
    /// - Throws: `.violation` for an average that the chunker does not have.
    init(_ source: SourceFile, average: UInt32) throws(FerryError) {
        guard let parameters = try? GearChunker.Parameters(average: Int(average)) else {
            throw FerryError(
                .violation,
                "the sender cuts at an average of \(average) bytes, which is not one of the allowed"
            )
        }
        self.source = source
        self.parameters = parameters
        self.segments = Self.segments(source, from: 0, parameters)
    }

    deinit { self.segments.stop() }

    /// Bytes read and hashed since the last call: what the search costs whoever waits.
    func takeEffort() -> Int {
        defer { self.effort = 0 }
        return self.effort
    }

    /// Looks for a chunk.
    ///
    /// - Parameters:
    ///   - id: its name.
    ///   - length: in bytes.
    ///   - position: where it belongs in the new file, in bytes.
    /// - Returns: its bytes, verified; nil if they were not found.
    func chunk(_ id: ChunkID, length: Int, at position: UInt64) -> ByteBuffer? {
        let expected = UInt64(clamping: Int64(clamping: position).addingReportingOverflow(self.shift).partialValue)
        self.skip(to: expected)
        let far = expected &+ UInt64(length + Self.ahead) &+ self.missed &* Self.aheadPerMiss
        let limit = min(far, self.end &+ Self.step)
        if let chunk = self.recall(id, length, position) { return chunk }
        while self.end < limit, self.readOn() {
            if let chunk = self.recall(id, length, position, onlyRecent: true) { return chunk }
        }
        // The bound keeps the products above from overflowing.
        self.missed = min(self.missed + UInt64(length), 1 << 40)
        return nil
    }

    private func recall(_ id: ChunkID, _ length: Int, _ position: UInt64, onlyRecent: Bool = false) -> ByteBuffer? {
        if let found = self.recent[id], found.chunk.length == length {
            self.note(found.offset, position)
            return found.chunk.segment.getSlice(at: found.chunk.offset, length: length)
        }
        guard !onlyRecent, let place = self.index[id.key] ?? self.indexBefore[id.key], Int(place.length) == length,
            let bytes = self.read(id, place)
        else { return nil }
        self.note(place.offset, position)
        return bytes
    }

    private func note(_ found: UInt64, _ position: UInt64) {
        self.shift = Int64(clamping: found) - Int64(clamping: position)
        self.missed = 0
    }

    private func read(_ id: ChunkID, _ place: Place) -> ByteBuffer? {
        self.effort += Int(place.length)
        var buffer = ByteBufferAllocator().buffer(capacity: Int(place.length))
        var isRight = false
        _ = unsafe buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: Int(place.length)) { free in
            let bytes = unsafe UnsafeMutableRawBufferPointer(rebasing: free.prefix(Int(place.length)))
            guard let count = try? unsafe self.source.read(into: bytes, at: Int64(clamping: place.offset)),
                count == bytes.count
            else { return 0 }
            isRight = unsafe ChunkID(hashing: UnsafeRawBufferPointer(bytes)) == id
            return count
        }
        return isRight ? buffer : nil
    }

    /// Cuts the next segment; false at the end of the file, and where it cannot be read.
    private func readOn() -> Bool {
        guard !self.isAtEnd, let chunks = self.segments.next() else {
            self.isAtEnd = true
            return false
        }
        for chunk in chunks {
            self.effort += chunk.length
            let recent = Recent(chunk: chunk, offset: self.end)
            self.recent[chunk.id] = recent
            self.order.append(recent)
            if self.index.count >= Self.indexLimit {
                self.indexBefore = self.index
                self.index = [:]
            }
            self.index[chunk.id.key] = Place(offset: self.end, length: UInt32(chunk.length))
            self.end += UInt64(chunk.length)
        }
        let oldest = (chunks.last?.number ?? 0) - Self.window / SourceReader.segmentLength(self.parameters)
        while let first = self.order.first, first.chunk.number <= oldest {
            self.order.removeFirst()
            // The same chunk may have come again.
            if self.recent[first.chunk.id]?.offset == first.offset { self.recent[first.chunk.id] = nil }
        }
        return true
    }

    /// What lies far before the expected place is not worth cutting, for instance because the transfer resumes.
    private func skip(to expected: UInt64) {
        guard expected > self.end, expected - self.end > 2 * Self.step else { return }
        // Cuts depend on 64 bytes and the shortest chunk: after two chunks they are those of the whole file again.
        let start = expected - min(expected, UInt64(2 * self.parameters.maximum))
        guard start < UInt64(clamping: self.source.info.size) else { return }
        self.segments.stop()
        self.segments = Self.segments(self.source, from: start, self.parameters)
        self.isAtEnd = false
        self.end = start
        self.recent = [:]
        self.order.removeAll()
    }

    private static func segments(
        _ source: SourceFile,
        from start: UInt64,
        _ parameters: GearChunker.Parameters
    ) -> Ahead<[SourceReader.Chunk]> {
        var reader = SourceReader(source: Section(source, from: start), parameters: parameters, wantsSHA256: false)
        // What cannot be read ends it as its end does.
        return Ahead(depth: self.depth) { reader.isAtEnd ? nil : try? reader.next() }
    }

    /// The file from some place on.
    private final class Section: ByteSource {
        private let source: SourceFile
        private let position: Atomic<Int64>

        init(_ source: SourceFile, from start: UInt64) {
            self.source = source
            self.position = Atomic(Int64(clamping: start))
        }

        var knownSize: Int64? { nil }

        func read(into buffer: UnsafeMutableRawBufferPointer) throws(FerryError) -> Int {
            let position = self.position.load(ordering: .relaxed)
            let count = unsafe try self.source.read(into: buffer, at: position)
            self.position.store(position + Int64(count), ordering: .relaxed)
            return count
        }
    }
}

extension ChunkID {
    /// The first eight bytes: enough to find a place by, where the bytes are hashed before they are used.
    fileprivate var key: UInt64 {
        // SAFETY: an id has 32 bytes.
        unsafe self.withUnsafeBytes { unsafe $0.loadUnaligned(as: UInt64.self) }
    }
}
