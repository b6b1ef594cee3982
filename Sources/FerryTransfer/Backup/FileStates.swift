import FerryChunking
import FerryErrors
import FerryFiles
import FerryObjects

/// What the files were in the last backup of the same paths: a file whose state is the same is not read again.
///
/// The file is written anew by each backup, in the order of the walk, and read beside the next one, so that memory does not grow
/// with it. It is a cache: where it makes no sense, or lies elsewhere than a walk is, files are read. Frames, numbers in big endian:
///
///     file:   "ferryst1" key:32 frame*
///     frame:  length:u32 crc32c:u32 record*
///     record: kind:u8 (1 a directory begins, 2 something else, 3 the directory ends) name state content
package final class FileStates {
    /// What is compared of a file. Only the kernel sets the last of the times.
    struct State: Equatable {
        let device: UInt64
        let inode: UInt64
        let size: Int64
        let modified: Timestamp
        let changed: Timestamp

        init(_ info: FileInfo) {
            (self.device, self.inode, self.size) = (info.device, info.inode, info.size)
            (self.modified, self.changed) = (info.modified, info.changed)
        }

        fileprivate init(_ reader: inout ByteReader) throws(FerryError) {
            self.device = try reader.varint()
            self.inode = try reader.varint()
            self.size = try reader.signed()
            self.modified = Timestamp(seconds: try reader.signed(), nanoseconds: try reader.fixed(UInt32.self))
            self.changed = Timestamp(seconds: try reader.signed(), nanoseconds: try reader.fixed(UInt32.self))
        }

        fileprivate func write(_ writer: inout ByteWriter) {
            writer.varint(self.device)
            writer.varint(self.inode)
            writer.signed(self.size)
            for time in [self.modified, self.changed] {
                writer.signed(time.seconds)
                writer.fixed(time.nanoseconds)
            }
        }
    }

    enum Record {
        case begin(name: [UInt8], State)
        /// The content of a file that was read whole; nil for whatever has none of its own.
        case other(name: [UInt8], State, Entry.Content?)
        case end

        /// - Throws: `.integrity` if it is none.
        init(_ reader: inout ByteReader) throws(FerryError) {
            switch try reader.fixed(UInt8.self) {
            case 1: self = .begin(name: try reader.counted(upTo: 255), try State(&reader))
            case 2:
                let name = try reader.counted(upTo: 255)
                let state = try State(&reader)
                self = .other(name: name, state, try Self.content(&reader))
            case 3: self = .end
            default: throw reader.damaged("a record is of no known kind")
            }
        }

        var encoded: [UInt8] {
            var writer = ByteWriter()
            switch self {
            case .begin(let name, let state):
                writer.fixed(1 as UInt8)
                writer.counted(name)
                state.write(&writer)
            case .other(let name, let state, let content):
                writer.fixed(2 as UInt8)
                writer.counted(name)
                state.write(&writer)
                Self.write(content, &writer)
            case .end: writer.fixed(3 as UInt8)
            }
            return writer.bytes
        }

        private static func write(_ content: Entry.Content?, _ writer: inout ByteWriter) {
            switch content {
            case .recipe(let id, let size):
                writer.fixed(1 as UInt8)
                writer.id(id)
                writer.varint(size)
            case .segments(let segments):
                writer.fixed(2 as UInt8)
                writer.varint(segments.count)
                for segment in segments {
                    switch segment {
                    case .hole(let length):
                        writer.varint(0)
                        writer.varint(length)
                    case .chunk(let id, let length):
                        writer.varint(length)
                        writer.id(id)
                    }
                }
            default: writer.fixed(0 as UInt8)
            }
        }

        private static func content(_ reader: inout ByteReader) throws(FerryError) -> Entry.Content? {
            switch try reader.fixed(UInt8.self) {
            case 1: return .recipe(try reader.id(), size: try reader.varint())
            case 2:
                var segments: [Segment] = []
                for _ in 0..<(try reader.varint(upTo: Entry.inlineSegments)) {
                    let length = try reader.varint(upTo: ChunkLimits.maximumLength)
                    segments.append(length == 0 ? .hole(try reader.varint()) : .chunk(try reader.id(), length: length))
                }
                return .segments(segments)
            default: return nil
            }
        }
    }

    private static let magic = Array("ferryst1".utf8)
    /// Seconds by which a file's last change must lie behind its reading: a further one within the clock's tick would leave its
    /// times as they are.
    static let margin: Int64 = 2

    private let key: ChunkID
    private var old: StatesReader?
    private let partial: PartialFile
    private var writer: StatesWriter

    /// - Parameters:
    ///   - directory: of the user's own, where these files are.
    ///   - repository: its id.
    ///   - about: what else a state counts for: paths, how files are cut.
    ///   - believes: whether what the last backup left counts.
    ///
    /// It is nil if there can be no such file: nothing but time is lost.
    package init?(in directory: String, repository: [UInt8], about: [[UInt8]], believes: Bool) {
        var writer = ByteWriter()
        writer.raw(repository)
        for text in about { writer.counted(text) }
        self.key = ChunkID.hashing(writer.bytes)
        let name = self.key.description
        guard (try? Directories.makePrivate(directory)) != nil,
            let root = try? RootDirectory(path: directory), let path = try? RelativePath(Array(name.utf8)),
            let partial = try? root.createPartial(for: path, makeParents: false)
        else { return nil }
        let head = Self.magic + Array(name.utf8)
        self.partial = partial
        self.writer = StatesWriter(partial, head: head)
        if believes, let file = try? root.openForReading(path) { self.old = StatesReader(file, head: head) }
    }

    // MARK: The walk

    /// A directory begins.
    ///
    /// - Parameters:
    ///   - name: of it; empty for the top.
    ///   - info: as it is now.
    /// - Returns: whether it was there in the last backup, with the same metadata.
    func begin(_ name: [UInt8], _ info: FileInfo) -> Bool {
        self.old?.begin(name) == State(info)
    }

    /// The directory that began last ends.
    ///
    /// - Returns: whether nothing that was in it in the last backup is gone.
    func end() -> Bool {
        self.old?.end() ?? false
    }

    /// Something else.
    ///
    /// - Returns: nil if it is not as it was in the last backup; else its content, if it has any of its own.
    func look(_ name: [UInt8], _ info: FileInfo) -> Entry.Content?? {
        guard let (state, content) = self.old?.other(name), state == State(info) else { return nil }
        return .some(content)
    }

    /// What is to be noted of something that is in the snapshot as it is on the disk.
    ///
    /// - Parameters:
    ///   - name: of it.
    ///   - info: when it was read.
    ///   - content: of a file.
    ///   - began: when reading it did.
    /// - Returns: nil if it may have changed since without its times telling.
    static func record(
        _ name: [UInt8],
        _ info: FileInfo,
        _ content: Entry.Content?,
        began: Timestamp
    ) -> Record? {
        guard info.changed.seconds.addingReportingOverflow(Self.margin).partialValue < began.seconds else { return nil }
        return .other(name: name, State(info), content)
    }

    /// Notes what the next backup may believe, in the order of the walk.
    func note(_ record: Record?) { if let record { self.writer.append(record) } }

    /// The snapshot is durable: what was noted counts from now on.
    func commit() {
        self.old = nil
        guard let size = self.writer.finish() else { return self.partial.discard() }
        // Nothing but time is lost if it cannot be kept.
        try? self.partial.publish(size: size, mode: 0o600, modified: nil)
    }

    /// There is no snapshot.
    func abandon() { self.partial.discard() }
}
