import CLinux
import Glibc

/// The file system calls of the project, with a seam where tests inject failures and record the order.
///
/// Calls that a signal interrupts are repeated, except fsync and syncfs: what a failed sync covered is never known, so
/// it is reported. In production the seam costs one comparison with nil.
package struct SystemCalls: Sendable {
    /// The calls that can be watched and made to fail.
    package enum Name: String, Sendable, CaseIterable {
        case openat2, fstat, getdents, fstatvfs, pread, pwrite, ftruncate, fchmod, futimens, fsync
        case renameat, unlinkat, mkdirat, readlinkat, symlinkat, linkat, syncfs
        case lseek, fallocate
        case listxattr, getxattr, setxattr, removexattr, fchownat, mknodat
    }

    /// What a test wants to happen instead of a call.
    package enum Verdict: Sendable {
        /// Make the call.
        case proceed
        /// Do not make the call; fail with this errno.
        case fail(Int32)
        /// For pread and pwrite: make the call with at most this many bytes. For fstatvfs: so many are free.
        case short(Int)
    }

    /// Is asked before each attempt: the call and the descriptor that it works on (for a path, its directory).
    package typealias Hook = @Sendable (_ name: Name, _ descriptor: Int32) -> Verdict

    private let before: Hook?

    /// The calls as they are.
    package static let real = SystemCalls(before: nil)

    /// - Parameter before: see ``Hook``; nil makes every call.
    package init(before: Hook?) { self.before = before }

    /// Runs `body`, which returns its result or the negated errno, and repeats it while a signal interrupts it.
    @inline(__always)
    func attempt(
        _ name: Name,
        _ descriptor: Int32,
        count: Int = 0,
        _ body: (_ count: Int) -> Int
    ) throws(Errno) -> Int {
        while true {
            var result: Int
            switch self.before?(name, descriptor) {
            case nil, .proceed: result = body(count)
            case .short(let limit): result = body(min(limit, count))
            case .fail(let code): result = -Int(code)
            }
            if result >= 0 { return result }
            guard result == -Int(EINTR), name != .fsync, name != .syncfs else {
                throw Errno(Int32(truncatingIfNeeded: -result))
            }
            result = 0
        }
    }

    /// The result of a C library's call: itself, or the negated errno if it is -1.
    @inline(__always)
    static func result(_ value: Int) -> Int { value < 0 ? -Int(errno) : value }

    @inline(__always)
    static func result(_ value: Int32) -> Int { Self.result(Int(value)) }
}
