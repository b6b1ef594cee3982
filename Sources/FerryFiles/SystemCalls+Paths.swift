import CLinux
import Glibc

/// How openat2 may walk a path.
struct Resolution: Sendable {
    let flags: UInt64

    /// Links are followed as long as they stay below the directory; /proc's magic links never.
    static let beneath = Resolution(flags: ferry_resolve_beneath | ferry_resolve_no_magiclinks)
    /// As ``beneath``, and no link at all: for names of our own making.
    static let beneathWithoutLinks = Resolution(
        flags: ferry_resolve_beneath | ferry_resolve_no_magiclinks | ferry_resolve_no_symlinks
    )
}

// Calls on a name in an open directory. Names are C strings with their NUL.
extension SystemCalls {
    /// How often openat2 is repeated when a rename elsewhere made the kernel unsure of its answer (EAGAIN).
    private static let maximumAttempts = 128

    /// Opens `path` below `directory` with open(2)'s `flags`; the descriptor is closed on exec. `mode` holds the
    /// permission bits of a file that is created, and must be 0 otherwise.
    func openat2(
        _ directory: Int32,
        _ path: [CChar],
        flags: UInt64,
        mode: UInt32 = 0,
        resolve: Resolution = .beneath
    ) throws(Errno) -> Descriptor {
        var attempts = 0
        while true {
            do throws(Errno) {
                let flags = flags | ferry_o_cloexec
                // SAFETY: the array ends with NUL and lives through the call.
                let descriptor = try self.attempt(.openat2, directory) { _ in
                    unsafe Int(ferry_openat2(directory, path, flags, UInt64(mode), resolve.flags))
                }
                return Descriptor(adopting: Int32(truncatingIfNeeded: descriptor))
            } catch {
                attempts += 1
                guard error.code == EAGAIN, attempts < Self.maximumAttempts else { throw error }
            }
        }
    }

    /// open(2)'s flags for a file without a name.
    static let unnamedFile = ferry_o_tmpfile | UInt64(O_RDWR)

    /// Makes a file without a name on the file system of `directory`, which is gone with its descriptor unless it gets one;
    /// EOPNOTSUPP where the file system has no such files.
    func openUnnamed(in directory: Int32) throws(Errno) -> Descriptor {
        try self.openat2(
            directory,
            CString.dot,
            flags: Self.unnamedFile,
            mode: 0o600,
            resolve: .beneathWithoutLinks
        )
    }

    /// Status of `name` in `directory`, of a link itself.
    func info(_ directory: Int32, _ name: [CChar]) throws(Errno) -> FileInfo {
        var status = stat()
        // SAFETY: the array ends with NUL; the struct lives through the call.
        _ = try self.attempt(.fstat, directory) { _ in
            unsafe Self.result(fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW))
        }
        return FileInfo(status)
    }

    /// Fills `buffer` with directory entries and returns the bytes used; 0 is the end.
    func getdents(_ directory: Int32, _ buffer: UnsafeMutableRawBufferPointer) throws(Errno) -> Int {
        // SAFETY: the buffer is passed with its own count.
        try self.attempt(.getdents, directory) { _ in
            unsafe ferry_getdents64(directory, buffer.baseAddress, buffer.count)
        }
    }

    /// Renames within one directory, over whatever file has the new name.
    func renameat(_ directory: Int32, _ old: [CChar], _ new: [CChar]) throws(Errno) {
        // SAFETY: both arrays end with NUL.
        _ = try self.attempt(.renameat, directory) { _ in
            unsafe Self.result(Glibc.renameat(directory, old, directory, new))
        }
    }

    /// Renames from one directory to another of the same file system, over whatever file has the new name.
    func renameat(_ from: Int32, _ old: [CChar], to directory: Int32, _ new: [CChar]) throws(Errno) {
        // SAFETY: both arrays end with NUL.
        _ = try self.attempt(.renameat, directory) { _ in
            unsafe Self.result(Glibc.renameat(from, old, directory, new))
        }
    }

    /// Removes a file or a link, or with `isDirectory` an empty directory.
    func unlinkat(_ directory: Int32, _ name: [CChar], isDirectory: Bool = false) throws(Errno) {
        // SAFETY: the array ends with NUL.
        _ = try self.attempt(.unlinkat, directory) { _ in
            unsafe Self.result(Glibc.unlinkat(directory, name, isDirectory ? AT_REMOVEDIR : 0))
        }
    }

    func mkdirat(_ directory: Int32, _ name: [CChar], mode: UInt32) throws(Errno) {
        // SAFETY: the array ends with NUL.
        _ = try self.attempt(.mkdirat, directory) { _ in
            unsafe Self.result(Glibc.mkdirat(directory, name, mode_t(mode)))
        }
    }

    /// Changes permission bits. A symbolic link is not followed: it has none to change (EOPNOTSUPP).
    func fchmodat(_ directory: Int32, _ name: [CChar], to mode: UInt32) throws(Errno) {
        // SAFETY: the array ends with NUL.
        _ = try self.attempt(.fchmod, directory) { _ in
            unsafe Self.result(Glibc.fchmodat(directory, name, mode_t(mode), AT_SYMLINK_NOFOLLOW))
        }
    }

    /// What a link says; EINVAL for what is none.
    func readlinkat(_ directory: Int32, _ name: [CChar]) throws(Errno) -> [UInt8] {
        // Linux limits a link to PATH_MAX with its NUL.
        var text = [UInt8](repeating: 0, count: RelativePath.maximumLength + 1)
        let count = try self.attempt(.readlinkat, directory) { _ in
            var span = text.mutableSpan
            // SAFETY: both arrays live through the call, which writes no more than the count.
            return unsafe span.withUnsafeMutableBytes { bytes in
                guard let start = unsafe bytes.baseAddress?.assumingMemoryBound(to: CChar.self) else { return 0 }
                return unsafe Self.result(Glibc.readlinkat(directory, name, start, bytes.count))
            }
        }
        return Array(text.prefix(count))
    }

    /// open(2) of a path of the machine's owner, for what does not lie below a root.
    func open(_ path: [CChar], flags: UInt64, mode: UInt32 = 0) throws(Errno) -> Descriptor {
        let flags = Int32(truncatingIfNeeded: flags | ferry_o_cloexec)
        // SAFETY: the array ends with NUL.
        let descriptor = try self.attempt(.openat2, AT_FDCWD) { _ in
            unsafe Self.result(Glibc.open(path, flags, mode_t(mode)))
        }
        return Descriptor(adopting: Int32(truncatingIfNeeded: descriptor))
    }
}
