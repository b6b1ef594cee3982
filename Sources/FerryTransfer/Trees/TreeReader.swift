import FerryChunking
import FerryErrors
import FerryFiles
import FerryWire
import NIOCore

/// Reads the files of a tree that the receiver needs, one after another, and cuts them into chunks.
///
/// Small files are read together into one segment, so that they share blocks, and are hashed together.
struct TreeReader {
    /// A file that the receiver needs.
    struct File {
        let directory: OpenDirectory
        let name: [UInt8]
        /// As it was listed, and as the receiver knows it.
        let listed: FileInfo
        /// Of the receiver's version, in bytes; nil if it has none.
        var oldSize: Int64?
        /// How often it was read and had changed meanwhile.
        var attempts = 0

        var path: String { Escaping.escape(self.directory.path(of: self.name)) }
    }

    /// A file that is read in several steps.
    private struct Open {
        let file: File
        let info: FileInfo
        var reader: SourceReader
        /// Not told yet.
        var average: UInt32
    }

    /// Files up to this many bytes are read whole, several together.
    private static let smallLimit: Int64 = 256 << 10
    /// Bytes of a segment of small files.
    private static let segmentLength = 1 << 20
    /// A file that changes each time is given up after so many.
    private static let maximumAttempts = 3

    private var files = CircularBuffer<File>()
    private var open: Open?
    /// Of the segment that was read last.
    private(set) var number = 0
    /// The most bytes that one took.
    private(set) var longestSegment = TreeReader.segmentLength
    private(set) var digest = RecipeDigest()
    /// Bytes named so far.
    private(set) var size: UInt64 = 0
    /// Files that could not be read, from the top of the tree, and why; for whoever takes them.
    var failures: [(path: [UInt8], error: FerryError)] = []

    /// Whether there is nothing to read now.
    var isIdle: Bool { self.open == nil && self.files.isEmpty }

    mutating func append(_ file: File) { self.files.append(file) }

    /// Reads about a segment.
    ///
    /// - Parameter isSlow: whether chunks are to be short, for a link that may break.
    /// - Returns: chunks and ends, in order.
    mutating func next(isSlow: Bool) -> [Piece] {
        if self.open != nil { return self.goOn(isSlow: isSlow) }
        guard let file = self.files.first else { return [] }
        if file.listed.size <= Self.smallLimit { return self.readSmall(isSlow: isSlow) }
        self.files.removeFirst()
        do throws(FerryError) {
            let source = try file.directory.file(file.name)
            let parameters = GearChunker.Parameters.forShare(oldSize: file.oldSize)
            self.longestSegment = max(self.longestSegment, SourceReader.segmentLength(parameters))
            self.open = Open(
                file: file,
                info: source.info,
                reader: SourceReader(source: source, parameters: parameters, wantsSHA256: false, number: self.number),
                average: parameters.cutsByContent ? UInt32(parameters.average) : 0
            )
            return []
        } catch {
            return [.end(self.failed(file, error))]
        }
    }

    /// Notes that a file cannot be sent.
    private mutating func failed(_ file: File, _ error: FerryError) -> WireEndNote {
        self.failures.append((file.directory.path(of: file.name), error))
        return .failed(error)
    }

    // MARK: Large files

    private mutating func goOn(isSlow: Bool) -> [Piece] {
        guard var open = self.open else { return [] }
        self.open = nil
        defer { self.number = open.reader.number }
        var pieces: [Piece] = []
        do throws(FerryError) {
            open.reader.cutEvenly(short: isSlow)
            for chunk in try open.reader.next() {
                if open.average > 0 { pieces.append(.average(open.average)) }
                open.average = 0
                self.note(chunk.id, chunk.length)
                pieces.append(.chunk(chunk))
            }
            if open.reader.isAtEnd {
                try open.reader.verifyUnchanged()
                let hasChanged = !open.info.isSameVersion(as: open.file.listed)
                pieces.append(.end(hasChanged ? .changed(WireMetadata(open.info)) : nil))
            } else {
                self.open = open
            }
        } catch {
            pieces.append(.end(self.interrupted(open.file, error)))
        }
        return pieces
    }

    /// Has a file that changed while it was read be read once more, a few times.
    private mutating func interrupted(_ file: File, _ error: FerryError) -> WireEndNote {
        guard error.code == .sourceChanged, file.attempts + 1 < Self.maximumAttempts else {
            return self.failed(file, error)
        }
        var file = file
        file.attempts += 1
        self.files.prepend(file)
        var note = WireEndNote()
        note.again = true
        return note
    }

    private mutating func note(_ id: ChunkID, _ length: Int) {
        self.digest.update(id: id, length: UInt32(length))
        self.size += UInt64(length)
    }

    // MARK: Small files

