import FerryChunking
import FerryErrors
import FerryFiles
import NIOCore
import Synchronization

/// Searches a file for chunks by cutting it as the sender cuts the new one, from some place on.
///
/// What is found is mostly still in memory, hashed, from being cut. Where each chunk of the last GiB or more lay is
/// remembered too.
final class ChunkSearch {
    /// A chunk's verified bytes, and where they lie, in bytes from the file's start.
    typealias Found = (bytes: ByteBuffer, place: UInt64)

    /// Bytes kept in memory of what was cut last.
    private static let window = 6 << 20
    /// Segments that are cut ahead of need, on a thread of their own.
    private static let depth = 2
    /// Bytes read for one chunk, at most.
    private static let step: UInt64 = 4 << 20
    /// Chunks whose place is remembered, in each of two generations: 65,536 take about 3 MiB.
    private static let indexLimit = 1 << 16

    private let source: SourceFile
    private let parameters: GearChunker.Parameters
    private var segments: Ahead<[SourceReader.Chunk]>?
    /// Of what was cut in a row, in bytes from the file's start.
    private var begin: UInt64 = 0
    private var end: UInt64 = 0
    private var recent: [ChunkID: Recent] = [:]
    private var order = CircularBuffer<Recent>()
    private var index: [UInt64: Place] = [:]
    private var indexBefore: [UInt64: Place] = [:]
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

    init(_ source: SourceFile, _ parameters: GearChunker.Parameters) {
        self.source = source
        self.parameters = parameters
    }

    deinit { self.segments?.stop() }

    /// Bytes read and hashed since the last call.
    func takeEffort() -> Int {
        defer { self.effort = 0 }
        return self.effort
    }

    /// Looks for a chunk among what was cut, and then further on.
    ///
    /// - Parameters:
    ///   - id: its name.
    ///   - length: in bytes.
    ///   - expected: where it should lie, in bytes from the file's start.
    ///   - reach: how far beyond that it is looked for, in bytes; for one chunk only a few MiB are cut.
    /// - Returns: the chunk, or nil.
    func find(_ id: ChunkID, length: Int, expected: UInt64, reach: UInt64) -> Found? {
        self.begin(near: expected)
        let limit = min(expected &+ reach, self.end &+ Self.step)
        if let found = self.recall(id, length: length) { return found }
        while self.end < limit, self.readOn() {
            if let found = self.recent(id, length) { return found }
        }
        return nil
    }

    /// Looks for a chunk among what was cut; nil if it is not there.
    func recall(_ id: ChunkID, length: Int) -> Found? {
        if let found = self.recent(id, length) { return found }
        guard let place = self.index[id.key] ?? self.indexBefore[id.key], Int(place.length) == length,
            let bytes = self.read(id, place)
        else { return nil }
        return (bytes, place.offset)
    }

    /// Cuts and remembers what nobody asked for where it lies: it may be asked for elsewhere.
    ///
    /// - Parameters:
    ///   - bytes: between two cuts.
    ///   - place: where they lie.
    func remember(_ bytes: UnsafeRawBufferPointer, at place: UInt64) {
        var chunker = GearChunker(parameters: self.parameters)
        var lengths: [Int] = []
        var rest = unsafe bytes
        while let length = unsafe chunker.nextCut(in: rest, atEnd: true) {
            lengths.append(length)
            unsafe rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(length))
        }
        var offset = place
        for (id, length) in zip(unsafe ChunkID.hashing(SourceReader.slices(bytes, lengths)), lengths) {
            self.note(id, Place(offset: offset, length: UInt32(length)))
            offset += UInt64(length)
        }
    }

    /// The reader of the file is at a place, and finds there what it looks for: what was cut of the file before is of no
    /// further use.
    func passed(_ place: UInt64) {
        guard let segments = self.segments, place >= self.end else { return }
        segments.stop()
        self.segments = nil
        self.recent = [:]
        self.order.removeAll()
    }

    private func recent(_ id: ChunkID, _ length: Int) -> Found? {
        guard let found = self.recent[id], found.chunk.length == length,
            let bytes = found.chunk.bytes(length)
        else { return nil }
        return (bytes, found.offset)
    }

    private func note(_ id: ChunkID, _ place: Place) {
        if self.index.count >= Self.indexLimit {
            self.indexBefore = self.index
            self.index = [:]
        }
        self.index[id.key] = place
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
        guard let chunks = self.segments?.next() else { return false }
        for chunk in chunks {
            self.effort += chunk.length
            let recent = Recent(chunk: chunk, offset: self.end)
            self.recent[chunk.id] = recent
            self.order.append(recent)
            self.note(chunk.id, Place(offset: self.end, length: UInt32(chunk.length)))
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

    /// Has the search begin near a place, unless it is there, or comes there soon: what lies far before it is not worth
    /// cutting, for instance because the transfer resumes.
    private func begin(near expected: UInt64) {
        if self.segments != nil, expected >= self.begin, expected <= self.end + 2 * Self.step { return }
        guard expected < UInt64(clamping: self.source.info.size) || self.segments == nil else { return }
        // Cuts depend on 64 bytes and the shortest chunk: after two chunks they are those of the whole file again.
        let start = expected - min(expected, UInt64(2 * self.parameters.maximum))
        self.segments?.stopAndWait()
        var reader = SourceReader(
            source: Section(self.source, from: start),
            parameters: self.parameters,
            wantsSHA256: false
        )
        // What cannot be read ends it as its end does.
        self.segments = Ahead(depth: Self.depth) { reader.isAtEnd ? nil : try? reader.next() }
        self.begin = start
        self.end = start
        self.recent = [:]
        self.order.removeAll()
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
