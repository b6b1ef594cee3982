package import FerryChunking
package import FerryErrors
package import FoundationEssentials

/// Ids as they travel: n times 32 bytes in one field.
extension ChunkID {
    /// - Parameter packed: ids one after another.
    /// - Returns: the ids in order.
    /// - Throws: `.violation` if the field is not a whole number of ids.
    package static func unpack(_ packed: Data) throws(FerryError) -> [ChunkID] {
        guard packed.count.isMultiple(of: ChunkID.length) else {
            throw FerryError(.violation, "a field of \(packed.count) bytes is not a list of 32-byte ids")
        }
        var ids: [ChunkID] = []
        ids.reserveCapacity(packed.count / ChunkID.length)
        unsafe packed.withUnsafeBytes { bytes in
            for offset in stride(from: 0, to: bytes.count, by: ChunkID.length) {
                // SAFETY: the initialiser checks the bounds.
                if let id = unsafe ChunkID(packed: bytes, at: offset) { ids.append(id) }
            }
        }
        return ids
    }

    /// The inverse of ``unpack(_:)``.
    package static func pack(_ ids: some Sequence<ChunkID>) -> Data {
        var bytes: [UInt8] = []
        for id in ids { id.append(to: &bytes) }
        return Data(bytes)
    }
}
