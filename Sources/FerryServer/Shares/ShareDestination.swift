import FerryErrors
import FerryFiles
import FerryTransfer

/// A partial file in a share; watches that the reserve of free space stays.
final class ShareDestination: ByteDestination {
    private let partial: PartialFile
    private let location: ShareLocation
    private let roots: ShareRoots
    private let claim: PushClaim
    private let mode: UInt32
    private let modified: Timestamp?

    var isRandomAccess: Bool { true }

    var kept: (any PlacedBytes)? { self.partial.kept }

    func makeHole(at offset: UInt64, length: Int) -> Bool {
        self.partial.makeHole(at: Int64(clamping: offset), count: length)
    }

    init(
        partial: PartialFile,
        location: ShareLocation,
        roots: ShareRoots,
        claim: PushClaim,
        mode: UInt32,
        modified: Timestamp?
    ) {
        self.partial = partial
        self.location = location
        self.roots = roots
        self.claim = claim
        self.mode = mode
        self.modified = modified
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(FerryError) {
        try self.roots.willWrite(bytes.count, to: self.location)
        try self.partial.write(bytes, at: Int64(clamping: offset))
    }

    func read(into bytes: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(FerryError) {
        let count = try self.partial.read(into: bytes, at: Int64(clamping: offset))
        // Somebody else cut the file: what is missing must not pass for what lay in this memory before.
        for index in count..<bytes.count { bytes[index] = 0 }
    }

    func commit(size: UInt64) throws(FerryError) -> String? {
        try self.partial.publish(size: Int64(clamping: size), mode: self.mode, modified: self.modified)
        // Before the client hears of it: then it may push to the same name again at once.
        self.claim.release()
        return nil
    }

    func abandon(keeping: Bool) {
        if keeping { self.partial.keep() } else { self.partial.discard() }
        self.claim.release()
    }
}
