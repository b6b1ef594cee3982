import CLinux
package import FerryErrors
import Glibc

/// A directory that everything is reached beneath: one held descriptor, and openat2 from there.
///
/// Symbolic links are followed while they stay inside; one that leads out, or is absolute, is `denied`, whoever made it
/// and whenever. A directory that is renamed while in use stays the same directory.
package final class RootDirectory: Sendable {
    let calls: SystemCalls
    /// Bits that new files and directories do not get.
    let umask: UInt32
    private let descriptor: Descriptor

    /// Opens the directory at `path`, a path of the machine's owner; links in it are followed.
    /// - Parameters:
    ///   - path: of the machine's owner.
    ///   - umask: permission bits that published files do not get; by default the process's own.
    ///   - calls: for tests.
    /// - Throws: `notFound`, `notADirectory`, `permission` and other mapped errors.
    package convenience init(
        path: String,
        umask: UInt32 = ProcessUmask.current,
        calls: SystemCalls = .real
    ) throws(FerryError) {
        try self.init(path: path.utf8, umask: umask, calls: calls)
    }

    /// Opens the directory at `path`, which need not be UTF-8.
    /// - Throws: as ``init(path:umask:calls:)-(String,_,_)`` does.
    package init(
        path: some Collection<UInt8>,
        umask: UInt32 = ProcessUmask.current,
        calls: SystemCalls = .real
    ) throws(FerryError) {
        let name = try CString.make(path: path)
        do throws(Errno) {
            self.descriptor = try calls.open(name, flags: ferry_o_path | ferry_o_directory)
        } catch {
            throw FerryError(error, "open the directory", Escaping.escape(path))
        }
        self.umask = umask
        self.calls = calls
    }

    /// Finds out whether openat2 works here, for a daemon to call when it starts.
    /// - Throws: `unsupported`, naming the usual cause.
    package static func probe(calls: SystemCalls = .real) throws(FerryError) {
        do throws(Errno) {
            _ = try calls.openat2(
                AT_FDCWD,
                CString.make("/".utf8),
                flags: ferry_o_path | ferry_o_directory,
                resolve: Resolution(flags: ferry_resolve_no_magiclinks)
            )
        } catch {
            guard error.code == ENOSYS || error.code == EPERM else { throw FerryError(error, "probe", "openat2") }
            throw FerryError(
                .unsupported,
                "the system refuses openat2, which keeps transfers inside their share",
                remedy: "remove RestrictSUIDSGID= and DynamicUser= from the unit and check other seccomp filters "
                    + "(they block it); the kernel must be Linux 5.6 or later",
                cause: SystemError(number: error.code)
            )
        }
    }

    /// Opens a regular file for reading. Never waits, whatever lies there.
    /// - Throws: `notFound`, `notAFile`, `denied`, `permission` and other mapped errors.
    package func openForReading(_ path: RelativePath) throws(FerryError) -> SourceFile {
        do throws(Errno) {
            let file = try self.open(path, flags: SourceFile.flags)
            return try SourceFile(file, name: path.description, calls: self.calls)
        } catch {
            throw FerryError(error, "read", path.description)
        }
    }

    /// Status of what `path` names; of the root itself if it is the root.
    /// - Parameters:
    ///   - path: may be the root.
    ///   - followSymlinks: whether a link as the last component is followed.
    /// - Returns: its status now.
    /// - Throws: `notFound`, `denied`, `permission` and other mapped errors.
    package func info(_ path: RelativePath, followSymlinks: Bool = true) throws(FerryError) -> FileInfo {
        do throws(Errno) {
            let flags = ferry_o_path | (followSymlinks ? 0 : ferry_o_nofollow)
            let file = try self.open(path, flags: flags)
            return try self.calls.info(file.raw)
        } catch {
            throw FerryError(error, "look up", path.description)
        }
    }

    /// Bytes that may still be written to the root's file system.
    /// - Throws: mapped errors.
    package func availableBytes() throws(FerryError) -> UInt64 {
        do throws(Errno) {
            return try self.calls.availableBytes(self.descriptor.raw)
        } catch {
            throw FerryError(error, "find the free space of", "the share")
        }
    }

    func open(_ path: RelativePath, flags: UInt64) throws(Errno) -> Descriptor {
        try self.calls.openat2(self.descriptor.raw, path.cString, flags: flags)
    }

    /// Opens a directory so that it can be listed and synced, which O_PATH does not allow.
    func openDirectory(_ path: RelativePath) throws(Errno) -> Descriptor {
        try self.open(path, flags: UInt64(O_RDONLY) | ferry_o_directory)
    }
}
