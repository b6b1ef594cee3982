import CLinux
package import FerryErrors
import Glibc

/// A file of the user's own that outlives its process: it is read from its start, cut where it stops making sense, and
/// appended to. Nothing in it is synced, so its reader must recognise damage; one process at a time has it.
package final class Journal: Sendable {
    /// Of which names consist.
    private static let letters = Set("0123456789abcdef-".utf8)

    private let directory: Descriptor
    private let name: [CChar]
    private let file: Descriptor
    private let path: String
    private let calls: SystemCalls

    /// Opens the journal, which is empty if it did not exist.
    /// - Parameters:
    ///   - directory: made with mode 0700 if it is missing.
    ///   - name: of the file in it: hexadecimal digits and dashes.
    ///   - maximumAge: seconds after which other journals there, not written to since, are removed.
    ///   - calls: for tests.
    /// - Throws: `locked` if another process has it; `permission`, also where others may write to it; `noSpace` and other mapped errors.
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
            self.directory = try calls.open(
                CString.make(directory.utf8),
                flags: UInt64(O_RDONLY) | ferry_o_directory | ferry_o_nofollow
            )
            guard try calls.info(self.directory.raw).isPrivate else { throw Errno(EPERM) }
            self.name = CString.make(name.utf8)
            self.file = try Self.take(self.directory.raw, self.name, flags: O_RDWR | O_CREAT, calls)
            // Whoever had it before may have removed the file that was opened here.
            let (own, named) = (try calls.info(self.file.raw), try calls.info(self.directory.raw, self.name))
            guard own.inode == named.inode else { throw Errno(EWOULDBLOCK) }
        } catch {
            guard error.code == EWOULDBLOCK else { throw FerryError(error, "open", self.path) }
            throw FerryError(.locked, "\(self.path) is in use by another process")
        }
        self.sweep(besides: Array(name.utf8), writtenBefore: Timestamp.now.seconds - maximumAge)
    }

    /// Opens a journal for this process alone. One that others may have written to, or that has another name elsewhere, is none.
    private static func take(
        _ directory: Int32,
        _ name: [CChar],
        flags: Int32,
        _ calls: SystemCalls
    ) throws(Errno) -> Descriptor {
        let file = try calls.openat2(
            directory,
            name,
            flags: UInt64(flags | O_NONBLOCK),
            mode: flags & O_CREAT == 0 ? 0 : 0o600,
            resolve: .beneathWithoutLinks
        )
        let info = try calls.info(file.raw)
        guard info.kind == .file, info.isPrivate, info.links <= 1 else { throw Errno(EPERM) }
        guard flock(file.raw, LOCK_EX | LOCK_NB) == 0 else { throw Errno(errno) }
        return file
    }

    /// Removes old journals that nobody has; what looks like none stays, and what fails is left for the next time.
    private func sweep(besides own: [UInt8], writtenBefore limit: Int64) {
        guard
            let listed = try? self.calls.openat2(
                self.directory.raw,
                CString.dot,
                flags: UInt64(O_RDONLY) | ferry_o_directory
            )
        else { return }
        var reader = DirectoryReader(listed, calls: self.calls)
        while let name = (try? reader.next()) ?? nil {
            guard name != own, name.allSatisfy({ Self.letters.contains($0) }),
                let info = (try? reader.info(name)) ?? nil, info.modified.seconds < limit,
                (try? Self.take(self.directory.raw, CString.make(name), flags: O_RDWR, self.calls)) != nil
            else { continue }
            try? self.calls.unlinkat(self.directory.raw, CString.make(name))
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

    /// Empties the file and removes it. That it cannot be removed is harmless: it grows old.
    package func remove() {
        try? self.calls.ftruncate(self.file.raw, to: 0)
        guard let own = try? self.calls.info(self.file.raw),
            let named = try? self.calls.info(self.directory.raw, self.name), own.inode == named.inode
        else { return }
        try? self.calls.unlinkat(self.directory.raw, self.name)
    }
}

extension FileInfo {
    /// Whether nobody but this process's user may write to it.
    fileprivate var isPrivate: Bool { self.isOurs && self.mode & 0o022 == 0 }
}
