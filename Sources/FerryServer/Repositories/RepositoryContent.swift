import FerryChunking
import FerryErrors
import FerryFiles
import FerryObjects
import FerryRepository
import FerryTransfer

/// One snapshot, as what is sent of it is read.
final class RepositoryContent: SnapshotContent {
    private let reader: ObjectReader
    private let directories: OpenDirectories
    /// The snapshot's top, of which nothing is kept but what lies in it.
    private let top: Entry
    private var edge: EdgeBlock?
    /// What the snapshot is called in messages.
    private let name: String

    init(_ repository: Repository, _ stored: StoredSnapshot) {
        let snapshot = stored.snapshot
        self.name = "the snapshot \(stored.id.description.prefix(8))"
        self.reader = repository.reader()
        self.directories = OpenDirectories(self.reader)
        self.top = Entry(
            name: [],
            mode: 0o040755,
            seconds: snapshot.seconds,
            nanoseconds: snapshot.nanoseconds,
            content: .directory(snapshot.root)
        )
    }

    /// - Parameters:
    ///   - reader: shared with other snapshots that are read at the same time.
    ///   - root: the node of the snapshot's top.
    init(_ reader: ObjectReader, root: ChunkID) {
        self.name = "the snapshot"
        self.reader = reader
        self.directories = OpenDirectories(reader)
        self.top = Entry(name: [], mode: 0o040755, seconds: 0, nanoseconds: 0, content: .directory(root))
    }

    func entries(of directory: ChunkID) throws(FerryError) -> NextEntry {
        let open = self.directories.open(directory)
        return { () throws(FerryError) in try open.next() }
    }

    func checkParts(of directory: ChunkID) throws(FerryError) { try self.reader.checkParts(of: directory) }

    func segments(of entry: Entry) throws(FerryError) -> NextSegment {
        var cursor = self.reader.segments(of: entry)
        return { () throws(FerryError) in try cursor.next() }
    }

    func read(_ chunk: ChunkID) throws(FerryError) -> [UInt8] { try self.reader.read(ObjectKey(.data, chunk)) }

    func read(
        _ chunks: [(id: ChunkID, length: Int)],
        into output: UnsafeMutableRawBufferPointer
    ) -> [FerryError?] {
        unsafe self.reader.read(chunks, into: output)
    }

    func parts(of chunks: [(id: ChunkID, length: Int)]) -> [BlockPart?] {
        self.reader.parts(of: chunks, after: &self.edge)
    }

    func entry(at path: [UInt8]) throws(FerryError) -> Entry {
        var entry = self.top
        let components = path.split(separator: UInt8(ascii: "/"))
        // A further name may cite a path of any length, and each step reads a directory.
        guard components.count <= TreeWalk.maximumDepth else {
            throw FerryError(
                .tooLarge,
                "\(Escaping.escape(path.prefix(256)))… lies more than \(TreeWalk.maximumDepth) directories deep"
            )
        }
        for component in components {
            guard case .directory(let node) = entry.content else {
                throw FerryError(
                    .notADirectory,
                    "\(Escaping.escape(path)) leads through what is no directory in \(self.name)"
                )
            }
            guard let next = try self.reader.entry(Array(component), in: node) else {
                throw FerryError(.notFound, "\(Escaping.escape(path)) is not in \(self.name)")
            }
            entry = next
        }
        return entry
    }
}
