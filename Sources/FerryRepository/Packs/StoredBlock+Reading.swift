import FerryCatalog
import FerryChunking
import FerryErrors
import FerryObjects
import FerryStorage

extension StoredBlock {
    private static let maximumLength =
        BlockHeader.length + BlockHeader.maximumCount * (ChunkID.length + 4) + ChunkLimits.maximumLength

    /// Reads a block.
    ///
    /// - Parameters:
    ///   - place: of something in it.
    ///   - pack: that it lies in.
    ///   - store: that the pack lies in.
    /// - Throws: `.integrity` if it is none, and what the store met.
    convenience init(
        _ place: IndexedObject.Place,
        of pack: IndexedPack,
        in store: some ObjectStore
    ) throws(FerryError) {
        let object = ObjectName(.packs, pack.name)
        guard place.stored <= UInt32(Self.maximumLength) else {
            throw FerryError(.integrity, "a block of the \(object) cannot be so long")
        }
        let bytes = try store.read(object, at: UInt64(place.block), count: Int(place.stored))
        try self.init(bytes, salt: pack.salt)
    }
}
