import Glibc

/// The number with which a system call failed; it never leaves this target, see ``FerryError/init(_:_:_:file:line:)``.
struct Errno: Error, Equatable, Sendable {
    let code: Int32

    init(_ code: Int32) { self.code = code }
}
