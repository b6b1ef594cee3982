import FerryChunking
import FerryErrors
import FerryTestKit
import Testing

/// Compressed blocks, judged by zlib itself.
@Suite struct BlockFuzzTests {
    /// What a mutant may inflate to.
    private static let limit = 1 << 17
    private let decompressor = BlockDecompressor()

    /// Inflates to `count` bytes; nil if that is refused. Throws if a byte beyond them was written.
    private func inflate(_ block: [UInt8], count: Int) throws -> [UInt8]? {
        let fence = [UInt8](repeating: 0xA5, count: 64)
        var output = [UInt8](repeating: 0, count: count) + fence
        var isGood = true
        do {
            try block.withUnsafeBytes { block in
                try output.withUnsafeMutableBytes { output in
                    let room = UnsafeMutableRawBufferPointer(rebasing: output.prefix(count))
                    try self.decompressor.decompress(block, into: room)
                }
            }
        } catch let error as FerryError {
            try hold(error.code == .integrity, "a block is refused with \(error.code)")
            isGood = false
        }
        try hold(Array(output.suffix(fence.count)) == fence, "bytes were written past the declared \(count)")
        return isGood ? Array(output.prefix(count)) : nil
    }

    /// zlib's word is the law for every length that might be declared, but for two things that libdeflate takes and that do no
    /// harm: distances beyond the window that the header promises, and the two length codes that RFC 1951 reserves. The
    /// checksum of what it makes is right even then.
    private func judge(_ block: [UInt8], counts: [Int]) throws {
        for count in counts where (0...Self.limit).contains(count) {
            let expected = ReferenceZlib.decompress(block, count: count)
            let result = try self.inflate(block, count: count)
            if expected == nil, let result, block.suffix(4).elementsEqual(ReferenceZlib.adler(result)) { continue }
            try hold(result == expected, "declared \(count): \(result == nil ? "refused" : "taken"), zlib differs")
        }
    }

    /// What a block's deflate data makes, if zlib takes it.
    private static func content(_ block: [UInt8]) -> (bytes: [UInt8], consumed: Int)? {
        block.count < 2 ? nil : ReferenceZlib.inflateRaw(Array(block.dropFirst(2)), limit: Self.limit)
    }

    @Test func theDecoderAgreesWithZlib() throws {
        let fuzz = try Fuzz("block")
        try fuzz.run(mutants: 4000) { block, generator in
            let count = Self.content(block)?.bytes.count ?? generator.below(1000)
            try self.judge(block, counts: [count, count - 1, count + 1, 0, generator.below(Self.limit)])
        }
    }

    /// Damaged data almost never has the right checksum; here it is given one, so that deflate itself decides.
    @Test func theDecoderAgreesWithZlibWhereTheChecksumIsRight() throws {
        let fuzz = try Fuzz("block")
        var taken = 0
        try fuzz.run(mutants: 8000) { block, _ in
            guard let (bytes, consumed) = Self.content(block) else { return }
            let header: [UInt8] = [0x78, 0x9C]
            let repaired = header + block[2..<(2 + consumed)] + ReferenceZlib.adler(bytes)
            try self.judge(repaired, counts: [bytes.count, bytes.count + 1, bytes.count - 1])
            taken += try self.inflate(repaired, count: bytes.count) == nil ? 0 : 1
        }
        #expect(taken > 100)
    }
}
