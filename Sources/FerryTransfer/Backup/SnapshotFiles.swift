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

    /// Bytes of chunks that are read together, so that each block in which some of them lie is read once.
    static let window = 2 << 20
    /// Bytes that a window may hold in memory: blocks that are kept of which half is asked for.
    static let longestWindow = 2 * window

    /// What is to be told, in order.
    private enum Step {
        case begin(path: [UInt8], average: UInt32?)
        case chunk(id: ChunkID, length: Int)
        case hole(length: Int, id: ChunkID)
        case end
        case failed([UInt8], FerryError)
    }

    private let content: any SnapshotContent
    /// Around how many bytes the chunks of large files gather, told so that the receiver finds them in its old version.
    private let average: UInt32
    private var files = CircularBuffer<File>()
    private var open: (file: File, next: SnapshotContent.NextSegment)?
    /// Of a hole, not planned yet.
    private var hole: UInt64 = 0
    /// Of the file that was told of last.
    private var path: [UInt8] = []
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

    /// Reads about as much as the window holds.
    ///
    /// - Returns: chunks and ends, in order.
    mutating func next() -> [Piece] {
        let plan = self.plan()
        self.number += 1
        let chunks = plan.compactMap { step in
            if case .chunk(let id, let length) = step { (id: id, length: length) } else { nil }
        }
        let parts = chunks.isEmpty ? [] : self.content.parts(of: chunks)
        let (segment, failures) = self.read(zip(chunks, parts).filter { $1 == nil }.map(\.0))
        var (pieces, path, hasFailed) = ([Piece](), self.path, false)
        var (next, nextRead, offset) = (0, 0, 0)
        for step in plan {
            switch step {
            case .begin(let begun, let average):
                path = begun
                if let average { pieces.append(.average(average)) }
            case .hole(let length, let id):
                if !hasFailed { self.append(SourceReader.Chunk(hole: length, id: id, number: self.number), &pieces) }
            case .chunk(let id, let length):
                let part = parts[next]
                next += 1
                if let part {
                    if !hasFailed {
                        self.append(
                            SourceReader.Chunk(id: id, part: part, number: self.number, length: length),
                            &pieces
                        )
                    }
                    continue
                }
                if let failure = failures[nextRead], !hasFailed {
                    hasFailed = true
                    self.fail(path, failure, &pieces)
                }
                if !hasFailed {
                    let chunk = SourceReader.Chunk(
                        id: id,
                        segment: segment,
                        number: self.number,
                        offset: offset,
                        length: length
                    )
                    self.append(chunk, &pieces)
                }
                nextRead += 1
                offset += length
            case .end:
                if !hasFailed { pieces.append(.end(nil)) }
                hasFailed = false
            case .failed(let path, let error):
                if !hasFailed { self.fail(path, error, &pieces) }
                hasFailed = false
            }
        }
        // The rest of a file that failed is not looked at.
        if hasFailed { (self.open, self.hole) = (nil, 0) }
        self.path = path
        return pieces
    }

    private mutating func fail(_ path: [UInt8], _ error: FerryError, _ pieces: inout [Piece]) {
        self.failures.append((path, error))
        pieces.append(.end(.failed(error)))
    }

    /// Finds out what comes next, as far as recipes tell it.
    private mutating func plan() -> [Step] {
        var (plan, bytes) = ([Step](), 0)
        while bytes < Self.window, plan.count < WireConstants.namesPerFrame {
            do throws(FerryError) {
                guard let open = try self.opened(&plan) else { break }
                if self.hole > 0 {
                    self.planHole(&plan)
                } else {
                    switch try open.next() {
                    case .chunk(let id, let length):
                        plan.append(.chunk(id: id, length: length))
                        bytes += length
                    case .hole(let length): self.hole = length
                    case nil:
                        self.open = nil
                        plan.append(.end)
                    }
                }
            } catch {
                guard let path = self.open?.file.path else { break }
                (self.open, self.hole) = (nil, 0)
                plan.append(.failed(path, error))
            }
        }
        return plan
    }

    private mutating func opened(
        _ plan: inout [Step]
    ) throws(FerryError) -> (file: File, next: SnapshotContent.NextSegment)? {
        if let open = self.open { return open }
        guard let file = self.files.popFirst() else { return nil }
        self.open = (file, { nil })
        let open = (file: file, next: try self.content.segments(of: file.entry))
        self.open = open
        plan.append(.begin(path: file.path, average: file.entry.size > UInt64(self.average) ? self.average : nil))
        return open
    }

    private mutating func planHole(_ plan: inout [Step]) {
        while self.hole > 0, plan.count < WireConstants.namesPerFrame {
            let length = ChunkID.zeros(atMost: Int64(clamping: self.hole))
            guard let id = ChunkID.ofZeros(length) else { return }
            plan.append(.hole(length: length, id: id))
            self.hole -= UInt64(length)
        }
    }

    /// Reads chunks one behind another, so that those of a block need not be copied together.
    private func read(_ chunks: [(id: ChunkID, length: Int)]) -> (ByteBuffer, [FerryError?]) {
        let length = chunks.reduce(0) { $0 + $1.length }
        guard length > 0 else { return (ByteBuffer(), []) }
        var segment = ByteBufferAllocator().buffer(capacity: length)
        var failures: [FerryError?] = []
        unsafe segment.writeWithUnsafeMutableBytes(minimumWritableBytes: length) { free in
            unsafe failures = self.content.read(
                chunks,
                into: UnsafeMutableRawBufferPointer(rebasing: free.prefix(length))
            )
            return length
        }
        return (segment, failures)
    }

    private mutating func append(_ chunk: SourceReader.Chunk, _ pieces: inout [Piece]) {
        self.digest.update(id: chunk.id, length: UInt32(chunk.length))
        self.size += UInt64(chunk.length)
        pieces.append(.chunk(chunk))
    }
}
