package import FerryChunking
import FerryErrors
package import FerryFiles

/// The names of a large file's chunks, remembered by whoever sends it until it has arrived: a push that was cut does not
/// read and hash again what it had named. What the receiver lacks nevertheless is read, and must still have its name.
///
/// They count for the same version of the file only, by its identity, size and both times, and if its last change was long
/// enough before it was opened that a further one could not have left the times as they are. The machine must not have been
/// started since: a power cut may take away what was read and written last, and leave the times.
///
/// The journal is a head and batches, numbers in big endian:
///
///     head:  "ferryna1" device:u64 inode:u64 size:i64 mtime:i64,u32 ctime:i64,u32 average:u32 boot:37
///     batch: count:u32 (id:32 length:u32)* seal:32
///
/// The highest bit of a length says that the chunk is a hole. A seal is the SHA-256 of the seal before, or of the head, and
/// of its batch up to there: what a lost page of the disk leaves does not count, nor what follows it.
package final class RememberedNames {
    /// A chunk as it was named.
    package struct Name: Equatable {
        package let id: ChunkID
        package let length: Int
        package let isHole: Bool

        package init(id: ChunkID, length: Int, isHole: Bool = false) {
            (self.id, self.length, self.isHole) = (id, length, isHole)
        }
    }

    /// Reads what was named, and not read.
    struct Reader: Sendable {
        fileprivate let source: SourceFile
        fileprivate let journal: Journal

        /// Reads a chunk.
        ///
        /// - Parameters:
        ///   - id: its name.
        ///   - offset: where it lies in the file, in bytes.
        ///   - buffer: of the chunk's length; is filled.
        /// - Throws: `sourceChanged` if its bytes have another name, and then the next push believes nothing; what reading
        ///   fails with.
        func read(_ id: ChunkID, at offset: Int64, into buffer: UnsafeMutableRawBufferPointer) throws(FerryError) {
            let count = unsafe try self.source.read(into: buffer, at: offset)
            guard count == buffer.count, unsafe ChunkID(hashing: UnsafeRawBufferPointer(buffer)) == id else {
                self.journal.remove()
                try self.source.verifyUnchanged()
                throw FerryError(
                    .sourceChanged,
                    "the file is not what the push that was cut had read, though its size and times are the same",
                    remedy: "run the same command again: it reads the whole file"
                )
            }
        }
    }

    /// Bytes of a file from which on its names are worth remembering: reading and hashing them takes some 10 ms.
    package static let smallestSize: Int64 = 16 << 20
    /// Seconds by which a file's last change must lie behind its opening. What a program writes into a mapped page moves no time
    /// while the page has not been written to the disk since its last change, which takes 30 s and a little.
    package static let margin: Int64 = 60
    /// Seconds after which a journal that nobody wrote to is removed, as long as the daemon keeps partial files by default.
    private static let maximumAge: Int64 = 7 * 24 * 3600
    /// Bytes of the kernel's name for the time since the machine was started, and a line end.
    private static let bootLength = 37
    private static let magic = Array("ferryna1".utf8)
    /// Names of one batch: more than a segment of the smallest chunks, or a frame, has.
    private static let batchLimit = 1 << 14
    private static let holeBit: UInt32 = 1 << 31
    private static let recordLength = ChunkID.length + 4

    let reader: Reader
    private let head: [UInt8]
    private var seal: ChunkID
    /// Bytes of the journal that make sense.
    private var end: Int64
    /// Bytes of the file that they name.
    private var position: Int64 = 0
    private var isReading = true
    /// Whether nothing more is remembered, because writing it failed.
    private var isGivenUp = false

    /// - Parameters:
    ///   - directory: of the user's own, where journals are.
    ///   - source: the file, just opened.
    ///   - parameters: how it is cut.
    ///   - now: the time.
    ///   - onAnyFileSystem: for tests, which run anywhere.
    ///   - calls: for tests.
    ///
    /// It is nil if the file is small, or has changed just now, or there can be no journal: nothing but time is lost.
    package init?(
        in directory: String,
        of source: SourceFile,
        parameters: GearChunker.Parameters,
        now: Timestamp = .now,
        onAnyFileSystem: Bool = false,
        calls: SystemCalls = .real
    ) {
        let info = source.info
        let (trusted, overflow) = info.changed.seconds.addingReportingOverflow(Self.margin)
        guard info.size >= Self.smallestSize, !overflow, now.seconds > trusted,
            onAnyFileSystem || source.tellsChanges,
            let boot = try? Directories.readFile("/proc/sys/kernel/random/boot_id", limit: 64),
            boot.count == Self.bootLength,
            let journal = try? Journal(
                in: directory,
                name: "\(String(info.device, radix: 16))-\(String(info.inode, radix: 16))",
                maximumAge: Self.maximumAge,
                calls: calls
            )
        else { return nil }
        self.reader = Reader(source: source, journal: journal)
        self.head = Self.head(info, parameters) + boot
        self.end = Int64(self.head.count)
        self.seal = Self.hash(self.head)
        guard (try? journal.read(self.head.count, at: 0)) == self.head else {
            self.isReading = false
            self.write { () throws(FerryError) in
                try journal.truncate(to: 0)
                try journal.write(self.head, at: 0)
            }
            return
        }
    }

    private static func head(_ info: FileInfo, _ parameters: GearChunker.Parameters) -> [UInt8] {
        var head = Self.magic
        head.append(info.device)
        head.append(info.inode)
        head.append(UInt64(bitPattern: info.size))
        for time in [info.modified, info.changed] {
            head.append(UInt64(bitPattern: time.seconds))
            head.append(time.nanoseconds)
        }
        head.append(parameters.cutsByContent ? UInt32(parameters.average) : 0)
        return head
    }

    private static func hash(_ bytes: [UInt8]) -> ChunkID {
        // SAFETY: the pointer does not leave the closure.
        unsafe bytes.span.withUnsafeBytes { bytes in unsafe ChunkID(hashing: bytes) }
    }

    // MARK: Reading

    /// The next names that are remembered, as many as were written together; the source is moved behind them.
    ///
    /// - Returns: nil once there are no more; what is read from then on is appended.
    package func next() -> [Name]? {
        guard self.isReading else { return nil }
        if let names = self.readBatch() {
            self.reader.source.seek(to: self.position)
            return names
        }
        self.isReading = false
        self.write { () throws(FerryError) in try self.reader.journal.truncate(to: self.end) }
        return nil
    }

    private func readBatch() -> [Name]? {
        guard let prefix = try? self.reader.journal.read(4, at: self.end), prefix.count == 4 else { return nil }
        let count = prefix.reduce(0) { $0 << 8 | Int($1) }
        guard count > 0, count <= Self.batchLimit else { return nil }
        let length = 4 + count * Self.recordLength
        guard let batch = try? self.reader.journal.read(length + ChunkID.length, at: self.end),
            batch.count == length + ChunkID.length
        else { return nil }
        let seal = self.seal(of: Array(batch[..<length]))
        guard ChunkID(bytes: batch[length...]) == seal else { return nil }
        var names: [Name] = []
        var position = self.position
        for start in stride(from: 4, to: length, by: Self.recordLength) {
            let word = batch[(start + ChunkID.length)..<(start + Self.recordLength)].reduce(UInt32(0)) {
                $0 << 8 | UInt32($1)
            }
            let length = Int(word & ~Self.holeBit)
            guard let id = ChunkID(bytes: batch[start..<(start + ChunkID.length)]),
                (1...ChunkLimits.maximumLength).contains(length)
            else { return nil }
            names.append(Name(id: id, length: length, isHole: word & Self.holeBit != 0))
            position += Int64(length)
        }
        guard position <= self.reader.source.info.size else { return nil }
        self.position = position
        self.end += Int64(batch.count)
        self.seal = seal
        return names
    }

    private func seal(of batch: [UInt8]) -> ChunkID {
        var sealed: [UInt8] = []
        sealed.reserveCapacity(ChunkID.length + batch.count)
        self.seal.append(to: &sealed)
        return Self.hash(sealed + batch)
    }

    // MARK: Writing

    /// Remembers the names of what was read last.
    package func append(_ names: [Name]) {
        guard !names.isEmpty, !self.isGivenUp, !self.isReading else { return }
        guard names.count <= Self.batchLimit else { return self.forget() }
        var batch: [UInt8] = []
        batch.reserveCapacity(4 + names.count * Self.recordLength + ChunkID.length)
        batch.append(UInt32(names.count))
        for name in names {
            name.id.append(to: &batch)
            batch.append(UInt32(name.length) | (name.isHole ? Self.holeBit : 0))
        }
        let seal = self.seal(of: batch)
        seal.append(to: &batch)
        self.write { () throws(FerryError) in
            try self.reader.journal.write(batch, at: self.end)
            self.end += Int64(batch.count)
            self.seal = seal
        }
    }

    /// Whatever fails here costs only time.
    private func write(_ body: () throws(FerryError) -> Void) {
        do throws(FerryError) { try body() } catch { self.forget() }
    }

    /// The file has arrived, or the names are wrong.
    func forget() {
        self.isGivenUp = true
        self.reader.journal.remove()
    }
}

extension [UInt8] {
    fileprivate mutating func append<Number: FixedWidthInteger>(_ number: Number) {
        for shift in stride(from: Number.bitWidth - 8, through: 0, by: -8) {
            self.append(UInt8(truncatingIfNeeded: number >> shift))
        }
    }
}
