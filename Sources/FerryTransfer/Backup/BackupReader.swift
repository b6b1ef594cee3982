import FerryChunking
import FerryErrors
import FerryFiles
import FerryObjects
import FerryWire
import NIOCore

/// Reads what is to be backed up, cuts it into chunks, and builds the snapshot's nodes.
///
/// Small files are read together into one segment, so that they share blocks, and are hashed together.
struct BackupReader {
    /// Something whose chunks are in the segment that is being filled, or that follows one of these.
    private enum Pending {
        case begin(Entry?, isSame: Bool, FileStates.Record)
        case end(isAllThere: Bool)
        case entry(Entry, isSame: Bool, FileStates.Record?)
        /// A file, and the chunks of it in the segment.
        case file(Entry, chunks: Int, info: FileInfo?, began: Timestamp)
    }

    /// Bytes of a segment of small files.
    private static let segmentLength = 1 << 20
    /// A file that changes each time is marked after so many.
    static let maximumAttempts = 3

    private let walk: BackupWalk?
    private let metadata: MetadataReader
    let parameters: GearChunker.Parameters
    let states: FileStates?
    private var known = KnownDirectories()
    var links = HardLinks()
    private var builder = SnapshotTreeBuilder()
    private var pending: [Pending] = []
    private var segment = ByteBuffer()
    private var lengths: [Int] = []
    var open: Open?
    private var hasEnded = false
    /// Of the segment that was read last.
    var number = 0
    private var digest = RecipeDigest()
    /// Bytes named.
    private var size: UInt64 = 0
    var files: UInt64 = 0
    /// Bytes of all files.
    var bytes: UInt64 = 0
    /// What could not be read since the last step.
    var failures: [(path: [UInt8], error: FerryError)] = []

    /// What was read at a time.
    struct Step: Sendable {
        /// Data, and then nodes.
        let chunks: [SourceReader.Chunk]
        /// What could not be read, from the root directory, and why.
        let failures: [(path: [UInt8], error: FerryError)]
        /// Of the segment that was read last.
        let number: Int
        /// So far.
        let files: UInt64
        /// Of all files so far.
        let bytes: UInt64
        /// With the last one.
        let end: End?

        struct End {
            /// The node of the top.
            let root: ChunkID
            /// Over all names.
            let digest: ChunkID
            /// Bytes named.
            let size: UInt64
        }
    }

    /// - Parameters:
    ///   - walk: through all of it.
    ///   - metadata: what is kept besides the content.
    ///   - parameters: how the repository's files are cut.
    ///   - states: what files were in the last backup.
    init(
        _ walk: BackupWalk,
        metadata: MetadataReader,
        parameters: GearChunker.Parameters,
        states: FileStates?
    ) {
        self.states = states
        self.walk = walk
        self.metadata = metadata
        self.parameters = parameters
    }

    /// Of a stream, which becomes the one file of the snapshot.
    ///
    /// - Parameters:
    ///   - stream: read to its end.
    ///   - entry: of the file.
    ///   - parameters: how the repository's files are cut.
    init(_ stream: any ByteSource, as entry: Entry, parameters: GearChunker.Parameters) {
        self.walk = nil
        self.states = nil
        self.metadata = MetadataReader(MetadataPolicy())
        self.parameters = parameters
        let reader = SourceReader(source: stream, parameters: parameters, wantsSHA256: false, cutsAtZeros: true)
        self.open = Open(entry: entry, path: entry.name, file: nil, info: nil, reader: reader)
        self.builder.begin(nil)
        self.known.begin(isSame: false)
    }

    var segmentLength: Int { max(Self.segmentLength, SourceReader.segmentLength(self.parameters)) }
    /// The node of the top, once all is read.
    private var root: ChunkID? { self.builder.root }
    private var isAtEnd: Bool { self.root != nil }

    /// Reads about a segment.
    ///
    /// - Returns: what is to be named, in order; nil once all was told.
    /// - Throws: mapped errors if what was asked for cannot be read at all.
    mutating func next() throws(FerryError) -> Step? {
        guard !self.isAtEnd else { return nil }
        let chunks = try self.read()
        // What is of one kind is named and decided together: among small files most directories end within a segment.
        let ordered = chunks.filter { !$0.isNode } + chunks.filter(\.isNode)
        for chunk in ordered {
            self.digest.update(id: chunk.id, length: UInt32(chunk.length))
            self.size += UInt64(chunk.length)
        }
        defer { self.failures = [] }
        return Step(
            chunks: ordered,
            failures: self.failures,
            number: self.number,
            files: self.files,
            bytes: self.bytes,
            end: self.root.map { Step.End(root: $0, digest: self.digest.finalize(), size: self.size) }
        )
    }

