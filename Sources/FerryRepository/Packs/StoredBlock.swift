import FerryCatalog
import FerryChunking
import FerryErrors
import FerryObjects
import FerryStorage

/// A block as a pack has it.
struct StoredBlock {
    let header: BlockHeader
    /// What is stored of it, behind header and table.
    let body: ArraySlice<UInt8>

    /// Whether the body has the sum that the header tells.
    var isWhole: Bool {
        // SAFETY: the pointer does not leave the closure.
        unsafe self.body.withUnsafeBytes { unsafe Checksum.crc32c($0) } == self.header.checksum
    }

    /// Reads a block.
    ///
    /// - Parameters:
    ///   - place: of something in it.
    ///   - pack: that it lies in.
    ///   - store: that the pack lies in.
    /// - Throws: `.integrity` if it is none, and what the store met.
    init(_ place: IndexedObject.Place, of pack: IndexedPack, in store: some ObjectStore) throws(FerryError) {
        let object = ObjectName(.packs, pack.name)
        guard place.stored <= UInt32(Self.maximumLength) else {
            throw FerryError(.integrity, "a block of the \(object) cannot be so long")
        }
        let bytes = try store.read(object, at: UInt64(place.block), count: Int(place.stored))
        try self.init(bytes, salt: pack.salt)
    }

    /// - Parameters:
    ///   - bytes: header, table and body, and nothing else.
    ///   - salt: of the pack.
    /// - Throws: `.integrity` if they are none.
    init(_ bytes: [UInt8], salt: PackSalt) throws(FerryError) {
        let head = try BlockHeader.headLength(Array(bytes.prefix(BlockHeader.length)), salt: salt)
        let header = try BlockHeader(Array(bytes.prefix(head)), salt: salt)
        guard header.totalLength == bytes.count else {
            throw FerryError(.integrity, "a block is damaged: its length is not the one that is listed")
        }
        (self.header, self.body) = (header, bytes[head...])
    }

    private static let maximumLength =
        BlockHeader.length + BlockHeader.maximumCount * (ChunkID.length + 4) + ChunkLimits.maximumLength

    /// The raw bytes of all its parts.
    ///
    /// - Throws: `.integrity` if they cannot be had.
    func inflated(_ decompressor: BlockDecompressor) throws(FerryError) -> [UInt8] {
        guard self.header.isCompressed else { return Array(self.body) }
        var raw = [UInt8](repeating: 0, count: self.header.rawLength)
        var span = raw.mutableSpan
        // SAFETY: the pointers do not leave the closures.
        try unsafe span.withUnsafeMutableBytes { output throws(FerryError) in
            try unsafe self.body.span.withUnsafeBytes { body throws(FerryError) in
                unsafe try decompressor.decompress(body, into: output)
            }
        }
        return raw
    }
}
