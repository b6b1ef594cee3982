import FerryCatalog
package import FerryChunking
import FerryErrors
package import FerryObjects

/// The block in which a window of chunks ended: the next window may begin in it.
package struct EdgeBlock {
    fileprivate let key: BlockKey
    fileprivate let block: StoredBlock
}

private struct BlockKey: Hashable {
    let pack: Int64
    let offset: UInt32

    init(_ location: ObjectLocation) { (self.pack, self.offset) = (location.pack, location.place.block) }
}

extension ObjectReader {
    /// Finds the blocks that many chunks lie in, of which they are most: such a block can be sent as it is stored, neither
    /// inflated nor hashed here, for its sum is checked, and who gets it hashes what is in it.
    ///
    /// A block that waits to be sent takes at most twice the memory of the chunks that wait in it, but for one at each edge.
    ///
    /// - Parameters:
    ///   - chunks: each with its length in bytes.
    ///   - edge: where the chunks that were asked for before end.
    /// - Returns: nil for a chunk that is better read by itself.
    package func parts(of chunks: [(id: ChunkID, length: Int)], after edge: inout EdgeBlock?) -> [BlockPart?] {
        var parts = [BlockPart?](repeating: nil, count: chunks.count)
        guard let locations = try? self.locate(chunks.map { ObjectKey(.data, $0.id) }) else { return parts }
        var inBlock: [BlockKey: [UInt32: Int]] = [:]
        var last: BlockKey?
        for (number, location) in locations.enumerated() {
            guard let location, Int(location.place.length) == chunks[number].length else { continue }
            let key = BlockKey(location)
            // What repeats is read by itself.
            if inBlock[key]?[location.place.offset] == nil {
                inBlock[key, default: [:]][location.place.offset] = number
            }
            last = key
        }
        let before = edge
        edge = nil
        for (key, numbers) in inBlock {
            let covered = numbers.values.reduce(0) { $0 + chunks[$1].length }
            guard let location = numbers.values.first.flatMap({ locations[$0] }),
                let block = before?.key == key
                    ? before?.block : self.block(at: location, covered: covered, isLast: key == last)
            else { continue }
            if key == last { edge = EdgeBlock(key: key, block: block) }
            for (offset, number) in numbers {
                let (id, length) = chunks[number]
                parts[number] = BlockPart(id, length: length, at: Int(offset), in: block)
            }
        }
        return parts
    }

    /// The block if what is asked for is most of it, or more may be asked for.
    private func block(at location: ObjectLocation, covered: Int, isLast: Bool) -> StoredBlock? {
        // What is stored is hardly longer than what it is made of: the others need not be read.
        guard isLast || covered >= Int(location.place.stored) / 4,
            let block = try? self.stored(location), block.header.kind == .data, block.isWhole,
            isLast || covered * 2 >= block.header.rawLength
        else { return nil }
        return block
    }
}
