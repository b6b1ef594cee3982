import FerryChunking
import FerryErrors
import FerryObjects
import FerryTestKit
import FerryTransfer
import NIOCore
import Testing

/// Blocks as a repository keeps them, which travel as they are or are taken apart.
@Suite struct KeptBlocksTests {
    private static func block(
        _ contents: [[UInt8]],
        checksum: UInt32? = nil,
        compresses: Bool = true
    ) throws
        -> (StoredBlock, raw: [UInt8])
    {
        let raw = contents.flatMap { $0 }
        var body = [UInt8](repeating: 0, count: raw.count)
        let length = unsafe raw.withUnsafeBytes { input in
            unsafe body.withUnsafeMutableBytes { output in
                unsafe BlockCompressor().compress(input, into: output, effort: .fast)
            }
        }
        let isCompressed = compresses && length != nil
        body = isCompressed ? Array(body.prefix(length ?? 0)) : raw
        let header = BlockHeader(
            kind: .data,
            isCompressed: isCompressed,
            storedLength: body.count,
            checksum: checksum ?? Checksum.crc32c(body),
            parts: contents.map { BlockHeader.Part(id: ChunkID.hashing($0), length: $0.count) }
        )
        let salt = try #require(PackSalt([UInt8](repeating: 7, count: PackSalt.length)))
        return (try StoredBlock(header.encoded(salt: salt) + body, salt: salt), raw)
    }

    private static func text(_ number: Int) -> [UInt8] {
        Array(String(repeating: "line \(number)\n", count: 2000).utf8)
    }

    @Test func aPartIsFoundWhereItLiesAndNowhereElse() throws {
        let contents = (0..<5).map(Self.text)
        let (block, _) = try Self.block(contents)
        var start = 0
        for (number, content) in contents.enumerated() {
            let id = ChunkID.hashing(content)
            let part = try #require(BlockPart(id, length: content.count, at: start, in: block))
            #expect(part.number == number && part.start == start)
            #expect(BlockPart(id, length: content.count, at: start + 1, in: block) == nil)
            #expect(BlockPart(id, length: content.count - 1, at: start, in: block) == nil)
            #expect(BlockPart(ChunkID.hashing([1]), length: content.count, at: start, in: block) == nil)
            start += content.count
        }
        #expect(BlockPart(ChunkID.hashing(contents[0]), length: contents[0].count, at: start, in: block) == nil)
    }

    @Test func aSumThatDiffersShows() throws {
        let (good, raw) = try Self.block([Self.text(1)])
        let inflated = try good.inflated(BlockDecompressor())
        #expect(good.isWhole && inflated == raw)
        let (bad, _) = try Self.block([Self.text(1)], checksum: good.header.checksum ^ 1)
        #expect(!bad.isWhole)
    }
}
