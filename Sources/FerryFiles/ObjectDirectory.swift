import CLinux
package import FerryErrors
import Glibc

/// A directory of the program's own, with files that are written once and then only read. The names are the program's too.
package final class ObjectDirectory: Sendable {
    private let calls: SystemCalls
    private let descriptor: Descriptor
    private let path: String

    /// Opens a directory.
    /// - Parameters:
    ///   - path: of the machine's owner; links are followed.
    ///   - calls: for tests.
    /// - Throws: `notFound`, `notADirectory`, `permission` and other mapped errors.
    package init(path: String, calls: SystemCalls = .real) throws(FerryError) {
        (self.path, self.calls) = (path, calls)
        _ = try CString.make(path: path)
        do throws(Errno) { self.descriptor = try Directories.open(path, calls: calls) } catch {
            throw FerryError(error, "open the directory", Escaping.escape(path))
        }
    }

    private init(_ descriptor: consuming Descriptor, path: String, calls: SystemCalls) {
        (self.path, self.calls) = (path, calls)
        self.descriptor = descriptor
    }

    /// Opens a directory in this one.
    /// - Throws: `notFound`, `notADirectory` and other mapped errors.
    package func directory(_ name: String) throws(FerryError) -> ObjectDirectory {
        do throws(Errno) { return try self.open(name) } catch {
            throw FerryError(error, "open the directory", self.shown(name))
        }
    }

    private func open(_ name: String) throws(Errno) -> ObjectDirectory {
        let child = try self.calls.openat2(
            self.descriptor.raw,
            CString.make(name.utf8),
            flags: UInt64(O_RDONLY) | ferry_o_directory,
            resolve: .beneathWithoutLinks
        )
        return ObjectDirectory(child, path: self.path + "/" + name, calls: self.calls)
    }

    /// Makes a directory in this one, durably, unless it is there.
    /// - Throws: `notADirectory`, `noSpace`, `permission` and other mapped errors.
    package func makeDirectory(_ name: String) throws(FerryError) -> ObjectDirectory {
        do throws(Errno) {
            do throws(Errno) {
                try self.calls.mkdirat(self.descriptor.raw, CString.make(name.utf8), mode: 0o700)
            } catch  where error.code == EEXIST {}
            // One that is there may have been made a moment before the last process ended.
            try self.calls.fsync(self.descriptor.raw)
            return try self.open(name)
        } catch {
            throw FerryError(error, "make the directory", self.shown(name))
        }
    }

    /// Makes a new file, with mode 0600, to be written.
    /// - Throws: `exists`, `noSpace`, `permission` and other mapped errors.
    package func create(_ name: String) throws(FerryError) -> ObjectFile {
        do throws(Errno) {
            let file = try self.calls.openat2(
                self.descriptor.raw,
                CString.make(name.utf8),
                flags: UInt64(O_WRONLY | O_CREAT | O_EXCL),
                mode: 0o600,
                resolve: .beneathWithoutLinks
            )
            return ObjectFile(file, path: self.shown(name), calls: self.calls)
        } catch {
            throw FerryError(error, "write", self.shown(name))
        }
    }

    /// Renames a file of this directory into another one; neither is synced.
    /// - Throws: mapped errors.
    package func move(_ name: String, to other: ObjectDirectory, as newName: String) throws(FerryError) {
        do throws(Errno) {
            try self.calls.renameat(
                self.descriptor.raw,
                CString.make(name.utf8),
                to: other.descriptor.raw,
                CString.make(newName.utf8)
            )
        } catch {
            throw FerryError(error, "write", other.shown(newName))
        }
    }

    /// Makes durable which names there are.
    /// - Throws: mapped errors; what happened to the names is unknown then.
    package func sync() throws(FerryError) {
        do throws(Errno) { try self.calls.fsync(self.descriptor.raw) } catch {
            throw FerryError(error, "sync", Escaping.escape(self.path))
        }
    }

    /// Bytes of a file.
    /// - Throws: `notFound` and other mapped errors.
    package func size(_ name: String) throws(FerryError) -> UInt64 {
        do throws(Errno) {
            return UInt64(clamping: try self.calls.info(self.descriptor.raw, CString.make(name.utf8)).size)
        } catch {
            throw FerryError(error, "read", self.shown(name))
        }
    }

    /// Reads a file at `offset` until `buffer` is full or the file ends.
    /// - Parameters:
    ///   - name: of the file.
    ///   - offset: bytes from its beginning.
    ///   - buffer: is filled from its beginning.
    /// - Returns: bytes read; fewer only at the end of the file.
    /// - Throws: `notFound`, `inputOutput` and other mapped errors.
    package func read(
        _ name: String,
        at offset: UInt64,
        into buffer: UnsafeMutableRawBufferPointer
    ) throws(FerryError) -> Int {
        do throws(Errno) {
            guard let offset = Int64(exactly: offset) else { return 0 }
            let file = try self.calls.openat2(
                self.descriptor.raw,
                CString.make(name.utf8),
                flags: UInt64(O_RDONLY | O_NONBLOCK),
                resolve: .beneathWithoutLinks
            )
            return unsafe try self.calls.preadFully(file.raw, buffer, at: offset)
        } catch {
            throw FerryError(error, "read", self.shown(name))
        }
    }

    /// Tells the names of what is there, one after another, in constant memory.
    /// - Parameter body: takes each.
    /// - Throws: mapped errors, and what `body` does.
    package func list(_ body: (String) throws(FerryError) -> Void) throws(FerryError) {
        var reader: DirectoryReader
        do throws(Errno) {
            let listed = try self.calls.openat2(
                self.descriptor.raw,
                CString.dot,
                flags: UInt64(O_RDONLY) | ferry_o_directory
            )
            reader = DirectoryReader(listed, calls: self.calls)
        } catch {
            throw FerryError(error, "list", Escaping.escape(self.path))
        }
        while true {
            let name: [UInt8]?
            do throws(Errno) { name = try reader.next() } catch {
                throw FerryError(error, "list", Escaping.escape(self.path))
            }
            guard let name else { return }
            // A name that is not UTF-8 is none of the program's; shown as something that is none either.
            try body(String(decoding: name, as: UTF8.self))
        }
    }

    /// Removes a file; that there is none is success. The directory is not synced.
    /// - Throws: mapped errors.
    package func remove(_ name: String) throws(FerryError) {
        do throws(Errno) {
            try self.calls.unlinkat(self.descriptor.raw, CString.make(name.utf8))
        } catch {
            guard error.code != ENOENT else { return }
            throw FerryError(error, "remove", self.shown(name))
        }
    }

    private func shown(_ name: String) -> String { Escaping.escape(self.path + "/" + name) }
}

