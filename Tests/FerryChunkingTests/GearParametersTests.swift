import FerryChunking
import FerryErrors
import Testing

struct GearParametersTests {
    @Test func matchTheGoldenVectors() throws {
        let lines = try Golden.lines("parameters.txt")
        #expect(lines.count == 5)
        for line in lines {
            let parameters = try GearChunker.Parameters(average: #require(Int(line[0])))
            #expect(parameters.average == Int(line[0]))
            #expect(parameters.minimum == Int(line[1]))
            #expect(parameters.maximum == Int(line[2]))
            #expect(parameters.strictBound == UInt64(line[3], radix: 16))
            #expect(parameters.looseBound == UInt64(line[4], radix: 16))
            #expect(parameters.maximum <= ChunkLimits.maximumLength)
        }
    }

    @Test(arguments: [Int.min, -16384, 0, 1, 8192, 16383, 16385, 24576, 262143, 262145, 524288, Int.max])
    func refuseAnyOtherAverage(average: Int) {
        #expect {
            try GearChunker.Parameters(average: average)
        } throws: { error in
            (error as? FerryError)?.code == .usage
        }
    }

    @Test func aFileWithoutAnOldVersionIsCutEvenly() {
        let length = 256 << 10
        #expect(GearChunker.Parameters.forShare(oldSize: nil) == .even)
        #expect(GearChunker.Parameters.forShare(oldSize: 0) == .even)
        #expect(GearChunker.Parameters.forShare(oldSize: 1).cutsByContent)
        for count in [1, length - 1, length, length + 1, 3 * length + 5] {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 11) }
            var chunker = GearChunker(parameters: .even)
            var lengths: [Int] = []
            bytes.withUnsafeBytes { bytes in
                var rest = bytes
                // First a byte less than a chunk is at hand, for which more must be waited for.
                while !rest.isEmpty {
                    let some = UnsafeRawBufferPointer(rebasing: rest.prefix(length - 1))
                    if rest.count >= length { #expect(chunker.nextCut(in: some, atEnd: false) == nil) }
                    guard let cut = chunker.nextCut(in: rest, atEnd: true) else { break }
                    lengths.append(cut)
                    rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(cut))
                }
            }
            #expect(lengths.dropLast().allSatisfy { $0 == length })
            #expect(lengths.reduce(0, +) == count && lengths.count == (count + length - 1) / length)
        }
    }

    @Test(
        arguments: [
            (nil, 256), (0, 256), (-1, 256), (1, 16), (4 << 30, 16), ((8 << 30) - 1, 16), (8 << 30, 32), (16 << 30, 32),
            (32 << 30, 64), (64 << 30, 64), (128 << 30, 128), (256 << 30, 128), ((512 << 30) - 1, 128),
            (512 << 30, 256),
            (1 << 40, 256), (Int64.max, 256),
        ] as [(Int64?, Int)]
    )
    func followTheOldSizeInAShare(oldSize: Int64?, kibibytes: Int) {
        #expect(GearChunker.Parameters.forShare(oldSize: oldSize).average == kibibytes << 10)
    }
}
