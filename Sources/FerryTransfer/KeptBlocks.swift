import FerryChunking
import FerryErrors
import FerryObjects
import NIOCore

/// Wanted chunks that lie in blocks as a repository keeps them. A block all of whose chunks are wanted travels as it is; of
/// the others the chunks are taken out.
struct KeptBlocks {
    private struct Group {
        let block: StoredBlock
        /// By their numbers in the block.
        var chunks: [Int: SourceReader.Chunk]
        var isWhole: Bool { self.chunks.count == self.block.header.parts.count }
    }

    /// Complete, in the order in which they became so.
    private var whole = CircularBuffer<Group>()
    /// Incomplete, the oldest first: few, for a sender reads ahead a few windows only.
    private var parts: [Group] = []
    private let decompressor = BlockDecompressor()

    var isEmpty: Bool { self.whole.isEmpty && self.parts.isEmpty }

    /// How many chunks the next whole block holds, and bytes of them.
    var next: (count: Int, length: Int)? {
        self.whole.first.map { ($0.chunks.count, $0.block.header.rawLength) }
    }

    /// Takes a chunk that is wanted.
    mutating func append(_ chunk: SourceReader.Chunk, _ part: BlockPart) {
        let known = self.parts.lastIndex { $0.block === part.block && $0.chunks[part.number] == nil }
        let place = known ?? self.parts.count
        if known == nil { self.parts.append(Group(block: part.block, chunks: [:])) }
        self.parts[place].chunks[part.number] = chunk
        if self.parts[place].isWhole { self.whole.append(self.parts.remove(at: place)) }
    }

    /// Takes the next whole block out.
    mutating func take() -> (block: StoredBlock, chunks: [SourceReader.Chunk])? {
        guard let group = self.whole.popFirst() else { return nil }
        return (group.block, group.chunks.sorted { $0.key < $1.key }.map(\.value))
    }

    /// Takes the chunks out of the block that waits longest, in their order.
    ///
    /// - Returns: them, with their bytes.
    /// - Throws: `.integrity` if the block is not what its sum says it is.
    mutating func takeApart() throws(FerryError) -> [SourceReader.Chunk] {
        guard let group = self.whole.popFirst() ?? (self.parts.isEmpty ? nil : self.parts.removeFirst()) else {
            return []
        }
        let raw = try group.block.inflated(self.decompressor)
        let bytes = ByteBuffer(bytes: raw)
        return group.chunks.sorted { $0.key < $1.key }.compactMap { _, chunk in
            chunk.part.map { SourceReader.Chunk(chunk, $0, in: bytes) }
        }
    }
}