/// A file being written, from its beginning to its end.
package final class ObjectFile {
    private let descriptor: Descriptor
    private let path: String
    private let calls: SystemCalls
    private var length: Int64 = 0
    /// Bytes that the kernel was asked to write back.
    private var started: Int64 = 0

    init(_ descriptor: consuming Descriptor, path: String, calls: SystemCalls) {
        (self.path, self.calls) = (path, calls)
        self.descriptor = descriptor
    }

    /// - Throws: `noSpace`, `inputOutput` and other mapped errors; how much was written is unknown then.
    package func append(_ bytes: UnsafeRawBufferPointer) throws(FerryError) {
        do throws(Errno) {
            unsafe try self.calls.pwriteFully(self.descriptor.raw, bytes, at: self.length)
        } catch {
            throw FerryError(error, "write", self.path)
        }
        self.length += Int64(bytes.count)
        guard self.length - self.started >= PartialFile.writebackStep else { return }
        // A hint, so that the sync at the end is short: errors of the disk are reported by that.
        _ = ferry_start_writeback(self.descriptor.raw, self.started, self.length - self.started)
        self.started = self.length
    }

    /// Makes the bytes durable.
    /// - Throws: mapped errors; the bytes are lost then, whatever a second attempt would say.
    package func sync() throws(FerryError) {
        do throws(Errno) { try self.calls.fdatasync(self.descriptor.raw) } catch {
            throw FerryError(error, "sync", self.path)
        }
    }
}
