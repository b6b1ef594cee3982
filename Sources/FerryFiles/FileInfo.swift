import Glibc

/// A time of a file: seconds since 1970 and nanoseconds below a second.
package struct Timestamp: Sendable, Hashable {
    package let seconds: Int64
    package let nanoseconds: UInt32

    /// - Parameters:
    ///   - seconds: since 1970; negative before.
    ///   - nanoseconds: more than 999,999,999 become 999,999,999. Linux gives numbers above it the meanings "now" and
    ///     "leave", which must not be reachable with numbers from a peer.
    package init(seconds: Int64, nanoseconds: UInt32 = 0) {
        self.seconds = seconds
        self.nanoseconds = min(nanoseconds, 999_999_999)
    }

    /// The time of the system's clock.
    package static var now: Timestamp {
        var time = timespec()
        // SAFETY: the kernel fills the struct that lives through the call.
        _ = unsafe clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(time)
    }

    init(_ time: timespec) {
        self.init(seconds: Int64(time.tv_sec), nanoseconds: UInt32(truncatingIfNeeded: time.tv_nsec))
    }
}

/// What the file system says about a file.
package struct FileInfo: Sendable, Hashable {
    package enum Kind: Sendable, Hashable { case file, directory, symlink, other }

    package let kind: Kind
    /// Bytes.
    package let size: Int64
    /// Bytes that it takes of the disk, as far as the file system tells.
    package let allocated: Int64
    /// Permission bits with setuid, setgid and sticky: `0o7777`.
    package let mode: UInt32
    /// When the content was last changed (mtime).
    package let modified: Timestamp
    /// When content or metadata were last changed (ctime); only the kernel sets it.
    package let changed: Timestamp
    package let device: UInt64
    package let inode: UInt64
    /// User id of the owner.
    package let owner: UInt32
    /// Group id.
    package let group: UInt32
    /// How many names the file has; 0 once it is removed.
    package let links: UInt64
    /// Kind and permission bits as POSIX's st_mode has them.
    package let posixMode: UInt32
    /// Numbers of a device node, as Linux counts them.
    package let special: UInt64

    /// Of something that could not be looked at.
    static let unknown: FileInfo = {
        var status = stat()
        // No kind of file, and not 0, which would end a directory (Docs/protocol.md).
        status.st_mode = 1
        return FileInfo(status)
    }()

    /// Of something that is no file here, for filters.
    ///
    /// - Parameters:
    ///   - posixMode: kind and permission bits.
    ///   - size: in bytes.
    ///   - modified: when its content was last changed.
    package init(posixMode: UInt32, size: Int64, modified: Timestamp) {
        var status = stat()
        status.st_mode = mode_t(posixMode)
        status.st_size = Int(size)
        status.st_blocks = Int(size) / 512 + 1
        (status.st_mtim.tv_sec, status.st_mtim.tv_nsec) = (Int(modified.seconds), Int(modified.nanoseconds))
        self.init(status)
    }

    init(_ status: stat) {
        self.kind =
            switch status.st_mode & S_IFMT {
            case S_IFREG: .file
            case S_IFDIR: .directory
            case S_IFLNK: .symlink
            default: .other
            }
        self.size = Int64(status.st_size)
        let (allocated, overflow) = Int64(status.st_blocks).multipliedReportingOverflow(by: 512)
        self.allocated = overflow ? .max : allocated
        self.mode = UInt32(status.st_mode) & 0o7777
        self.modified = Timestamp(status.st_mtim)
        self.changed = Timestamp(status.st_ctim)
        self.device = UInt64(status.st_dev)
        self.inode = UInt64(status.st_ino)
        self.owner = status.st_uid
        self.group = status.st_gid
        self.links = UInt64(status.st_nlink)
        self.posixMode = UInt32(status.st_mode)
        self.special = UInt64(status.st_rdev)
    }

    /// Whether it belongs to this process's user.
    package var isOurs: Bool { self.owner == geteuid() }

    /// Whether nobody but this process's user, its group and the administrator may change it.
    ///
    /// - Parameter hasList: whether it has an ACL, of which the group's bits are the mask.
    /// - Returns: false, too, where that is not sure.
    package func isOnlyOurs(hasList: Bool) -> Bool {
        guard self.isOurs, self.mode & 0o002 == 0 else { return false }
        return self.mode & 0o020 == 0 || !hasList && self.group == getegid()
    }

    /// Whether it is a file that may have holes.
    package var isSparse: Bool { self.kind == .file && self.allocated < self.size }

    /// Whether `other` is the same file with, as far as the kernel can tell, the same content.
    package func isSameVersion(as other: FileInfo) -> Bool {
        self.inode == other.inode && self.device == other.device && self.size == other.size
            && self.modified == other.modified && self.changed == other.changed
    }
}
