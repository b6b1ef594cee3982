import FerryErrors
import FerryFiles

/// A partial file in a tree.
final class TreeDestination: ByteDestination {
    let partial: PartialFile
    private let willWrite: TreeReceiver.WillWrite?

    init(_ partial: PartialFile, willWrite: TreeReceiver.WillWrite?) {
        self.partial = partial
        self.willWrite = willWrite
    }

    var isRandomAccess: Bool { true }
    var kept: (any PlacedBytes)? { self.partial.kept }
    var emptyFrom: UInt64? { UInt64(clamping: self.partial.startSize) }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(FerryError) {
        try self.willWrite?(bytes.count)
        unsafe try self.partial.write(bytes, at: Int64(clamping: offset))
    }

    func read(into bytes: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(FerryError) {
        let count = unsafe try self.partial.read(into: bytes, at: Int64(clamping: offset))
        // Somebody else cut the file: what is missing must not pass for what lay in this memory before.
        unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[count...]).initializeMemory(as: UInt8.self, repeating: 0)
    }

    func commit(size: UInt64) throws(FerryError) -> String? {
        throw FerryError(.internalError, "a file of a tree is published with others")
    }

    func abandon(keeping: Bool) { if keeping { self.partial.keep() } else { self.partial.discard() } }
}
