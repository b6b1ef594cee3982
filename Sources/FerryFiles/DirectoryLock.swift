package import FerryErrors
import Glibc

/// The right to use a state directory, held by one process at a time, until the value or the process ends.
///
/// It is an flock on a file that stays there; the number in the file only serves the message.
package final class DirectoryLock: Sendable {
    private static let name = "lock"
    private let file: Descriptor

    /// Takes the lock.
    /// - Parameters:
    ///   - path: an existing directory.
    ///   - patience: how long another one is waited for, in milliseconds.
    ///   - calls: for tests.
    /// - Throws: `locked`, naming the process that has it; `notFound`, `permission` and other mapped errors.
    package init(_ path: String, patience: Int = 0, calls: SystemCalls = .real) throws(FerryError) {
        let shown = Escaping.escape(path)
        _ = try CString.make(path: path)
        do throws(Errno) {
            let directory = try Directories.open(path, calls: calls)
            let file = try calls.openat2(
                directory.raw,
                CString.make(Self.name.utf8),
                flags: UInt64(O_RDWR | O_CREAT),
                mode: 0o600,
                resolve: .beneathWithoutLinks
            )
            // Asked again and again, because flock waits for ever or not at all.
            let deadline = ContinuousClock.now + .milliseconds(patience)
            while flock(file.raw, LOCK_EX | LOCK_NB) != 0 {
                let number = Glibc.errno
                guard number == EWOULDBLOCK, .now < deadline else { throw Errno(number) }
                usleep(10_000)
            }
            try calls.ftruncate(file.raw, to: 0)
            let holder = Array("\(getpid())\n".utf8)
            // SAFETY: the pointer does not leave the closure.
            try unsafe holder.span.withUnsafeBytes { bytes throws(Errno) in
                unsafe try calls.pwriteFully(file.raw, bytes, at: 0)
            }
            self.file = file
        } catch {
            guard error.code == EWOULDBLOCK else { throw FerryError(error, "lock", shown) }
            throw FerryError(
                .locked,
                "\(shown) is in use by \(Self.holder(of: path))",
                remedy: "stop that process, or use another directory"
            )
        }
    }

    private static func holder(of path: String) -> String {
        guard let bytes = try? Directories.readFile(path + "/" + Self.name, limit: 64),
            let process = Int32(String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
        else { return "another process" }
        return "process \(process)"
    }
}
