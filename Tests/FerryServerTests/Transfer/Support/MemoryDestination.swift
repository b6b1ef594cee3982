import FerryErrors
import FerryTransfer

/// A received file in memory.
final class MemoryDestination: ByteDestination {
    let isRandomAccess: Bool
    var bytes: [UInt8] = []
    private(set) var committed: [UInt8]?
    private(set) var isDiscarded = false

    init(isRandomAccess: Bool = true) { self.isRandomAccess = isRandomAccess }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(FerryError) {
        let start = Int(offset)
        guard self.isRandomAccess || start == self.bytes.count else {
            throw FerryError(.internalError, "byte \(offset) was written where byte \(self.bytes.count) was due")
        }
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

    func discard() { self.isDiscarded = true }
}
