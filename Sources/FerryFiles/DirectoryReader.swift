import CLinux
import Glibc

/// Reads the names of one directory through a buffer of fixed size.
struct DirectoryReader: ~Copyable {
    private static let bufferSize = 32 * 1024
    /// struct linux_dirent64: inode, offset, record length (u16 at 16), kind, name with NUL (at 19).
    private static let lengthOffset = 16
    private static let kindOffset = 18
    private static let nameOffset = 19
    /// dirent.h's DT_UNKNOWN and DT_DIR.
    private static let unknownKind: UInt8 = 0
    private static let directoryKind: UInt8 = 4

    private let directory: Descriptor
    private let calls: SystemCalls
    private var buffer = [UInt8](repeating: 0, count: DirectoryReader.bufferSize)
    private var position = 0
    private var end = 0
    /// Whether the entry that was read last may be a directory; some file systems do not tell.
    private(set) var mayBeDirectory = false

    init(_ directory: consuming Descriptor, calls: SystemCalls) {
        self.directory = directory
        self.calls = calls
    }

    /// The next name but "." and ".."; nil at the end.
    mutating func next() throws(Errno) -> [UInt8]? {
        while true {
            if self.position >= self.end {
                try self.fill()
                if self.end == 0 { return nil }
            }
            guard let name = self.take() else { throw Errno(EIO) }
            if !name.elementsEqual(".".utf8), !name.elementsEqual("..".utf8) { return name }
        }
    }

    /// The status of an entry; nil if it is gone.
    func info(_ name: [UInt8]) throws(Errno) -> FileInfo? {
        do throws(Errno) {
            return try self.calls.info(self.directory.raw, CString.make(name))
        } catch  where error.code == ENOENT {
            return nil
        }
    }

    /// What a link says; nil if it is gone, or no link any more.
    func linkText(_ name: [UInt8]) throws(Errno) -> [UInt8]? {
        do throws(Errno) {
            return try self.calls.readlinkat(self.directory.raw, CString.make(name))
        } catch  where [ENOENT, EINVAL].contains(error.code) {
            return nil
        }
    }

    /// Opens a directory that was listed, unless it is a link; nil if it is none, is gone, or may not be read.
    func descend(_ name: [UInt8]) throws(Errno) -> DirectoryReader? {
        do throws(Errno) {
            let directory = try self.calls.openat2(
                self.directory.raw,
                CString.make(name),
                flags: UInt64(O_RDONLY) | ferry_o_directory | ferry_o_nofollow,
                resolve: .beneathWithoutLinks
            )
            return DirectoryReader(directory, calls: self.calls)
        } catch  where [ENOENT, ENOTDIR, ELOOP, EACCES, EPERM, EXDEV].contains(error.code) {
            return nil
        }
    }

    /// Removes a partial file that was listed, unless a transfer has it or wrote to it since `before`.
    func removePartial(_ name: [UInt8], before: Int64) throws(Errno) -> Bool {
        try PartialName.remove(CString.make(name), self.directory.raw, self.calls, before: before)
    }

    private mutating func fill() throws(Errno) {
        self.position = 0
        self.end = 0
        let (directory, calls) = (self.directory.raw, self.calls)
        // SAFETY: the pointer does not leave the closure.
        var span = self.buffer.mutableSpan
        let end = unsafe try span.withUnsafeMutableBytes { bytes throws(Errno) in
            unsafe try calls.getdents(directory, bytes)
        }
        self.end = end
    }

    /// Takes one record from the buffer; nil if it is malformed, which a broken FUSE file system might send.
    private mutating func take() -> [UInt8]? {
        let start = self.position
        guard self.end - start > Self.nameOffset else { return nil }
        // The kernel writes the length in the machine's byte order; every target of ours is little-endian.
        let length =
            Int(self.buffer[start + Self.lengthOffset]) | Int(self.buffer[start + Self.lengthOffset + 1]) << 8
        guard length > Self.nameOffset, length <= self.end - start else { return nil }
        self.position = start + length
        self.mayBeDirectory = [Self.unknownKind, Self.directoryKind].contains(self.buffer[start + Self.kindOffset])
        return Array(self.buffer[(start + Self.nameOffset)..<(start + length)].prefix { $0 != 0 })
    }
}
