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

    @Test(
        arguments: [
            (nil, 256), (0, 16), (-1, 16), (1, 16), (4 << 30, 16), ((8 << 30) - 1, 16), (8 << 30, 32), (16 << 30, 32),
            (32 << 30, 64), (64 << 30, 64), (128 << 30, 128), (256 << 30, 128), ((512 << 30) - 1, 128),
            (512 << 30, 256),
            (1 << 40, 256), (Int64.max, 256),
        ] as [(Int64?, Int)]
    )
    func followTheOldSizeInAShare(oldSize: Int64?, kibibytes: Int) {
        #expect(GearChunker.Parameters.forShare(oldSize: oldSize).average == kibibytes << 10)
    }
}
