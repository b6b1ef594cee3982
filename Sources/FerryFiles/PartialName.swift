import CLinux
import FerryChunking
import Glibc

/// The hidden names under which files are received, and who may use them: one transfer at a time, by an flock that ends
/// with its process.
enum PartialName {
    /// A partial file that is open, locked and in its place.
    struct Opened: ~Copyable, Sendable {
        let file: Descriptor
        /// Nil for one that has no name until it gets its target's.
        let name: [CChar]?
        /// Bytes that it held already.
        let size: Int64
        /// Whether a later transfer would find it.
        let isResumable: Bool
        /// Whether it was made just now, and has nothing that an earlier transfer gave it.
        let isNew: Bool
    }

    /// Random names of 128 bits do not collide, and a name that was ours is taken from us only by a sweep; the bound only
    /// ends a loop.
    private static let maximumAttempts = 8

    /// The name that follows from the target's and whose transfer it is; what it is does not matter, as long as others
    /// have others.
    static func following(_ target: [CChar], owner: String) -> [CChar] {
        // The target ends with NUL, which no name holds.
        let text = target.map { UInt8(bitPattern: $0) } + owner.utf8
        // SAFETY: the pointer does not leave the closure.
        let id = unsafe text.withUnsafeBytes { bytes in unsafe ChunkID(hashing: bytes) }
        return self.make(String(id.description.prefix(32)))
    }

    /// Opens the partial file of this name, or makes it; where another transfer has it, or something lies there that is not
    /// ours, one with a random name.
    static func open(_ name: [CChar], in directory: Int32, calls: SystemCalls) throws(Errno) -> Opened {
        for _ in 0..<self.maximumAttempts {
            do throws(Errno) {
                // Most names are new.
                if let made = try self.make(name, directory, calls, isResumable: true) { return made }
                let file = try calls.openat2(directory, name, flags: self.flags, resolve: .beneathWithoutLinks)
                switch try self.lock(file.raw, name, directory, calls) {
                case .ours(let size):
                    _ = posix_fadvise(file.raw, 0, 0, POSIX_FADV_SEQUENTIAL)
                    try self.undress(file.raw, calls)
                    return Opened(file: file, name: name, size: size, isResumable: true, isNew: false)
                case .gone: continue
                case .taken: return try self.makeRandom(directory, calls)
                }
            } catch {
                switch error.code {
                case ENOENT: continue
                // Killed just before its renaming it had the mode of its target, and was whole; who may not write to it may
                // still remove it.
                case EACCES where self.isThere(name, directory, calls):
                    guard try self.remove(name, directory, calls) else { return try self.makeRandom(directory, calls) }
                case ELOOP, EISDIR, ENXIO: return try self.makeRandom(directory, calls)
                default: throw error
                }
            }
        }
        return try self.makeRandom(directory, calls)
    }

    /// Whether an open file can be given a name: Linux before 6.10 needs /proc for that.
    private static let givesNames = unsafe access("/proc/self/fd", X_OK) == 0

    /// Makes a partial file without a name: nobody else can find it, so that nothing is to be locked, and nothing is left of it
    /// when the process is killed. its directory is changed once for it instead of three times (Docs/decisions/trees.md).
    ///
    /// - Returns: nil where the file system has no such files.
    static func openUnnamed(in directory: Int32, calls: SystemCalls) throws(Errno) -> Opened? {
        guard self.givesNames else { return nil }
        do throws(Errno) {
            let file = try calls.openUnnamed(in: directory)
            return Opened(file: file, name: nil, size: 0, isResumable: false, isNew: true)
        } catch  where [EOPNOTSUPP, EISDIR, EINVAL].contains(error.code) {
            return nil
        }
    }

    /// Takes from a file what an earlier transfer gave it before it was killed; an ACL stays, for the directory may have given it.
    private static func undress(_ file: Int32, _ calls: SystemCalls) throws(Errno) {
        if try calls.info(file).mode & 0o7000 != 0 { try calls.fchmod(file, to: 0o600) }
        for name in try calls.attributeNames(file, CString.none)
        where name.starts(with: ExtendedAttribute.userPrefix) || ExtendedAttribute.isPrivileged(name) {
            try calls.removeAttribute(file, CString.none, name)
        }
    }

    private static func isThere(_ name: [CChar], _ directory: Int32, _ calls: SystemCalls) -> Bool {
        (try? calls.info(directory, name)) != nil
    }

    /// Whose an open partial file is.
    private enum Holder {
        /// This transfer's from here on, with so many bytes in it.
        case ours(Int64)
        /// Another transfer's, or not one of our files.
        case taken
        /// Nobody's: the name no longer leads to it.
        case gone
    }

