package import FerryErrors
import Glibc

/// Owns an open file descriptor and closes it, once.
package struct Descriptor: ~Copyable, Sendable {
    /// The number, valid as long as this value lives.
    package let raw: Int32

    /// Takes over `raw`, which nothing else may close.
    package init(adopting raw: Int32) { self.raw = raw }

    deinit { _ = Glibc.close(self.raw) }

    /// Closes now and reports what the file system says.
    /// - Throws: the mapped errno. The descriptor is closed even then: Linux frees the number before it fails.
    package consuming func close() throws(FerryError) {
        let raw = self.raw
        discard self
        guard Glibc.close(raw) < 0 else { return }
        let errno = Errno(Glibc.errno)
        guard errno.code != EINTR else { return }
        throw FerryError(errno, "close", "a file")
    }
}
