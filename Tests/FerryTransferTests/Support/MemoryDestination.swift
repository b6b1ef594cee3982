import FerryErrors
import FerryFiles
import FerryTransfer

/// A received file in memory.
final class MemoryDestination: ByteDestination {
    let isRandomAccess: Bool
    var bytes: [UInt8] = []
    private(set) var committed: [UInt8]?
    private(set) var isDiscarded = false

    private(set) var isKept = false
    let kept: (any PlacedBytes)?
    /// Bytes written, those that are written twice counted twice.
    private(set) var written = 0

    /// - Parameters:
    ///   - isRandomAccess: false for a stream.
    ///   - kept: what a transfer that was cut has left.
    init(isRandomAccess: Bool = true, kept: [UInt8] = []) {
        self.isRandomAccess = isRandomAccess
        self.bytes = kept
        self.kept = kept.isEmpty ? nil : Kept(bytes: kept)
    }

    /// - Parameter kept: what a transfer that was cut has left, on a disk of its own.
    init(kept: any PlacedBytes) {
        self.isRandomAccess = true
        self.kept = kept
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

    func makeHole(at offset: UInt64, length: Int) -> Bool {
        self.isRandomAccess && offset >= UInt64(self.kept?.size ?? 0)
    }

    func read(into bytes: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(FerryError) {
        guard self.isRandomAccess else { throw FerryError(.internalError, "a stream was read back") }
        // As in a file, reading stops where it ends.
        bytes.copyBytes(from: self.bytes[Int(offset)...].prefix(bytes.count))
    }

    func commit(size: UInt64) throws(FerryError) -> String? {
        let missing = max(0, Int(size) - self.bytes.count)
        self.committed = self.bytes.prefix(Int(size)) + [UInt8](repeating: 0, count: missing)
        return nil
    }

    func abandon(keeping: Bool) {
        self.isKept = keeping
        self.isDiscarded = !keeping
    }

    private final class Kept: PlacedBytes {
        private let bytes: [UInt8]
        var size: Int64 { Int64(self.bytes.count) }

        init(bytes: [UInt8]) { self.bytes = bytes }

        func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(FerryError) -> Int {
            let rest = self.bytes.dropFirst(Int(offset)).prefix(buffer.count)
            buffer.copyBytes(from: rest)
            return rest.count
        }
    }
}
