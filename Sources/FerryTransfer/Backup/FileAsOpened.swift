import FerryErrors
import FerryFiles

/// The bytes that a file had when it was opened: what is appended meanwhile is the next backup's, and what was there is read to its
/// end.
final class FileAsOpened: ByteSource, @unchecked Sendable {
    // Used by one thread at a time, as its protocol says.
    private let file: SourceFile
    private var left: Int64

    init(_ file: SourceFile) {
        self.file = file
        self.left = file.info.size
    }

    var knownSize: Int64? { self.file.knownSize }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(FerryError) -> Int {
        let room = Int(min(Int64(buffer.count), max(0, self.left)))
        guard room > 0 else { return 0 }
        // SAFETY: the room is at most the buffer's.
        let count = unsafe try self.file.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer.prefix(room)))
        self.left -= Int64(count)
        return count
    }

    func skipHole() throws(FerryError) -> Int64 {
        let hole = min(try self.file.skipHole(), max(0, self.left))
        self.left -= hole
        return hole
    }

    func verifyUnchanged() throws(FerryError) { try self.file.verifyUnchanged() }
}
