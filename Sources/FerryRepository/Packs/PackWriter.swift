import FerryCatalog
import FerryChunking
import FerryErrors
import FerryObjects
import FerryStorage

/// When a pack is closed.
package struct PackLimits: Sendable {
    /// Bytes from which it is.
    package let length: Int
    /// Objects from which it is.
    package let objects: Int

    package init(length: Int = 32 << 20, objects: Int = 65_536) { (self.length, self.objects) = (length, objects) }
}

/// A pack on its way into the store. One thread at a time uses it.
final class PackWriter {
    private let limits: PackLimits
    private let header: PackHeader
    private let owner: String
    private let upload: any ObjectUpload
    private var blocks: [PackFooter.Block] = []
    private(set) var objects: [IndexedObject] = []
    private var offset = PackHeader.length

    init(_ kind: ObjectKind, owner: String, _ limits: PackLimits, in store: some ObjectStore) throws(FerryError) {
        self.limits = limits
        self.header = PackHeader(kind: kind, salt: .random())
        self.owner = owner
        self.upload = try store.begin()
        try self.upload.append(self.header.encoded)
    }

    var isFull: Bool { self.offset >= self.limits.length || self.objects.count >= self.limits.objects }

    func append(_ block: BlockHeader, _ body: RawSpan) throws(FerryError) {
        try self.upload.append(block.encoded(salt: self.header.salt))
        // SAFETY: the pointer does not leave the closure.
        try unsafe body.withUnsafeBytes { bytes throws(FerryError) in unsafe try self.upload.append(bytes) }
        let listed = PackFooter.Block(offset: UInt32(self.offset), header: block)
        self.blocks.append(listed)
        self.objects += listed.objects
        self.offset += block.totalLength
    }

    /// Writes the footer and makes the whole durable.
    ///
    /// - Returns: what the index needs to know.
    /// - Throws: what the store met; the pack is gone then.
    func finish() throws(FerryError) -> (name: ChunkID, header: PackHeader, length: UInt64) {
        let footer = PackFooter(header: self.header, owner: self.owner, blocks: self.blocks).encoded
        let trailer = PackTrailer(footerOffset: UInt32(self.offset), footerLength: UInt32(footer.count)).encoded
        let name = PackFooter.name(footer)
        try self.upload.append(footer)
        try self.upload.append(trailer)
        try self.upload.finish(as: ObjectName(.packs, name))
        return (name, self.header, UInt64(self.offset + footer.count + trailer.count))
    }

    func discard() { self.upload.discard() }
}

extension PackFooter.Block {
    /// What lies in the block, as the index has it.
    var objects: [IndexedObject] {
        var objects: [IndexedObject] = []
        var offset: UInt32 = 0
        for part in self.header.parts {
            let place = IndexedObject.Place(
                block: self.offset,
                stored: UInt32(self.header.totalLength),
                offset: offset,
                length: UInt32(part.length)
            )
            objects.append(IndexedObject(id: part.id, place: place))
            offset += UInt32(part.length)
        }
        return objects
    }
}
