import FerryChunking
import FerryTestKit
import Testing

struct BlockDecompressorTests {
    private let decompressor = BlockDecompressor()

    @Test(arguments: [0, 1, 100, 65_536, ChunkLimits.maximumLength], [Int32(0), 1, 6, 9])
    func inflatesWhatZlibMakes(count: Int, level: Int32) throws {
        try withFreshSeed { generator in
            for raw in [Samples.logs(count, &generator), Samples.random(count, &generator)] {
                let block = try #require(ReferenceZlib.compress(raw, level: level))
                #expect(try Blocks.decompress(block, count: count, by: self.decompressor) == raw)
            }
        }
    }

    @Test(arguments: [0, 1, 999, 1001, 2000, ChunkLimits.maximumLength])
    func refusesAnotherLengthThanTheDeclared(declared: Int) throws {
        try withFreshSeed { generator in
            let block = try #require(ReferenceZlib.compress(Samples.logs(1000, &generator), level: 6))
            #expect(try Blocks.decompress(block, count: declared, by: self.decompressor) == nil)
        }
    }

    @Test func aBombStopsAtTheDeclaredLength() throws {
        let small = try #require(ReferenceZlib.bomb(mebibytes: 1))
        let zeros = [UInt8](repeating: 0, count: 1 << 20)
        #expect(try Blocks.decompress(small, count: 1 << 20, by: self.decompressor) == zeros)
        let bomb = try #require(ReferenceZlib.bomb(mebibytes: 1024))
        #expect(bomb.count < 2 << 20)
        #expect(try Blocks.decompress(bomb, count: 1 << 20, by: self.decompressor) == nil)
    }

    @Test func refusesBytesAfterTheEnd() throws {
        try withFreshSeed { generator in
            let block = try #require(ReferenceZlib.compress(Samples.logs(1000, &generator), level: 6))
            #expect(try Blocks.decompress(block + [0], count: 1000, by: self.decompressor) == nil)
            #expect(try Blocks.decompress(block + block, count: 1000, by: self.decompressor) == nil)
            #expect(try Blocks.decompress(block, count: 1000, by: self.decompressor) != nil)
        }
    }

    @Test(arguments: BlockCompressorTests.efforts) func refusesAStreamMangledAnywhere(effort: Effort) throws {
        try withFreshSeed { generator in
            let raw = Samples.logs(4000, &generator)
            let block = try #require(Blocks.compress(raw, effort, by: BlockCompressor()))
            var refused = 0
            for index in block.indices {
                for flip in [0xFF, UInt8(1) << UInt8.random(in: 0..<8, using: &generator)] as [UInt8] {
                    var mangled = block
                    mangled[index] ^= flip
                    // Nearly always damage; but Adler-32 misses changes that balance (a chunk's name does not), and then
                    // zlib says the same.
                    let result = try Blocks.decompress(mangled, count: raw.count, by: self.decompressor)
                    if result != nil { #expect(result == ReferenceZlib.decompress(mangled, count: raw.count)) }
                    refused += result == nil ? 1 : 0
                }
                let cut = Array(block[..<index])
                #expect(try Blocks.decompress(cut, count: raw.count, by: self.decompressor) == nil)
            }
            #expect(refused > block.count * 2 - 10)
            #expect(try Blocks.decompress(block, count: raw.count, by: self.decompressor) == raw)
        }
    }

    @Test func refusesNoise() throws {
        try withFreshSeed { generator in
            for count in 0..<500 {
                let noise = [0x78, 0x9C] + Samples.random(count, &generator)
                let result = try Blocks.decompress(noise, count: 5000, by: self.decompressor)
                #expect(result == nil)
            }
        }
    }
}