    /// O_NONBLOCK and O_NOFOLLOW: without waiting for, or going through, whatever lies there.
    private static let flags = UInt64(O_RDWR | O_NONBLOCK | O_NOCTTY) | ferry_o_nofollow

    /// Takes the lock of an open partial file, of any user's where it is only to be removed.
    private static func lock(
        _ file: Int32,
        _ name: [CChar],
        _ directory: Int32,
        _ calls: SystemCalls,
        ofAnybody: Bool = false
    ) throws(Errno) -> Holder {
        let info = try calls.info(file)
        guard info.kind == .file, info.isOurs || ofAnybody, self.lock(file) else { return .taken }
        // Between opening and locking a sweep, or the transfer that had it, may have removed or renamed it.
        guard let there = try self.info(name, ifStill: file, directory, calls) else { return .gone }
        return there.links == 1 ? .ours(there.size) : .taken
    }

    /// The status of the open file, if the name still leads to it.
    static func info(
        _ name: [CChar],
        ifStill file: Int32,
        _ directory: Int32,
        _ calls: SystemCalls
    ) throws(Errno) -> FileInfo? {
        do throws(Errno) {
            let (there, open) = (try calls.info(directory, name), try calls.info(file))
            return there.inode == open.inode && there.device == open.device ? there : nil
        } catch  where error.code == ENOENT {
            return nil
        }
    }

    /// False if another transfer has it, and on a file system without locks (ENOLCK), which cannot tell.
    private static func lock(_ file: Int32) -> Bool { flock(file, LOCK_EX | LOCK_NB) == 0 }

    /// Lets the next transfer have it, though the descriptor is still open.
    static func unlock(_ file: Int32) { _ = flock(file, LOCK_UN) }

    /// Makes a partial file; nil if there is one.
    private static func make(
        _ name: [CChar],
        _ directory: Int32,
        _ calls: SystemCalls,
        isResumable: Bool
    ) throws(Errno) -> Opened? {
        do throws(Errno) {
            let flags = self.flags | UInt64(O_CREAT | O_EXCL)
            let file = try calls.openat2(directory, name, flags: flags, mode: 0o600, resolve: .beneathWithoutLinks)
            // Whoever found it in this moment has it. Without locks nobody may find it.
            if isResumable, !self.lock(file.raw) {
                if Glibc.errno != EWOULDBLOCK { try calls.unlinkat(directory, name) }
                return nil
            }
            return Opened(file: file, name: name, size: 0, isResumable: isResumable, isNew: true)
        } catch  where error.code == EEXIST {
            return nil
        }
    }

    private static func makeRandom(_ directory: Int32, _ calls: SystemCalls) throws(Errno) -> Opened {
        for _ in 0..<self.maximumAttempts {
            let name = self.random()
            if let made = try self.make(name, directory, calls, isResumable: false) { return made }
        }
        throw Errno(EBUSY)
    }

    /// Removes a partial file, unless a transfer has it.
    ///
    /// - Parameters:
    ///   - name: hidden.
    ///   - directory: where it lies, open.
    ///   - calls: for tests.
    ///   - before: seconds since 1970; one that was changed since then stays. By ctime, because a file that is about to be
    ///     published has the mtime of its source.
    /// - Returns: whether it is gone.
    /// - Throws: what the file system fails with.
    static func remove(
        _ name: [CChar],
        _ directory: Int32,
        _ calls: SystemCalls,
        before: Int64 = .max
    ) throws(Errno) -> Bool {
        do throws(Errno) {
            let there = try calls.info(directory, name)
            guard there.kind == .file, there.changed.seconds < before else { return false }
            // Without a right to write, nobody can be writing to it but who has it open; its lock still tells.
            let file = try calls.openat2(
                directory,
                name,
                flags: UInt64(O_RDONLY | O_NONBLOCK | O_NOCTTY) | ferry_o_nofollow,
                resolve: .beneathWithoutLinks
            )
            // One that was killed when it had just been given away is nobody else's to remove.
            let isFree = try self.lock(file.raw, name, directory, calls, ofAnybody: geteuid() == 0)
            guard case .ours = isFree else { return false }
            try calls.unlinkat(directory, name)
            return true
        } catch {
            switch error.code {
            case ENOENT: return true
            case EPERM, EACCES, ELOOP, ENXIO: return false
            default: throw error
            }
        }
    }

    /// A hidden name that nobody else chooses.
    static func random() -> [CChar] {
        var generator = SystemRandomNumberGenerator()
        return self.make("x" + String(generator.next(), radix: 16) + String(generator.next(), radix: 16))
    }

    private static func make(_ digits: String) -> [CChar] { CString.make(RelativePath.reservedPrefix + digits.utf8) }
}
