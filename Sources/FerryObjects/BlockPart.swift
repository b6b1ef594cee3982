package import FerryChunking

/// A chunk where it lies in a block that is kept.
package struct BlockPart: Sendable {
    package let block: StoredBlock
    /// Which of the block's parts it is.
    package let number: Int
    /// Where it begins, in bytes of the block's raw bytes.
    package let start: Int

    /// Nil if the chunk does not lie there.
    ///
    /// - Parameters:
    ///   - id: of the chunk.
    ///   - length: of it in bytes.
    ///   - start: where it begins in the raw bytes.
    ///   - block: that may have it there.
    package init?(_ id: ChunkID, length: Int, at start: Int, in block: StoredBlock) {
        var place = 0
        for (number, part) in block.header.parts.enumerated() where place <= start {
            if place == start, part.id == id, part.length == length {
                (self.block, self.number, self.start) = (block, number, start)
                return
            }
            place += part.length
        }
        return nil
    }
}
