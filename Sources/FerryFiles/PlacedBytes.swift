import CLinux
package import FerryErrors
import Glibc

/// A file that any thread reads at any place, while others may write to it.
package protocol PlacedBytes: AnyObject, Sendable {
    /// Bytes that it had when it was opened.
    var size: Int64 { get }

    /// Reads at `offset` until `buffer` is full or the file ends.
    /// - Parameters:
    ///   - buffer: is filled from its beginning.
    ///   - offset: bytes from the beginning; never negative.
    /// - Returns: bytes read; less than `buffer.count` only at the end of the file.
    /// - Throws: `inputOutput` and other mapped errors.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(FerryError) -> Int
}

extension SourceFile: PlacedBytes {
    package var size: Int64 { self.info.size }
}

/// What a cut transfer has left in a partial file.
///
/// It was written past the page cache and is read so: once through, it would only push other files out, and the copy out of
/// the cache took a third of the time of finding out what is in place. Buffers, places and counts that are multiples of a page (4096
/// bytes) go this way; with others it falls back to the usual one.
package final class KeptFile: PlacedBytes {
    package let size: Int64
    /// Bytes that it takes of the disk.
    package let allocated: Int64
    private let descriptor: Descriptor
    private let description: String
    private let calls: SystemCalls

    /// Nil where the file cannot be opened again.
    init?(_ file: Int32, size: Int64, description: String, calls: SystemCalls) throws(Errno) {
        let raw = ferry_reopen_reading(file)
        guard raw >= 0 else { return nil }
        self.descriptor = Descriptor(adopting: raw)
        self.size = size
        self.allocated = try calls.info(file).allocated
        self.description = description
        self.calls = calls
    }

    package func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(FerryError) -> Int {
        do throws(Errno) {
            return unsafe try self.calls.preadFully(self.descriptor.raw, buffer, at: offset)
        } catch {
            guard error.code == EINVAL else { throw FerryError(error, "read", self.description) }
        }
        // Another thread may have done so already.
        _ = ferry_stop_direct(self.descriptor.raw)
        do throws(Errno) { return unsafe try self.calls.preadFully(self.descriptor.raw, buffer, at: offset) } catch {
            throw FerryError(error, "read", self.description)
        }
    }
}
