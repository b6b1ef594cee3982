import FerryErrors
import FerryTransfer

/// A received file in memory.
final class MemoryDestination: ByteDestination {
    let isRandomAccess: Bool
    var bytes: [UInt8] = []
    private(set) var committed: [UInt8]?
    private(set) var isDiscarded = false

    private(set) var isKept = false
    let kept: UInt64
    /// Bytes written, those that are written twice counted twice.
    private(set) var written = 0

    /// - Parameters:
    ///   - isRandomAccess: false for a stream.
    ///   - kept: what a transfer that was cut has left.
    init(isRandomAccess: Bool = true, kept: [UInt8] = []) {
        self.isRandomAccess = isRandomAccess
        self.bytes = kept
        self.kept = UInt64(kept.count)
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(FerryError) {
        let start = Int(offset)
        guard self.isRandomAccess || start == self.bytes.count else {
            throw FerryError(.internalError, "byte \(offset) was written where byte \(self.bytes.count) was due")
        }
        self.written += bytes.count
        let missing = start + bytes.count - self.bytes.count
        if missing > 0 { self.bytes += repeatElement(0, count: missing) }
        self.bytes.replaceSubrange(start..<(start + bytes.count), with: bytes)
    }

    func read(into bytes: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(FerryError) {
        guard self.isRandomAccess else { throw FerryError(.internalError, "a stream was read back") }
        // As in a file, reading stops where it ends.
        bytes.copyBytes(from: self.bytes[Int(offset)...].prefix(bytes.count))
    }

    func commit(size: UInt64) throws(FerryError) -> String? {
        self.committed = Array(self.bytes.prefix(Int(size)))
        return nil
    }

    func abandon(keeping: Bool) {
        self.isKept = keeping
        self.isDiscarded = !keeping
    }
}
