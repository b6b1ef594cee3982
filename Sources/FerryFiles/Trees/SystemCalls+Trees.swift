import CLinux
import Glibc

// Calls that trees need besides those of single files.
extension SystemCalls {
    /// Makes a symbolic link that says `text`.
    func symlinkat(_ text: [CChar], _ directory: Int32, _ name: [CChar]) throws(Errno) {
        // SAFETY: both arrays end with NUL.
        _ = try self.attempt(.symlinkat, directory) { _ in
            unsafe Self.result(Glibc.symlinkat(text, directory, name))
        }
    }

    /// Gives the file `old` in `from` the further name `new` in `directory`; of a symbolic link the link itself.
    func linkat(_ from: Int32, _ old: [CChar], _ directory: Int32, _ new: [CChar]) throws(Errno) {
        // SAFETY: both arrays end with NUL.
        _ = try self.attempt(.linkat, directory) { _ in
            unsafe Self.result(Glibc.linkat(from, old, directory, new, 0))
        }
    }

    /// Gives an open file, which may have no name, the name `new` in `directory`; EEXIST if that is taken.
    func linkat(_ file: Int32, _ directory: Int32, _ new: [CChar]) throws(Errno) {
        // SAFETY: the array ends with NUL.
        _ = try self.attempt(.linkat, directory) { _ in unsafe Int(ferry_link_descriptor(file, directory, new)) }
    }

    /// Sets the time of modification of `name`, of a link itself, and leaves that of access alone.
    func utimensat(_ directory: Int32, _ name: [CChar], modified: Timestamp) throws(Errno) {
        let times = [
            timespec(tv_sec: 0, tv_nsec: ferry_utime_omit),
            timespec(tv_sec: Int(modified.seconds), tv_nsec: Int(modified.nanoseconds)),
        ]
        // SAFETY: the name ends with NUL; the call reads the two elements of the array.
        _ = try self.attempt(.futimens, directory) { _ in
            unsafe Self.result(Glibc.utimensat(directory, name, times, AT_SYMLINK_NOFOLLOW))
        }
    }

    /// Makes durable all that was written to the descriptor's file system, and reports what failed to be since the
    /// descriptor was opened (Linux 5.8).
    func syncfs(_ descriptor: Int32) throws(Errno) {
        _ = try self.attempt(.syncfs, descriptor) { _ in Int(ferry_syncfs(descriptor)) }
    }
}