    private mutating func read() throws(FerryError) -> [SourceReader.Chunk] {
        if self.open != nil { return try self.goOn() }
        if self.segment.capacity == 0 { self.segment.reserveCapacity(Self.segmentLength) }
        while self.open == nil, !self.hasEnded, self.pending.count < WireConstants.namesPerFrame,
            self.segment.writableBytes > self.parameters.minimum
        {
            guard let walk = self.walk else {
                // After a stream, nothing is left but the end of the top.
                self.pending.append(.end(isAllThere: false))
                self.hasEnded = true
                break
            }
            guard let step = try walk.next() else {
                self.hasEnded = true
                break
            }
            switch step {
            case .entry(let entry): try self.take(entry)
            case .end: self.pending.append(.end(isAllThere: self.states?.end() ?? false))
            case .pause: break
            }
        }
        return try self.flush()
    }

    // MARK: Entries

    private mutating func take(_ entry: TreeEntry) throws(FerryError) {
        let path = entry.directory.path(of: entry.name)
        if let failure = entry.failure, entry.info.kind != .directory { return self.failed(path, failure) }
        let told: ToldMetadata
        do throws(FerryError) { told = try self.metadata.metadata(of: entry) } catch {
            if error.code == .notFound { return }
            self.failures.append((path, error))
            return try self.take(entry, ToldMetadata(posixMode: entry.info.posixMode))
        }
        try self.take(entry, told)
    }

    private mutating func take(_ entry: TreeEntry, _ told: ToldMetadata) throws(FerryError) {
        if entry.info.kind == .directory {
            var directory = Entry(entry, told, .segments([]))
            if let failure = entry.failure {
                self.failures.append((entry.directory.path(of: entry.name), failure))
                directory.isIncomplete = true
            }
            let isSame = (self.states?.begin(entry.name, entry.info) ?? false) && entry.failure == nil
            let record = FileStates.Record.begin(name: entry.name, FileStates.State(entry.info))
            self.pending.append(.begin(entry.name.isEmpty ? nil : directory, isSame: isSame, record))
            return
        }
        guard !told.isSocket else { return }
        let known = self.states?.look(entry.name, entry.info)
        if let first = self.links.firstName(of: entry) {
            return self.add(entry, told, .furtherName(first), known != nil)
        }
        switch entry.info.kind {
        case .symlink: self.add(entry, told, .link(entry.linkText), known != nil)
        case .file where told.isFile:
            guard case .some(.some(let content)) = known else { return self.takeFile(entry, told) }
            self.add(entry, told, content, true)
        default: self.add(entry, told, .special(device: told.device), known != nil)
        }
    }

    /// Takes what need not be read.
    private mutating func add(
        _ entry: TreeEntry,
        _ told: ToldMetadata,
        _ content: Entry.Content,
        _ isSame: Bool
    ) {
        var ofFile: Entry.Content?
        switch content {
        case .segments, .recipe: ofFile = content
        default: break
        }
        let found = Entry(entry, told, content)
        if ofFile != nil {
            self.files += 1
            self.bytes += found.size
        }
        let record = FileStates.record(entry.name, entry.info, ofFile, began: .now)
        self.pending.append(.entry(found, isSame: isSame, record))
    }

    mutating func failed(_ path: [UInt8], _ error: FerryError) {
        self.failures.append((path, error))
    }

    private mutating func takeFile(_ entry: TreeEntry, _ told: ToldMetadata) {
        do throws(FerryError) {
            guard entry.info.size <= self.parameters.minimum, !entry.info.isSparse else {
                return try self.openLarge(entry, Entry(entry, told, .segments([])))
            }
            let began = Timestamp.now
            guard let (count, info) = try self.readSmall(entry) else {
                // It has grown meanwhile.
                return try self.openLarge(entry, Entry(entry, told, .segments([])))
            }
            if count > 0 { self.lengths.append(count) }
            var file = Entry(entry, told, .segments([]))
            if let info {
                (file.seconds, file.nanoseconds) = (info.modified.seconds, info.modified.nanoseconds)
            } else {
                file.isIncomplete = true
                self.failures.append(Self.changing(entry.directory.path(of: entry.name)))
            }
            self.files += 1
            self.bytes += UInt64(count)
            self.pending.append(.file(file, chunks: count > 0 ? 1 : 0, info: info, began: began))
        } catch {
            self.links.forget(entry)
            // What is gone is no longer there to be kept.
            if error.code != .notFound { self.failed(entry.directory.path(of: entry.name), error) }
        }
    }

    /// A file that changed each time it was read is in the snapshot, and whoever asked for it must know.
    static func changing(_ path: [UInt8]) -> (path: [UInt8], error: FerryError) {
        (
            path,
            FerryError(
                .sourceChanged,
                "/\(Escaping.escape(path)) changed each time it was read; the snapshot has a mixture, and marks it",
                remedy: "back it up when nothing writes to it, or its output with --from-command"
            )
        )
    }

