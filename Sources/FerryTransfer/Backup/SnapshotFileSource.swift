import FerryChunking
package import FerryErrors
import FerryFiles
package import FerryObjects
import Synchronization

/// The bytes of one file of a snapshot, in order.
package final class SnapshotFileSource: ByteSource, @unchecked Sendable {
    // Used by one thread at a time, as its protocol says.
    private let content: any SnapshotContent
    private let next: SnapshotContent.NextSegment
    private var chunk: ArraySlice<UInt8> = []
    private var hole: UInt64 = 0
    package let knownSize: Int64?

    /// - Parameters:
    ///   - entry: of a file.
    ///   - content: the snapshot.
    /// - Throws: `.integrity` if it is damaged, `.notAFile`.
    package init(_ entry: Entry, of content: any SnapshotContent) throws(FerryError) {
        self.content = content
        self.next = try content.segments(of: entry)
        self.knownSize = Int64(clamping: entry.size)
    }

    package func read(into buffer: UnsafeMutableRawBufferPointer) throws(FerryError) -> Int {
        try self.advance()
        if self.hole > 0 {
            let count = Int(min(UInt64(buffer.count), self.hole))
            // SAFETY: the count is at most the buffer's.
            unsafe UnsafeMutableRawBufferPointer(rebasing: buffer.prefix(count)).initializeMemory(
                as: UInt8.self,
                repeating: 0
            )
            self.hole -= UInt64(count)
            return count
        }
        let count = min(buffer.count, self.chunk.count)
        // SAFETY: the count is at most the buffer's.
        unsafe UnsafeMutableRawBufferPointer(rebasing: buffer.prefix(count)).copyBytes(from: self.chunk.prefix(count))
        self.chunk = self.chunk.dropFirst(count)
        return count
    }

    package func skipHole() throws(FerryError) -> Int64 {
        try self.advance()
        defer { self.hole = 0 }
        return Int64(clamping: self.hole)
    }

    /// Goes on to the next chunk or hole once the last one is used up.
    private func advance() throws(FerryError) {
        guard self.chunk.isEmpty, self.hole == 0 else { return }
        switch try self.next() {
        case .chunk(let id, let length):
            let bytes = try self.content.read(id)
            guard bytes.count == length else {
                throw FerryError(.integrity, "a chunk has \(bytes.count) bytes, and \(length) in the file's recipe")
            }
            self.chunk = bytes[...]
        case .hole(let length): self.hole = length
        case nil: break
        }
    }
}
