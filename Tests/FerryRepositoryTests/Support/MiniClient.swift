import FerryCatalog
import FerryChunking
import FerryErrors
import FerryObjects
import FerryRepository

/// What is backed up in tests.
indirect enum TestTree: Equatable {
    case file([UInt8])
    case link([UInt8])
    case directory([[UInt8]: TestTree])

    /// A directory of named things.
    static func named(_ things: KeyValuePairs<String, TestTree>) -> TestTree {
        .directory(Dictionary(things.map { (Array($0.key.utf8), $0.value) }) { _, last in last })
    }
}

/// A client in miniature: cuts files at fixed lengths, asks, and sends what is lacked, children first.
struct MiniClient {
    /// nil for finding out ids only.
    private let writer: RepositoryWriter?
    /// Bytes of a chunk.
    var chunkLength = 1000
    /// Raw bytes of a block.
    var blockLength = 8000
    /// Whether it asks before it sends.
    var asks = true
    private(set) var sent = 0
    private var pending: [ObjectKind: [[UInt8]]] = [:]
    private let compressor = BlockCompressor()

    init(_ writer: RepositoryWriter? = nil) { self.writer = writer }

    /// Backs a tree up and commits it.
    mutating func backUp(_ tree: TestTree, note: SnapshotNote = SnapshotNote()) throws(FerryError) -> ChunkID {
        guard case .directory(let things) = tree else { throw FerryError(.usage, "the top is no directory") }
        let root = try self.directory(things)
        try self.send(.data)
        try self.send(.node)
        guard let writer = self.writer else { return root }
        return try writer.commit(root: root, rest: note.encoded)
    }

    /// Sends a directory, unless it is there: the client remembers what it read, and so asks for the whole before its parts.
    mutating func directory(_ things: [[UInt8]: TestTree]) throws(FerryError) -> ChunkID {
        if let writer = self.writer, self.asks {
            var dry = MiniClient()
            dry.chunkLength = self.chunkLength
            let id = try dry.directory(things)
            if try writer.has([ObjectKey(.node, id)]) == [true] { return id }
        }
        var builder = DirectoryBuilder()
        for (name, thing) in things.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
            let (mode, content): (UInt32, Entry.Content) =
                switch thing {
                case .file(let bytes): (0o100644, try self.file(bytes))
                case .link(let target): (0o120777, .link(target))
                case .directory(let things): (0o040755, .directory(try self.directory(things)))
                }
            let entry = Entry(name: name, mode: mode, seconds: 1_700_000_000, nanoseconds: 7, content: content)
            try builder.append(entry) { node throws(FerryError) in try self.put(.node, node.encoded) }
        }
        return try builder.finish { node throws(FerryError) in try self.put(.node, node.encoded) }
    }

    mutating func file(_ bytes: [UInt8]) throws(FerryError) -> Entry.Content {
        var builder = RecipeBuilder()
        var rest = bytes[...]
        while !rest.isEmpty {
            let chunk = Array(rest.prefix(self.chunkLength))
            rest = rest.dropFirst(chunk.count)
            let id = try self.put(.data, chunk)
            try builder.append(.chunk(id, length: chunk.count)) { node throws(FerryError) in
                try self.put(.node, node.encoded)
            }
        }
        return try builder.finish { node throws(FerryError) in try self.put(.node, node.encoded) }
    }

    /// Sends an object, sooner or later.
    mutating func put(_ kind: ObjectKind, _ bytes: [UInt8]) throws(FerryError) -> ChunkID {
        let id = ChunkID.hashing(bytes)
        guard let writer = self.writer else { return id }
        if self.asks, try writer.has([ObjectKey(kind, id)]) == [true] { return id }
        if self.pending[kind]?.contains(bytes) == true { return id }
        let waiting = self.pending[kind, default: []].reduce(0) { $0 + $1.count }
        if waiting + bytes.count > self.blockLength { try self.send(kind) }
        self.pending[kind, default: []].append(bytes)
        return id
    }

    /// Sends what waits; nodes behind the data that they cite.
    mutating func send(_ kind: ObjectKind) throws(FerryError) {
        if kind == .node { try self.send(.data) }
        guard let objects = self.pending[kind], !objects.isEmpty else { return }
        self.pending[kind] = nil
        self.sent += objects.count
        try self.writer?.append(kind, objects, compressor: self.compressor)
    }
}

extension RepositoryWriter {
    /// Appends a block of objects, compressed if that helps.
    func append(
        _ kind: ObjectKind,
        _ objects: [[UInt8]],
        compressor: BlockCompressor? = nil
    ) throws(FerryError) {
        let parts = objects.map { BlockHeader.Part(id: ChunkID.hashing($0), length: $0.count) }
        let raw = objects.flatMap(\.self)
        var output = [UInt8](repeating: 0, count: raw.count)
        let length = raw.withUnsafeBytes { raw in
            output.withUnsafeMutableBytes { output in compressor?.compress(raw, into: output, effort: .fast) }
        }
        let body = length.map { Array(output.prefix($0)) } ?? raw
        try body.span.withUnsafeBytes { body throws(FerryError) in
            try raw.span.withUnsafeBytes { raw throws(FerryError) in
                try self.append(kind: kind, isCompressed: length != nil, parts: parts, body: body, raw: raw)
            }
        }
    }
}

extension ObjectReader {
    /// Reads a whole tree.
    func tree(_ directory: ChunkID) throws(FerryError) -> TestTree {
        var things: [[UInt8]: TestTree] = [:]
        var cursor = self.directory(directory)
        while let entry = try cursor.next() { things[entry.name] = try self.thing(entry) }
        return .directory(things)
    }

    func thing(_ entry: Entry) throws(FerryError) -> TestTree {
        switch entry.content {
        case .directory(let id): return try self.tree(id)
        case .link(let target): return .link(target)
        default: return .file(try self.bytes(of: entry))
        }
    }

    func bytes(of entry: Entry) throws(FerryError) -> [UInt8] {
        var bytes: [UInt8] = []
        var segments = self.segments(of: entry)
        while let segment = try segments.next() {
            switch segment {
            case .chunk(let id, let length):
                let chunk = try self.read(ObjectKey(.data, id))
                guard chunk.count == length else { throw FerryError(.integrity, "a chunk is longer than told") }
                bytes += chunk
            case .hole(let length): bytes += [UInt8](repeating: 0, count: Int(length))
            }
        }
        return bytes
    }
}

extension Repository {
    /// All snapshots, the oldest first, as pages of three tell of them; backwards they are the same.
    func allSnapshots() throws(FerryError) -> [StoredSnapshot] {
        var (forwards, backwards): ([StoredSnapshot], [StoredSnapshot]) = ([], [])
        while true {
            let page = try self.snapshots(SnapshotSelection(), after: forwards.last, limit: 3)
            guard !page.isEmpty else { break }
            forwards += page
        }
        while true {
            let page = try self.snapshots(SnapshotSelection(newestFirst: true), after: backwards.last, limit: 3)
            guard !page.isEmpty else { break }
            backwards += page
        }
        guard backwards == forwards.reversed() else { throw FerryError(.integrity, "two orders differ") }
        return forwards
    }

    /// What a snapshot holds.
    func tree(_ snapshot: ChunkID) throws(FerryError) -> TestTree {
        try self.reader().tree(try self.snapshot(snapshot).root)
    }
}
