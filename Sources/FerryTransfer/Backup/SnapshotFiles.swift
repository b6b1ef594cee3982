import FerryChunking
import FerryErrors
import FerryObjects
import FerryWire
import NIOCore

/// Reads the files of a snapshot that a receiver needs, one after another, in the chunks they are kept in.
struct SnapshotFiles {
    struct File {
        let path: [UInt8]
        let entry: Entry
    }

    /// Bytes of chunks that are read at a time.
    private static let step = 1 << 20

    private let content: any SnapshotContent
    /// Around how many bytes the chunks of large files gather, told so that the receiver finds them in its old version.
    private let average: UInt32
    private var files = CircularBuffer<File>()
    private var open: (file: File, next: SnapshotContent.NextSegment)?
    /// Of a hole, not told yet.
    private var hole: UInt64 = 0
    private(set) var number = 0
    private(set) var digest = RecipeDigest()
    private(set) var size: UInt64 = 0
    var failures: [(path: [UInt8], error: FerryError)] = []

    init(_ content: any SnapshotContent, average: UInt32) {
        self.content = content
        self.average = average
    }

    var isIdle: Bool { self.open == nil && self.files.isEmpty }

    mutating func append(_ file: File) { self.files.append(file) }

    /// Reads about a step.
    ///
    /// - Returns: chunks and ends, in order.
    mutating func next() -> [Piece] {
        var pieces: [Piece] = []
        var read = 0
        self.number += 1
        while read < Self.step, pieces.count < WireConstants.namesPerFrame {
            do throws(FerryError) {
                guard let open = try self.opened(&pieces) else { break }
                if self.hole > 0 {
                    self.tellHole(&pieces)
                } else if let segment = try open.next() {
                    read += try self.tell(segment, &pieces)
                } else {
                    self.open = nil
                    pieces.append(.end(nil))
                }
            } catch {
                guard let path = self.open?.file.path else { break }
                self.open = nil
                self.hole = 0
                self.failures.append((path, error))
                pieces.append(.end(.failed(error)))
            }
        }
        return pieces
    }

    private mutating func opened(
        _ pieces: inout [Piece]
    ) throws(FerryError) -> (file: File, next: SnapshotContent.NextSegment)? {
        if let open = self.open { return open }
        guard let file = self.files.popFirst() else { return nil }
        self.open = (file, { nil })
        let open = (file: file, next: try self.content.segments(of: file.entry))
        self.open = open
        if file.entry.size > UInt64(self.average) { pieces.append(.average(self.average)) }
        return open
    }

    private mutating func tell(_ segment: Segment, _ pieces: inout [Piece]) throws(FerryError) -> Int {
        switch segment {
        case .hole(let length):
            self.hole = length
            return 0
        case .chunk(let id, let length):
            let bytes = try self.content.read(id)
            guard bytes.count == length else {
                throw FerryError(.integrity, "a chunk has \(bytes.count) bytes, and \(length) in the file's recipe")
            }
            self.append(
                SourceReader.Chunk(
                    id: id,
                    segment: ByteBuffer(bytes: bytes),
                    number: self.number,
                    offset: 0,
                    length: length
                ),
                &pieces
            )
            return length
        }
    }

    private mutating func tellHole(_ pieces: inout [Piece]) {
        while self.hole > 0, pieces.count < WireConstants.namesPerFrame {
            let length = ChunkID.zeros(atMost: Int64(clamping: self.hole))
            guard let id = ChunkID.ofZeros(length) else { return }
            self.append(SourceReader.Chunk(hole: length, id: id, number: self.number), &pieces)
            self.hole -= UInt64(length)
        }
    }

    private mutating func append(_ chunk: SourceReader.Chunk, _ pieces: inout [Piece]) {
        self.digest.update(id: chunk.id, length: UInt32(chunk.length))
        self.size += UInt64(chunk.length)
        pieces.append(.chunk(chunk))
    }
}
