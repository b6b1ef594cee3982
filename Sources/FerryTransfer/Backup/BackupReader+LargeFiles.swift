import FerryChunking
import FerryErrors
import FerryFiles
import FerryObjects

// Files that have segments of their own: they are cut by content, and may take many steps.
extension BackupReader {
    struct Open {
        /// All but its content.
        var entry: Entry
        /// From the root directory.
        let path: [UInt8]
        /// Nil for a stream, which cannot be read twice.
        let file: TreeEntry?
        /// As it was when it was opened; nil for a stream.
        let info: FileInfo?
        var reader: SourceReader
        var recipe = RecipeBuilder()
        var hole: UInt64 = 0
        var attempt = 1
        let began = Timestamp.now
    }

    mutating func openLarge(
        _ file: TreeEntry,
        _ entry: Entry,
        attempt: Int = 1
    ) throws(FerryError) {
        let source = try file.directory.file(file.name)
        let info = source.info
        var entry = entry
        (entry.seconds, entry.nanoseconds) = (info.modified.seconds, info.modified.nanoseconds)
        let reader = SourceReader(
            source: FileAsOpened(source),
            parameters: self.parameters,
            wantsSHA256: false,
            number: self.number,
            cutsAtZeros: true
        )
        let path = file.directory.path(of: file.name)
        self.open = Open(entry: entry, path: path, file: file, info: info, reader: reader, attempt: attempt)
    }

    mutating func goOn() throws(FerryError) -> [SourceReader.Chunk] {
        var named = try self.flush()
        guard var open = self.open else { return named }
        self.open = nil
        defer { self.number = max(self.number, open.reader.number) }
        do throws(FerryError) {
            for chunk in try open.reader.next() {
                if chunk.isHole {
                    open.hole += UInt64(chunk.length)
                } else {
                    named.append(chunk)
                    try self.append(.chunk(chunk.id, length: chunk.length), to: &open, &named)
                }
            }
            guard open.reader.isAtEnd else {
                self.open = open
                return named
            }
            try open.reader.verifyUnchanged()
            try self.finish(&open, isWhole: true, &named)
        } catch {
            try self.interrupted(&open, error, &named)
        }
        return named
    }

    private mutating func append(
        _ segment: Segment?,
        to open: inout Open,
        _ named: inout [SourceReader.Chunk]
    ) throws(FerryError) {
        var nodes: [SourceReader.Chunk] = []
        let number = self.number
        let emit = { (node: Node) throws(FerryError) -> ChunkID in Self.emit(node, number, &nodes) }
        if open.hole > 0 { try open.recipe.append(.hole(open.hole), emit) }
        open.hole = 0
        if let segment { try open.recipe.append(segment, emit) }
        named += nodes
    }

    private mutating func finish(
        _ open: inout Open,
        isWhole: Bool,
        _ named: inout [SourceReader.Chunk]
    ) throws(FerryError) {
        try self.append(nil, to: &open, &named)
        var nodes: [SourceReader.Chunk] = []
        let number = self.number
        let content = try open.recipe.finish { node throws(FerryError) in Self.emit(node, number, &nodes) }
        named += nodes
        var entry = open.entry
        entry.content = content
        entry.isIncomplete = !isWhole
        if !isWhole { self.failures.append(Self.changing(open.path)) }
        self.files += 1
        self.bytes += entry.size
        if isWhole, let info = open.info, Int64(clamping: entry.size) == info.size {
            self.states?.note(FileStates.record(entry.name, info, content, began: open.began))
        }
        try self.add(entry, isSame: false, &named)
    }

    /// A file that changed is read once more, a few times, and then marked; one that cannot be read is left out.
    private mutating func interrupted(
        _ open: inout Open,
        _ error: FerryError,
        _ named: inout [SourceReader.Chunk]
    ) throws(FerryError) {
        // Half of a stream is no backup of it.
        guard let file = open.file else { throw error }
        guard error.code == .sourceChanged else {
            self.links.forget(file)
            return self.failed(open.path, error)
        }
        guard open.attempt < Self.maximumAttempts else { return try self.finish(&open, isWhole: false, &named) }
        do throws(FerryError) {
            self.number = max(self.number, open.reader.number)
            try self.openLarge(file, open.entry, attempt: open.attempt + 1)
        } catch {
            self.links.forget(file)
            if error.code != .notFound { self.failed(open.path, error) }
        }
    }
}
