import CLinux
package import FerryErrors
import Glibc
import Synchronization

/// A regular file that is open for reading.
package final class SourceFile: ByteSource {
    /// O_NONBLOCK so that opening a FIFO does not wait for its writer; reading a regular file is as without.
    static let flags = UInt64(O_RDONLY | O_NONBLOCK | O_NOCTTY)

    /// The status when it was opened.
    package let info: FileInfo

    private let descriptor: Descriptor
    private let name: String
    private let calls: SystemCalls
    private let position = Atomic<Int64>(0)
    /// Up to where the data go in which ``skipHole()`` found it.
    private let dataEnd = Atomic<Int64>(0)

    /// Takes over an open descriptor; `name` is escaped already and serves messages.
    init(_ descriptor: consuming Descriptor, name: String, calls: SystemCalls) throws(Errno) {
        self.info = try calls.info(descriptor.raw)
        switch self.info.kind {
        case .file: break
        case .directory: throw Errno(EISDIR)
        case .symlink, .other: throw Errno(ENXIO)
        }
        // Advice only: failure changes nothing but speed.
        _ = posix_fadvise(descriptor.raw, 0, 0, POSIX_FADV_SEQUENTIAL)
        self.descriptor = descriptor
        self.name = name
        self.calls = calls
    }

    /// Opens a file of the user's own; links are followed.
    /// - Throws: `notFound`, `notAFile`, `permission` and other mapped errors.
    package convenience init(local path: String, calls: SystemCalls = .real) throws(FerryError) {
        try self.init(local: path.utf8, calls: calls)
    }

    /// Opens a file of the user's own, whose path need not be UTF-8; links are followed.
    /// - Throws: as ``init(local:calls:)-(String,_)`` does.
    package convenience init(local path: some Collection<UInt8>, calls: SystemCalls = .real) throws(FerryError) {
        let name = try CString.make(path: path)
        do throws(Errno) {
            try self.init(calls.open(name, flags: Self.flags), name: Escaping.escape(path), calls: calls)
        } catch {
            throw FerryError(error, "read", Escaping.escape(path))
        }
    }

    package var knownSize: Int64? { self.info.size }

    /// Whether its file system is known to keep a change time of its own, and to give no other file the same number meanwhile:
    /// a file that is in memory only, or on a network or in a program, may change without either saying so.
    package var tellsChanges: Bool {
        // linux/magic.h: ext2 to ext4, XFS, btrfs, F2FS, bcachefs and overlayfs; ZFS.
        [0xEF53, 0x5846_5342, 0x9123_683E, 0xF2F5_2010, 0xCA45_1A4E, 0x794C_7630, 0x2FC1_2FC1].contains(
            ferry_file_system(self.descriptor.raw)
        )
    }

    /// Reads at `offset` until `buffer` is full or the file ends.
    /// - Parameters:
    ///   - buffer: is filled from its beginning.
    ///   - offset: bytes from the beginning; never negative.
    /// - Returns: bytes read; less than `buffer.count` only at the end of the file.
    /// - Throws: `inputOutput` and other mapped errors.
    package func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(FerryError) -> Int {
        Readahead.advise(self.descriptor.raw, offset, buffer.count)
        do throws(Errno) {
            return unsafe try self.calls.preadFully(self.descriptor.raw, buffer, at: offset)
        } catch {
            throw FerryError(error, "read", self.name)
        }
    }

    package func read(into buffer: UnsafeMutableRawBufferPointer) throws(FerryError) -> Int {
        let offset = self.position.load(ordering: .relaxed)
        let dataEnd = self.dataEnd.load(ordering: .relaxed)
        let room = offset < dataEnd ? Int(clamping: dataEnd - offset) : .max
        let part = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer.prefix(room))
        let count = unsafe try self.read(into: part, at: offset)
        self.position.store(offset + Int64(count), ordering: .relaxed)
        return count
    }

    /// Lets the next read begin at `offset`.
    /// - Parameter offset: bytes from the beginning; never negative.
    package func seek(to offset: Int64) {
        self.position.store(offset, ordering: .relaxed)
        self.dataEnd.store(0, ordering: .relaxed)
    }

    package func skipHole() throws(FerryError) -> Int64 {
        let offset = self.position.load(ordering: .relaxed)
        guard offset >= self.dataEnd.load(ordering: .relaxed),
            let data = try self.nextData(from: offset, upTo: self.info.size)
        else { return 0 }
        self.dataEnd.store(data.upperBound, ordering: .relaxed)
        self.position.store(data.lowerBound, ordering: .relaxed)
        return data.lowerBound - offset
    }

    /// Where the next data lie, from `offset` on; an empty range at `end` if there are none before that.
    ///
    /// - Returns: nil if the file has no holes, or not so far on.
    private func nextData(from offset: Int64, upTo end: Int64) throws(FerryError) -> Range<Int64>? {
        guard self.info.isSparse, offset >= 0, offset < end else { return nil }
        do throws(Errno) {
            guard let data = try self.calls.nextData(self.descriptor.raw, from: offset), data.lowerBound < end else {
                return end..<end
            }
            return data
        } catch {
            // A file system that does not tell has everything read.
            guard [EINVAL, ENOSYS, EOPNOTSUPP].contains(error.code) else { throw FerryError(error, "read", self.name) }
            return offset..<end
        }
    }

    /// Whether `count` bytes at `offset` are zeros that take no space; false, too, where that is not known.
    package func hasHole(at offset: Int64, count: Int) -> Bool {
        let (end, overflow) = offset.addingReportingOverflow(Int64(count))
        guard !overflow, end <= self.info.size, let data = try? self.nextData(from: offset, upTo: end) else {
            return false
        }
        return data.lowerBound == end
    }

    /// The whole content of a small file; throws `limit` if it has more bytes than that.
    func readAll(limit: Int) throws(FerryError) -> [UInt8] {
        // Files of /proc have size 0, so the size is no guide.
        var bytes = [UInt8](repeating: 0, count: 4096)
        var count = 0
        while true {
            let offset = count
            var span = bytes.mutableSpan
            // SAFETY: offset is at most the array's count; the pointer does not leave the closure.
            count += unsafe try span.withUnsafeMutableBytes { buffer throws(FerryError) in
                let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[offset...])
                return unsafe try self.read(into: rest, at: Int64(offset))
            }
            guard count <= limit else {
                throw FerryError(.tooLarge, "\(self.name) is larger than \(limit) bytes")
            }
            if count < bytes.count { break }
            bytes.append(contentsOf: repeatElement(0, count: bytes.count))
        }
        bytes.removeLast(bytes.count - count)
        return bytes
    }

    /// Makes durable what the file holds.
    /// - Throws: `inputOutput`, `noSpace` and other mapped errors.
    func sync() throws(FerryError) {
        do throws(Errno) { try self.calls.fsync(self.descriptor.raw) } catch {
            throw FerryError(error, "sync", self.name)
        }
    }

    /// Gives the file a mode.
    /// - Parameter mode: permission bits, as they are to be.
    /// - Throws: `permission` and other mapped errors.
    func setMode(_ mode: UInt32) throws(FerryError) {
        do throws(Errno) { try self.calls.fchmod(self.descriptor.raw, to: mode) } catch {
            throw FerryError(error, "change the mode of", self.name)
        }
    }

    /// Checks that the file is the version that was opened, for a sender to call when it has read everything.
    /// - Throws: `sourceChanged` if size, times or name count differ; mapped errors.
    package func verifyUnchanged() throws(FerryError) {
        let now: FileInfo
        do throws(Errno) {
            now = try self.calls.info(self.descriptor.raw)
        } catch {
            throw FerryError(error, "read", self.name)
        }
        guard now.isSameVersion(as: self.info) else {
            throw FerryError(
                .sourceChanged,
                "\(self.name) changed while it was read",
                remedy: "send it again when nothing writes to it, or send a snapshot of it"
            )
        }
    }
}
