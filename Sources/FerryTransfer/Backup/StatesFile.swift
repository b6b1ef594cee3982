import FerryChunking
import FerryErrors
import FerryFiles
import FerryObjects

/// Writes records in frames.
struct StatesWriter {
    private static let frameLength = 256 << 10

    private let file: PartialFile
    private var place: Int64
    private var frame: [UInt8] = []
    private var hasFailed = false

    init(_ file: PartialFile, head: [UInt8]) {
        self.file = file
        self.place = 0
        self.write(head)
    }

    mutating func append(_ record: FileStates.Record) {
        self.frame += record.encoded
        if self.frame.count >= Self.frameLength { self.flush() }
    }

    /// Writes what is left.
    ///
    /// - Returns: bytes of the file; nil if it could not be written.
    mutating func finish() -> Int64? {
        self.flush()
        return self.hasFailed ? nil : self.place
    }

    private mutating func flush() {
        guard !self.frame.isEmpty else { return }
        var writer = ByteWriter()
        writer.fixed(UInt32(self.frame.count))
        writer.fixed(Checksum.crc32c(self.frame))
        self.write(writer.bytes + self.frame)
        self.frame = []
    }

    private mutating func write(_ bytes: [UInt8]) {
        guard !self.hasFailed else { return }
        let (file, place) = (self.file, self.place)
        do throws(FerryError) {
            // SAFETY: the pointer does not leave the closure.
            try unsafe bytes.span.withUnsafeBytes { buffer throws(FerryError) in
                unsafe try file.write(buffer, at: place)
            }
            self.place += Int64(bytes.count)
        } catch {
            self.hasFailed = true
        }
    }
}

/// Reads records beside a walk, in whose order they are. Once they make no sense, there are none.
struct StatesReader {
    private static let maximumFrame = 1 << 20

    private let file: SourceFile
    private var place: Int64
    private var frame = ByteReader([UInt8](), "a file of states")
    private var next: FileStates.Record?
    /// Directories of the walk, from the top, that are not in the file; 0 while the walk is where the file is.
    private var strayed = 0
    /// Of each directory that the walk and the file are in: whether something of it was passed over.
    private var hasMissed: [Bool] = []

    /// It is nil if the file is not of this kind.
    init?(_ file: SourceFile, head: [UInt8]) {
        self.file = file
        self.place = Int64(head.count)
        guard Self.read(file, head.count, at: 0) == head else { return nil }
        self.advance()
    }

    /// The walk enters a directory.
    ///
    /// - Returns: its state; nil if it is not there.
    mutating func begin(_ name: [UInt8]) -> FileStates.State? {
        guard self.strayed == 0 else {
            self.strayed += 1
            return nil
        }
        self.pass(before: name)
        guard case .begin(name, let state) = self.next else {
            self.strayed = 1
            return nil
        }
        self.advance()
        self.hasMissed.append(false)
        return state
    }

    /// What is known of something that is no directory.
    mutating func other(_ name: [UInt8]) -> (FileStates.State, Entry.Content?)? {
        guard self.strayed == 0 else { return nil }
        self.pass(before: name)
        guard case .other(name, let state, let content) = self.next else { return nil }
        self.advance()
        return (state, content)
    }

    /// The walk leaves a directory.
    ///
    /// - Returns: whether it is in the file, and nothing of it was passed over.
    mutating func end() -> Bool {
        guard self.strayed == 0 else {
            self.strayed -= 1
            return false
        }
        self.pass(before: nil)
        let hasMissed = self.hasMissed.popLast() ?? true
        guard case .end = self.next else { return false }
        self.advance()
        return !hasMissed
    }

    /// Passes over what lies before a name in the directory; all that is left of it for nil.
    private mutating func pass(before name: [UInt8]?) {
        var depth = 0
        while let next = self.next {
            switch next {
            case .begin(let found, _):
                if depth == 0, let name, !found.lexicographicallyPrecedes(name) { return }
                depth += 1
            case .other(let found, _, _):
                if depth == 0, let name, !found.lexicographicallyPrecedes(name) { return }
            case .end:
                guard depth > 0 else { return }
                depth -= 1
            }
            if !self.hasMissed.isEmpty { self.hasMissed[self.hasMissed.count - 1] = true }
            self.advance()
        }
    }

    private mutating func advance() {
        do throws(FerryError) {
            if self.frame.isAtEnd, !(try self.readFrame()) {
                self.next = nil
                return
            }
            self.next = try FileStates.Record(&self.frame)
        } catch {
            self.next = nil
            self.frame = ByteReader([UInt8](), "a file of states")
            self.place = .max
        }
    }

    private mutating func readFrame() throws(FerryError) -> Bool {
        guard self.place < .max, let head = Self.read(self.file, 8, at: self.place) else { return false }
        var reader = ByteReader(head, "a file of states")
        let (length, sum) = (Int(try reader.fixed(UInt32.self)), try reader.fixed(UInt32.self))
        guard length > 0, length <= Self.maximumFrame, let frame = Self.read(self.file, length, at: self.place + 8),
            Checksum.crc32c(frame) == sum
        else { throw reader.damaged("a frame's sum differs") }
        self.place += Int64(8 + length)
        self.frame = ByteReader(frame, "a file of states")
        return true
    }

    private static func read(_ file: SourceFile, _ count: Int, at place: Int64) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        var span = bytes.mutableSpan
        let read = unsafe try? span.withUnsafeMutableBytes { buffer throws(FerryError) in
            unsafe try file.read(into: buffer, at: place)
        }
        return read == count ? bytes : nil
    }
}