    /// Reads a small file to the end of the segment.
    ///
    /// - Returns: its bytes, and what it was before and after, nil if that was not the same; nil if it is small no more.
    private mutating func readSmall(_ entry: TreeEntry) throws(FerryError) -> (count: Int, info: FileInfo?)? {
        var listed = entry.info
        for _ in 0..<Self.maximumAttempts {
            let (count, info) = try self.readOnce(entry, room: self.parameters.minimum)
            if info.isSameVersion(as: listed), count == Int(clamping: info.size) {
                self.segment.moveWriterIndex(forwardBy: count)
                return (count, info)
            }
            guard info.size <= self.parameters.minimum else { return nil }
            listed = info
        }
        let (count, _) = try self.readOnce(entry, room: self.parameters.minimum)
        self.segment.moveWriterIndex(forwardBy: count)
        return (count, nil)
    }

    private mutating func readOnce(
        _ entry: TreeEntry,
        room: Int
    ) throws(FerryError) -> (count: Int, info: FileInfo) {
        var result = Result<(Int, FileInfo), FerryError>.failure(FerryError(.internalError, "not read"))
        unsafe self.segment.withUnsafeMutableWritableBytes { free in
            do throws(FerryError) {
                let buffer = unsafe UnsafeMutableRawBufferPointer(rebasing: free.prefix(room))
                let read = unsafe try entry.directory.read(entry.name, into: buffer)
                result = .success((read.count, read.info))
            } catch {
                result = .failure(error)
            }
        }
        return try result.get()
    }

    /// Hashes what is in the segment, and builds nodes of it.
    mutating func flush() throws(FerryError) -> [SourceReader.Chunk] {
        let segment = self.segment
        if segment.readableBytes > 0 { self.number += 1 }
        let ids = unsafe segment.withUnsafeReadableBytes { bytes in
            unsafe ChunkID.hashing(SourceReader.slices(bytes, self.lengths))
        }
        var (named, next, offset) = ([SourceReader.Chunk](), 0, 0)
        for step in self.pending {
            switch step {
            case .begin(let entry, let isSame, let record):
                self.states?.note(record)
                self.known.begin(isSame: isSame)
                self.builder.begin(entry)
            case .end(let isAllThere): try self.end(isAllThere, &named)
            case .entry(let entry, let isSame, let record):
                self.states?.note(record)
                try self.add(entry, isSame: isSame, &named)
            case .file(var entry, let chunks, let info, let began):
                var segments: [Segment] = []
                for _ in 0..<chunks {
                    let (id, length) = (ids[next], self.lengths[next])
                    segments.append(.chunk(id, length: length))
                    let chunk = SourceReader.Chunk(
                        id: id,
                        segment: segment,
                        number: self.number,
                        offset: offset,
                        length: length
                    )
                    named.append(chunk)
                    next += 1
                    offset += length
                }
                entry.content = .segments(segments)
                if let info {
                    self.states?.note(FileStates.record(entry.name, info, entry.content, began: began))
                }
                try self.add(entry, isSame: false, &named)
            }
        }
        self.pending = []
        self.lengths = []
        if segment.readableBytes > 0 { self.segment = ByteBuffer() }
        return named
    }

    /// Adds an entry to the directory that began last.
    mutating func add(_ entry: Entry, isSame: Bool, _ named: inout [SourceReader.Chunk]) throws(FerryError) {
        let due = isSame ? self.known.assume(entry.content, self.number) : self.known.change()
        named += due
        var nodes: [SourceReader.Chunk] = []
        let number = self.number
        do throws(FerryError) {
            try self.builder.append(entry) { node throws(FerryError) in Self.emit(node, number, &nodes) }
        } catch  where error.code == .tooLarge {
            // The rest of its directory is none the worse for it.
            self.failures.append((entry.name, error))
        }
        self.name(nodes, &named)
    }

    private mutating func end(_ isAllThere: Bool, _ named: inout [SourceReader.Chunk]) throws(FerryError) {
        self.states?.note(.end)
        if !isAllThere { named += self.known.change() }
        var nodes: [SourceReader.Chunk] = []
        let number = self.number
        let entry = try self.builder.end { node throws(FerryError) in Self.emit(node, number, &nodes) }
        let top = nodes.last
        self.name(nodes, &named)
        let isSame = self.known.end()
        guard let entry else {
            // All of it was there: it is asked for by its top alone.
            if isSame, let top {
                let chunk = SourceReader.Chunk(assumed: top.id, length: top.length, isNode: true, number: number)
                named.append(chunk)
            }
            return
        }
        try self.add(entry, isSame: isSame, &named)
    }

    /// Names nodes of the directory that began last, unless the repository has all of it.
    mutating func name(_ nodes: [SourceReader.Chunk], _ named: inout [SourceReader.Chunk]) {
        for node in nodes { named += self.known.named(node) }
    }

    static func emit(_ node: Node, _ number: Int, _ nodes: inout [SourceReader.Chunk]) -> ChunkID {
        let bytes = node.encoded
        let id = ChunkID.hashing(bytes)
        nodes.append(SourceReader.Chunk(node: bytes, id: id, number: number))
        return id
    }
}
