import Glibc

/// A pipe whose ends a spawned command does not inherit by accident.
enum Pipe {
    /// Makes a pipe; nil, with errno set, if there is no descriptor left.
    ///
    /// Between pipe(2) and fcntl(2) another thread could spawn a command; this program spawns only from here on.
    static func make() -> (read: Int32, write: Int32)? {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return nil }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }
}