    private mutating func readSmall(isSlow: Bool) -> [Piece] {
        var segment = ByteBufferAllocator().buffer(capacity: Self.segmentLength)
        self.number += 1
        let longest = isSlow ? GearChunker.Parameters.evenShort.maximum : GearChunker.Parameters.even.maximum
        var lengths: [Int] = []
        /// Of each file: how many chunks, and its end.
        var ends: [(chunks: Int, note: WireEndNote?)] = []
        while let file = self.files.first, ends.count < WireConstants.namesPerFrame,
            lengths.count < WireConstants.namesPerFrame,
            file.listed.size <= Self.smallLimit, file.listed.size < segment.writableBytes
        {
            self.files.removeFirst()
            let before = lengths.count
            do throws(FerryError) {
                let content = try Self.read(file, into: &segment)
                Self.cut(content.count, content.holes, longest, into: &lengths)
                ends.append((lengths.count - before, content.note))
            } catch {
                ends.append((0, self.failed(file, error)))
            }
        }
        let ids = unsafe segment.withUnsafeReadableBytes { bytes in
            unsafe ChunkID.hashing(SourceReader.slices(bytes, lengths))
        }
        var pieces: [Piece] = []
        pieces.reserveCapacity(ids.count + ends.count)
        var (next, offset) = (0, 0)
        for end in ends {
            for _ in 0..<end.chunks {
                let (id, length) = (ids[next], lengths[next])
                self.note(id, length)
                pieces.append(
                    .chunk(
                        SourceReader.Chunk(
                            id: id,
                            segment: segment,
                            number: self.number,
                            offset: offset,
                            length: length
                        )
                    )
                )
                next += 1
                offset += length
            }
            pieces.append(.end(end.note))
        }
        return pieces
    }

    /// Cuts a small file evenly, and at the edges of its holes.
    private static func cut(_ count: Int, _ holes: [Range<Int>], _ longest: Int, into lengths: inout [Int]) {
        var place = 0
        for hole in holes + [count..<count] {
            while place < hole.lowerBound {
                lengths.append(min(hole.lowerBound - place, longest))
                place += min(hole.lowerBound - place, longest)
            }
            while place < hole.upperBound {
                let length = ChunkID.zeros(atMost: Int64(hole.upperBound - place))
                lengths.append(length)
                place += length
            }
        }
    }

    /// What was read of a small file: its bytes, which of them are holes, and a note unless it is as it was listed.
    private typealias Content = (count: Int, holes: [Range<Int>], note: WireEndNote?)

    /// Reads a small file to the end of the segment.
    ///
    /// - Returns: what was read.
    /// - Throws: what reading fails with, `.sourceChanged` if it is another each time.
    private static func read(
        _ file: File,
        into segment: inout ByteBuffer
    ) throws(FerryError) -> Content {
        guard file.listed.size > 0 else { return (0, [], nil) }
        for _ in 0..<self.maximumAttempts {
            let expected = Int(file.listed.size)
            let (count, info, holes) = try self.read(file, room: expected + 1, into: &segment)
            if count == expected, info.isSameVersion(as: file.listed) {
                segment.moveWriterIndex(forwardBy: count)
                return (count, holes, nil)
            }
            // Once more, for it to be the same before and after.
            let room = min(Int(self.smallLimit), segment.writableBytes - 1) + 1
            let again = try self.read(file, room: room, into: &segment)
            if again.info.kind == .file, again.info.isSameVersion(as: info), again.count == Int(info.size) {
                segment.moveWriterIndex(forwardBy: again.count)
                return (again.count, again.holes, .changed(WireMetadata(info)))
            }
        }
        throw FerryError(
            .sourceChanged,
            "\(file.path) changed each time it was read",
            remedy: "send it again when nothing writes to it"
        )
    }

    private static func read(
        _ file: File,
        room: Int,
        into segment: inout ByteBuffer
    ) throws(FerryError) -> (count: Int, info: FileInfo, holes: [Range<Int>]) {
        var result = Result<(count: Int, info: FileInfo, holes: [Range<Int>]), FerryError>.failure(
            FerryError(.internalError, "not read")
        )
        unsafe segment.withUnsafeMutableWritableBytes { free in
            do throws(FerryError) {
                let buffer = unsafe UnsafeMutableRawBufferPointer(rebasing: free.prefix(room))
                result = .success(unsafe try file.directory.read(file.name, into: buffer))
            } catch {
                result = .failure(error)
            }
        }
        return try result.get()
    }
}

extension WireEndNote {
    static func failed(_ error: FerryError) -> WireEndNote {
        var note = WireEndNote()
        note.failure = WireFailure(error)
        return note
    }

    static func changed(_ metadata: WireMetadata) -> WireEndNote {
        var note = WireEndNote()
        note.metadata = metadata
        return note
    }
}
