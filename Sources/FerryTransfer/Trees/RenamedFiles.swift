import FerryChunking
import FerryErrors
import FerryFiles

/// Files of the target tree that may be what the sender tells of under another name: of the same size and time of modification.
///
/// The tree is walked only as far as what is new is worth it, and what is found is kept on disk. A candidate is a hint: its bytes
/// are read and hashed before they count.
final class RenamedFiles {
    /// Bytes of new files from which on it pays to walk the tree.
    private static let worthwhile: UInt64 = 1 << 20
    /// Bytes of new files for which one entry more is walked. One takes some 13 µs, as long as 512 bytes at 40 MB/s; with fewer
    /// entries the first files of a renamed directory came before their old names were found.
    private static let bytesOfEntry: UInt64 = 512
    /// Entries walked before others get their turn.
    private static let step = 1000
    /// Candidates that are tried for one file.
    private static let attempts = 4

    private enum State {
        case waiting
        /// As far as so many entries.
        case walking(TreeWalk, FileTable, walked: UInt64)
        case ready(FileTable)
        /// There is nothing to be found, or it may not be looked at.
        case useless
    }

    private let top: OpenDirectory
    private var state: State
    /// Where the last candidate lay: the next one mostly lies there too.
    private var last: (path: [UInt8], directory: OpenDirectory)?

    /// - Parameters:
    ///   - top: of the target tree, before anything comes.
    ///   - mayRead: whether what is here may be read.
    init(_ top: OpenDirectory, mayRead: Bool) {
        self.top = top
        self.state = mayRead ? .waiting : .useless
    }

    /// Of all files that are needed and have no older version here.
    private var newBytes: UInt64 = 0

    /// A file is needed that has no older version here.
    func expect(_ bytes: UInt64) {
        let (sum, overflow) = self.newBytes.addingReportingOverflow(bytes)
        self.newBytes = overflow ? .max : sum
        guard case .waiting = self.state, self.newBytes >= Self.worthwhile else { return }
        // Without a table all is sent, as it would be to an empty directory.
        let table = try? FileTable(beside: self.top)
        self.state = table.map { .walking(TreeWalk(self.top, staysOnFileSystem: true), $0, walked: 0) } ?? .useless
    }

    /// Whether the tree is to be walked on before more is decided.
    var isWalking: Bool {
        if case .walking(_, _, let walked) = self.state { walked < self.newBytes / Self.bytesOfEntry } else { false }
    }

    /// Walks on.
    func walk() {
        guard case .walking(let walk, let table, let walked) = self.state else { return }
        do throws(FerryError) {
            for _ in 0..<Self.step {
                guard let step = try walk.next() else {
                    self.state = table.count > 0 ? .ready(table) : .useless
                    return
                }
                guard case .entry(let entry) = step, entry.info.kind == .file, entry.info.size > 0 else { continue }
                let path = entry.directory.path(of: entry.name)
                try table.insert(path, size: entry.info.size, modified: entry.info.modified)
            }
            self.state = .walking(walk, table, walked: walked + UInt64(Self.step))
        } catch {
            self.state = .useless
        }
    }

    private var table: FileTable? {
        switch self.state {
        case .walking(_, let table, _), .ready(let table): table
        case .waiting, .useless: nil
        }
    }

    /// A file here that begins with a chunk and has a size and a time.
    ///
    /// - Parameters:
    ///   - file: that is needed.
    ///   - first: its first chunk.
    ///   - length: of that, in bytes.
    /// - Returns: that file, open, or nil.
    func candidate(for file: IncomingFile, first: ChunkID, length: Int) -> SourceFile? {
        guard let table = self.table, let size = Int64(exactly: file.listedSize),
            let paths = try? table.files(file.name, size: size, modified: file.modified)
        else { return nil }
        for path in paths.prefix(Self.attempts) {
            guard let found = self.open(path), found.info.size == size, found.chunk(first, length, at: 0) != nil
            else { continue }
            return found
        }
        return nil
    }

    private func open(_ path: [UInt8]) -> SourceFile? {
        let cut = path.lastIndex(of: UInt8(ascii: "/"))
        let parent = cut.map { Array(path[..<$0]) } ?? []
        let name = cut.map { Array(path[($0 + 1)...]) } ?? path
        if self.last?.path != parent {
            guard let directory = cut == nil ? self.top : try? self.top.parent(of: path).directory else { return nil }
            self.last = (parent, directory)
        }
        return try? self.last?.directory.file(name)
    }
}

extension SourceFile {
    /// The chunk, if it lies there.
    ///
    /// - Parameters:
    ///   - id: its name.
    ///   - length: in bytes.
    ///   - offset: in bytes from the file's start.
    /// - Returns: its bytes; nil if there is something else.
    func chunk(_ id: ChunkID, _ length: Int, at offset: UInt64) -> [UInt8]? {
        guard let offset = Int64(exactly: offset) else { return nil }
        var bytes = [UInt8](repeating: 0, count: length)
        var span = bytes.mutableSpan
        let isSame = unsafe span.withUnsafeMutableBytes { buffer in
            guard let count = try? unsafe self.read(into: buffer, at: offset), count == length else { return false }
            return unsafe ChunkID(hashing: UnsafeRawBufferPointer(buffer)) == id
        }
        return isSame ? bytes : nil
    }
}
