import FerryChunking
import FerryTestKit
import Testing

struct BlockCompressorTests {
    static let efforts: [Effort] = [.fast, .best]
    static let lengths = [40, 63, 64, 100, 1000, 4096, 65_535, 65_536, 300_000, ChunkLimits.maximumLength]

    @Test(arguments: Self.efforts, Self.lengths)
    func zlibInflatesWhatItMakes(effort: Effort, count: Int) throws {
        try withFreshSeed { generator in
            let compressor = BlockCompressor()
            for raw in [
                [UInt8](repeating: 0, count: count), Samples.logs(count, &generator),
                Samples.records(count, &generator), Samples.base64(count, &generator),
            ] {
                // One object for all: nothing of a block may show in the next.
                guard let block = Blocks.compress(raw, effort, by: compressor) else {
                    #expect(count <= 1000, "so long a block of such data shrinks")
                    continue
                }
                #expect(ReferenceZlib.decompress(block, count: count) == raw)
                let inflated = try Blocks.decompress(block, count: count, by: BlockDecompressor())
                #expect(inflated == raw)
                #expect(block.count < count - count / 32)
            }
        }
    }

    @Test(arguments: Self.efforts) func randomDataIsBetterStored(effort: Effort) {
        withFreshSeed { generator in
            let compressor = BlockCompressor()
            for count in [0, 1, 2, 10] + Self.lengths {
                #expect(Blocks.compress(Samples.random(count, &generator), effort, by: compressor) == nil)
            }
        }
    }

    // Data that shrinks less and less: at some point the answer turns from a shorter block to nil, once.
    @Test(arguments: Self.efforts) func aBlockMustSaveMoreThanA32nd(effort: Effort) {
        withFreshSeed { generator in
            let compressor = BlockCompressor()
            let noise = Samples.random(32_768, &generator)
            var results: [Bool] = []
            for zeros in stride(from: 0, through: 4096, by: 32) {
                let raw = noise.dropLast(zeros) + [UInt8](repeating: 0, count: zeros)
                let block = Blocks.compress(Array(raw), effort, by: compressor)
                if let block { #expect(block.count < 32_768 - 1024) }
                results.append(block != nil)
            }
            #expect(results.first == false)
            #expect(results.last == true)
            #expect(zip(results, results.dropFirst()).count { $0 != $1 } == 1)
        }
    }

    @Test(arguments: Self.efforts) func theOutputIsNeverOverrun(effort: Effort) throws {
        try withFreshSeed { generator in
            let compressor = BlockCompressor()
            let raw = Samples.logs(20_000, &generator)
            let whole = try #require(Blocks.compress(raw, effort, by: compressor))
            for room in [0, 1, 2, 7, 100, whole.count / 2, whole.count - 1] {
                #expect(Blocks.compress(raw, effort, by: compressor, room: room) == nil)
            }
            // Having failed leaves nothing behind.
            #expect(Blocks.compress(raw, effort, by: compressor) == whole)
        }
    }

    @Test(arguments: Self.efforts) func aBlockBeyondTheMaximumIsRefused(effort: Effort) {
        let compressor = BlockCompressor()
        let longest = [UInt8](repeating: 0, count: ChunkLimits.maximumLength)
        #expect(Blocks.compress(longest, effort, by: compressor) != nil)
        #expect(Blocks.compress(longest + [0], effort, by: compressor) == nil)
    }

    @Test func bestIsDenserThanZlib6AndFast() throws {
        try withFreshSeed { generator in
            let compressor = BlockCompressor()
            let raw = Samples.logs(500_000, &generator)
            let best = try #require(Blocks.compress(raw, .best, by: compressor)).count
            let fast = try #require(Blocks.compress(raw, .fast, by: compressor)).count
            #expect(best < fast)
            #expect(best < (try #require(ReferenceZlib.compress(raw, level: 6))).count)
        }
    }
}
