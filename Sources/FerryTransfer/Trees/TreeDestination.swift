import FerryErrors
import FerryFiles
import NIOCore

/// How many destinations there are.
final class OpenCount {
    var value = 0
}

/// A partial file in a tree.
final class TreeDestination: ByteDestination {
    private let count: OpenCount
    let partial: PartialFile
    private let willWrite: TreeReceiver.WillWrite?

    init(_ partial: PartialFile, willWrite: TreeReceiver.WillWrite?, count: OpenCount) {
        self.count = count
        count.value += 1
        self.partial = partial
        self.willWrite = willWrite
    }

    deinit { self.count.value -= 1 }

    var isRandomAccess: Bool { true }
    var kept: (any PlacedBytes)? { self.partial.kept }
    func makeHole(at offset: UInt64, length: Int) -> Bool {
        self.partial.makeHole(at: Int64(clamping: offset), count: length)
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(FerryError) {
        try self.willWrite?(bytes.count)
        unsafe try self.partial.write(bytes, at: Int64(clamping: offset))
    }

    /// Writes a part of a block.
    ///
    /// - Parameters:
    ///   - block: its bytes.
    ///   - range: which of them.
    ///   - offset: in bytes from the file's start.
    /// - Throws: what writing fails with.
    func write(_ block: ByteBuffer, _ range: Range<Int>, at offset: UInt64) throws(FerryError) {
        var result = Result<Void, FerryError>.success(())
        unsafe block.withUnsafeReadableBytes { bytes in
            do throws(FerryError) {
                unsafe try self.write(UnsafeRawBufferPointer(rebasing: bytes[range]), at: offset)
            } catch {
                result = .failure(error)
            }
        }
        try result.get()
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
