package import FerryErrors
import Glibc

/// Bytes from standard input or a pipe, whose length nobody knows before the end.
package final class StreamSource: ByteSource {
    private let descriptor: Descriptor
    private let name: String

    /// Takes over a descriptor.
    /// - Parameters:
    ///   - descriptor: is closed with this value.
    ///   - name: for messages.
    package init(_ descriptor: consuming Descriptor, name: String) {
        self.descriptor = descriptor
        self.name = Escaping.escape(name)
    }

    /// Reads from a duplicate of standard input.
    /// - Throws: mapped errors, if it is closed.
    package static func standardInput() throws(FerryError) -> StreamSource {
        StreamSource(try Descriptor.duplicate(STDIN_FILENO, name: "standard input"), name: "standard input")
    }

    package var knownSize: Int64? { nil }

    package func read(into buffer: UnsafeMutableRawBufferPointer) throws(FerryError) -> Int {
        var done = 0
        while done < buffer.count {
            // SAFETY: done is below the count, so the rest is inside the buffer.
            let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
            let count = unsafe Glibc.read(self.descriptor.raw, rest.baseAddress, rest.count)
            if count == 0 { break }
            if count > 0 {
                done += count
            } else {
                try self.descriptor.wait(for: Int16(POLLIN), errno: Errno(errno), action: "read", name: self.name)
            }
        }
        return done
    }
}

/// Bytes to standard output or a pipe. The process must ignore SIGPIPE, or die of a reader that goes away.
package final class StreamSink: Sendable {
    private let descriptor: Descriptor
    private let name: String

    /// Takes over a descriptor.
    /// - Parameters:
    ///   - descriptor: is closed with this value.
    ///   - name: for messages.
    package init(_ descriptor: consuming Descriptor, name: String) {
        self.descriptor = descriptor
        self.name = Escaping.escape(name)
    }

    /// Writes to a duplicate of standard output.
    /// - Throws: mapped errors, if it is closed.
    package static func standardOutput() throws(FerryError) -> StreamSink {
        StreamSink(try Descriptor.duplicate(STDOUT_FILENO, name: "standard output"), name: "standard output")
    }

    /// Makes durable what was written, where it went to a file.
    /// - Throws: `inputOutput`, `noSpace` and other mapped errors.
    package func sync() throws(FerryError) {
        // A pipe, a terminal and some files have nothing to sync (fsync(2)).
        guard fsync(self.descriptor.raw) < 0, ![EINVAL, EROFS, ENOTSUP].contains(errno) else { return }
        throw FerryError(Errno(errno), "write", self.name)
    }

    /// Writes all of `bytes`; waits for the reader.
    /// - Throws: `inputOutput` if the reader has gone, `noSpace` and other mapped errors.
    package func write(_ bytes: UnsafeRawBufferPointer) throws(FerryError) {
        var done = 0
        while done < bytes.count {
            // SAFETY: done is below the count, so the rest is inside the buffer.
            let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[done...])
            let count = unsafe Glibc.write(self.descriptor.raw, rest.baseAddress, rest.count)
            if count >= 0 {
                done += count
            } else {
                try self.descriptor.wait(for: Int16(POLLOUT), errno: Errno(errno), action: "write", name: self.name)
            }
        }
    }
}

extension Descriptor {
    /// A new descriptor, closed on exec, of what `raw` refers to.
    static func duplicate(_ raw: Int32, name: String) throws(FerryError) -> Descriptor {
        let copy = fcntl(raw, F_DUPFD_CLOEXEC, 0)
        guard copy >= 0 else { throw FerryError(Errno(errno), "open", name) }
        return Descriptor(adopting: copy)
    }

    /// After a failed read or write: returns if it should be tried again, which for a descriptor that somebody set to
    /// not blocking (a terminal shared with another program) is when poll says so.
    borrowing func wait(
        for events: Int16,
        errno: Errno,
        action: String,
        name: String
    ) throws(FerryError) {
        switch errno.code {
        case EINTR: return
        case EAGAIN:
            var request = pollfd(fd: self.raw, events: events, revents: 0)
            // SAFETY: one struct, which lives through the call.
            _ = unsafe poll(&request, 1, -1)
        default: throw FerryError(errno, action, name)
        }
    }
}
