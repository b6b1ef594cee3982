package import FerryErrors
import Glibc

/// A list of byte strings on disk, for what may be too long for memory: written once, then read from its start, any number of
/// times. Its file has no name and is gone with this value.
package final class Spool {
    private static let bufferSize = 64 << 10

    private let file: Descriptor
    private let calls: SystemCalls
    private var pending: [UInt8] = []
    private var size: Int64 = 0
    private var buffer: [UInt8] = []
    private var position = 0
    private var readSize: Int64 = 0
    /// Strings in it.
    package private(set) var count = 0

    /// - Parameters:
    ///   - directory: where the file is made, unless the system's directory for temporary files takes it.
    ///   - calls: for tests.
    /// - Throws: `permission`, `noSpace` and other mapped errors.
    package init(beside directory: OpenDirectory, calls: SystemCalls = .real) throws(FerryError) {
        self.calls = calls
        self.file = try Self.makeFile(beside: directory, calls: calls)
    }

    /// Makes a file without a name.
    static func makeFile(beside directory: OpenDirectory, calls: SystemCalls) throws(FerryError) -> Descriptor {
        do throws(Errno) {
            return try calls.open(CString.make("/tmp".utf8), flags: SystemCalls.unnamedFile, mode: 0o600)
        } catch {
            do throws(Errno) {
                return try calls.openUnnamed(in: directory.descriptor.raw)
            } catch {
                throw FerryError(error, "make", "a temporary file")
            }
        }
    }

    /// Adds a string at the end.
    /// - Returns: its place, for ``string(at:)``.
    /// - Throws: `noSpace`, `inputOutput` and other mapped errors.
    @discardableResult
    package func append(_ string: [UInt8]) throws(FerryError) -> Int64 {
        let place = self.size + Int64(self.pending.count)
        let length = UInt32(truncatingIfNeeded: string.count)
        for shift in stride(from: 24, through: 0, by: -8) {
            self.pending.append(UInt8(truncatingIfNeeded: length >> shift))
        }
        self.pending += string
        self.count += 1
        if self.pending.count >= Self.bufferSize { try self.flush() }
        return place
    }

    /// The string that ``append(_:)`` gave this place; nil if there is none. What is read next is not that string's neighbour
    /// but what follows here.
    /// - Throws: `inputOutput` and other mapped errors.
    package func string(at place: Int64) throws(FerryError) -> [UInt8]? {
        try self.flush()
        (self.buffer, self.position, self.readSize) = ([], 0, place)
        return try self.next()
    }

    /// Begins to read from the start.
    /// - Throws: what writing the last strings fails with.
    package func rewind() throws(FerryError) {
        try self.flush()
        self.buffer = []
        self.position = 0
        self.readSize = 0
    }

    /// The next string, or nil at the end.
    /// - Throws: `inputOutput` and other mapped errors.
    package func next() throws(FerryError) -> [UInt8]? {
        guard let head = try self.take(4) else { return nil }
        let length = head.reduce(0) { $0 << 8 | Int($1) }
        guard let string = try self.take(length) else { throw FerryError(Errno(EIO), "read", "a temporary file") }
        return string
    }

    private func take(_ count: Int) throws(FerryError) -> [UInt8]? {
        while self.buffer.count - self.position < count {
            guard self.readSize < self.size else { return nil }
            var more = [UInt8](
                repeating: 0,
                count: Int(min(Int64(max(count, Self.bufferSize)), self.size - self.readSize))
            )
            let (raw, calls, offset) = (self.file.raw, self.calls, self.readSize)
            var span = more.mutableSpan
            do throws(Errno) {
                let read = unsafe try span.withUnsafeMutableBytes { bytes throws(Errno) in
                    unsafe try calls.preadFully(raw, bytes, at: offset)
                }
                guard read == more.count else { throw Errno(EIO) }
            } catch {
                throw FerryError(error, "read", "a temporary file")
            }
            self.readSize += Int64(more.count)
            self.buffer = Array(self.buffer[self.position...]) + more
            self.position = 0
        }
        defer { self.position += count }
        return Array(self.buffer[self.position..<(self.position + count)])
    }

    private func flush() throws(FerryError) {
        guard !self.pending.isEmpty else { return }
        let (raw, calls, offset, pending) = (self.file.raw, self.calls, self.size, self.pending)
        do throws(Errno) {
            try unsafe pending.span.withUnsafeBytes { bytes throws(Errno) in
                unsafe try calls.pwriteFully(raw, bytes, at: offset)
            }
        } catch {
            throw FerryError(error, "write", "a temporary file")
        }
        self.size += Int64(self.pending.count)
        self.pending = []
    }
}
