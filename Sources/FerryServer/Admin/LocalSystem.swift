package import FerryErrors
import FerryFiles
import Glibc
import NIOCore

/// What the admin socket needs of the system beyond NIO and the files' floor: users, peers, and a socket's mode.
package enum LocalSystem {
    /// SO_PEERCRED's answer (unix(7)), laid out as the kernel's `struct ucred`: who connected.
    struct PeerCredentials: Sendable {
        var process: Int32 = 0
        var user: UInt32 = 0
        var group: UInt32 = 0
    }

    /// The effective user id.
    package static var user: UInt32 { geteuid() }

    static var process: Int32 { getpid() }

    static let peerCredentials = NIOBSDSocket.Option(rawValue: SO_PEERCRED)

    /// Whether a failed connect means that nobody listens: no socket, or one that a dead daemon left.
    static func meansNobodyListens(_ error: IOError) -> Bool {
        error.errnoCode == ENOENT || error.errnoCode == ECONNREFUSED
    }

    /// Whether a failed connect means that the socket, or a directory above it, is closed to this user.
    static func meansNoAccess(_ error: IOError) -> Bool { error.errnoCode == EACCES || error.errnoCode == EPERM }

    /// Whether a failed connect means that the listener's queue is full.
    static func meansTryAgain(_ error: IOError) -> Bool { error.errnoCode == EAGAIN }

    /// Narrows a socket that was just bound to its owner. That others could have connected before is why listeners
    /// check who the peer is, and why the directory is private.
    ///
    /// - Throws: `.permission` with the system's reason.
    static func makePrivate(socket path: String) throws(FerryError) {
        guard chmod(path, 0o600) == 0 else { throw self.failed("narrow the mode of \(Escaping.escape(path))") }
    }

    /// Removes a listener's socket; that it is gone already is no error.
    static func remove(socket path: String) { _ = unlink(path) }

    /// Runs `body` as another user and group if the process is root, so that the files it makes are theirs. The whole
    /// process changes meanwhile: for a command, not for a daemon.
    ///
    /// - Throws: What `body` throws, or `.permission` if the system refuses.
    static func acting<Value>(
        asUser user: UInt32,
        group: UInt32,
        _ body: () throws(FerryError) -> Value
    ) throws(FerryError) -> Value {
        guard geteuid() == 0, user != 0 else { return try body() }
        let oldGroup = getegid()
        // The group first: without root's user id the right to change it is gone.
        guard setegid(group) == 0 else { throw self.failed("take the group \(group)") }
        defer { _ = setegid(oldGroup) }
        guard seteuid(user) == 0 else { throw self.failed("act as user \(user)") }
        defer { _ = seteuid(0) }
        return try body()
    }

    /// Runs `body` as whoever the state directory belongs to, which is who the daemon runs as; as it is where there is none.
    ///
    /// - Throws: As ``acting(asUser:group:_:)`` does, and what keeps the owner from being known.
    package static func acting<Value>(
        asOwnerOf state: String,
        _ body: () throws(FerryError) -> Value
    ) throws(FerryError) -> Value {
        let info: FileInfo
        do throws(FerryError) { info = try Directories.info(state) } catch {
            guard error.code == .notFound else { throw error }
            return try body()
        }
        return try self.acting(asUser: info.owner, group: info.group, body)
    }

    private static func failed(_ action: String) -> FerryError {
        let reason = strerror(errno).map { String(cString: $0) } ?? "unknown reason"
        return FerryError(.permission, "cannot \(action): \(reason)")
    }
}
