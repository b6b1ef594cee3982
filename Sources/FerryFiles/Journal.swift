import CLinux
package import FerryErrors
import Glibc

/// A file of the user's own that outlives its process: it is read from its start, cut where it stops making sense, and
/// appended to. Nothing in it is synced, so its reader must recognise damage; one process at a time has it.
package final class Journal: Sendable {
    private let directory: Descriptor
    private let name: [CChar]
    private let file: Descriptor
    private let path: String
    private let calls: SystemCalls

    /// Opens the journal, which is empty if it did not exist.
    /// - Parameters:
    ///   - directory: made with mode 0700 if it is missing.
    ///   - name: of the file in it.
    ///   - maximumAge: seconds after which other journals there, not written to since, are removed.
    ///   - calls: for tests.
    /// - Throws: `locked` if another process has it; `permission`, `noSpace` and other mapped errors.
    package init(
        in directory: String,
        name: String,
        maximumAge: Int64,
        calls: SystemCalls = .real
    ) throws(FerryError) {
        self.path = Escaping.escape(directory + "/" + name)
        self.calls = calls
        try Directories.makePrivate(directory, calls: calls)
        do throws(Errno) {
            self.directory = try Directories.open(directory, calls: calls)
            self.name = CString.make(name.utf8)
            self.file = try calls.openat2(
                self.directory.raw,
                self.name,
                flags: UInt64(O_RDWR | O_CREAT),
                mode: 0o600,
                resolve: .beneathWithoutLinks
            )
            guard flock(self.file.raw, LOCK_EX | LOCK_NB) == 0 else { throw Errno(errno) }
            // Whoever had it before may have removed the file that was opened here.
            let (own, named) = (try calls.info(self.file.raw), try calls.info(self.directory.raw, self.name))
            guard own.inode == named.inode else { throw Errno(EWOULDBLOCK) }
            try Self.sweep(directory, writtenBefore: Int64(time(nil)) - maximumAge, calls: calls)
        } catch {
            guard error.code == EWOULDBLOCK else { throw FerryError(error, "open", self.path) }
            throw FerryError(.locked, "\(self.path) is in use by another process")
        }
    }

    private static func sweep(_ path: String, writtenBefore limit: Int64, calls: SystemCalls) throws(Errno) {
        let directory = try Directories.open(path, calls: calls)
        var reader = DirectoryReader(try Directories.open(path, calls: calls), calls: calls)
        while let name = try reader.next() {
            guard let info = try reader.info(name), info.kind == .file, info.modified.seconds < limit else { continue }
            try calls.unlinkat(directory.raw, CString.make(name))
        }
    }

    /// Reads what lies at `offset`.
    /// - Parameters:
    ///   - count: bytes wanted.
    ///   - offset: bytes from the start.
    /// - Returns: fewer only at the end.
    /// - Throws: `inputOutput` and other mapped errors.
    package func read(_ count: Int, at offset: Int64) throws(FerryError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        do throws(Errno) {
            var span = bytes.mutableSpan
            // SAFETY: the pointer does not leave the closure.
            let read = try unsafe span.withUnsafeMutableBytes { buffer throws(Errno) in
                unsafe try self.calls.preadFully(self.file.raw, buffer, at: offset)
            }
            bytes.removeLast(count - read)
            return bytes
        } catch {
            throw FerryError(error, "read", self.path)
        }
    }

    /// Writes at `offset`, which is where what makes sense ends.
    /// - Throws: `noSpace`, `inputOutput` and other mapped errors.
    package func write(_ bytes: [UInt8], at offset: Int64) throws(FerryError) {
        do throws(Errno) {
            // SAFETY: the pointer does not leave the closure.
            try unsafe bytes.span.withUnsafeBytes { buffer throws(Errno) in
                unsafe try self.calls.pwriteFully(self.file.raw, buffer, at: offset)
            }
        } catch {
            throw FerryError(error, "write", self.path)
        }
    }

    /// Cuts off what lies from `offset` on.
    /// - Throws: `inputOutput` and other mapped errors.
    package func truncate(to offset: Int64) throws(FerryError) {
        do throws(Errno) { try self.calls.ftruncate(self.file.raw, to: offset) } catch {
            throw FerryError(error, "write", self.path)
        }
    }

    /// Removes the file. That it cannot be is harmless: it grows old.
    package func remove() { try? self.calls.unlinkat(self.directory.raw, self.name) }
}
