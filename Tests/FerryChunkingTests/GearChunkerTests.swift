import FerryChunking
import FerryTestKit
import Testing

struct GearChunkerTests {
    @Test func cutsWhereTheGoldenVectorsSay() throws {
        let lines = try Golden.lines("cuts.txt")
        #expect(lines.count == 9)
        for line in lines {
            let input = try #require(Golden.input(line[0]))
            let lengths = try input.withUnsafeBytes { try Chunking.lengths(of: $0, average: #require(Int(line[1]))) }
            #expect(lengths == line.dropFirst(2).compactMap { Int($0) }, "\(line[0]) at \(line[1])")
        }
    }

    @Test(arguments: [16 << 10, 64 << 10]) func cutsByTheBook(average: Int) throws {
        try withFreshSeed { generator in
            for bytes in [Samples.random(150_000, &generator), Samples.logs(150_000, &generator)] {
                try bytes.withUnsafeBytes { bytes in
                    let lengths = try Chunking.lengths(of: bytes, average: average)
                    #expect(lengths == Chunking.lengthsByTheBook(of: bytes, average: average))
                }
            }
        }
    }

    @Test func cutsTheSameHoweverTheBytesArrive() throws {
        try withFreshSeed { generator in
            let bytes = Samples.random(1_500_000, &generator) + Samples.records(500_000, &generator)
            for average in [16 << 10, 32 << 10, 256 << 10] {
                try bytes.withUnsafeBytes { bytes in
                    let whole = try Chunking.lengths(of: bytes, average: average)
                    for largest in [1000, 9000, 300_000] {
                        let pieces = try Self.lengthsInPieces(bytes, average, upTo: largest, &generator)
                        #expect(pieces == whole)
                    }
                }
            }
        }
    }

    @Test func everyChunkKeepsTheLimits() throws {
        try withFreshSeed { generator in
            var bytes = Samples.random(3_000_000, &generator)
            bytes += [UInt8](repeating: 7, count: 3_000_000)
            for average in [16 << 10, 64 << 10, 256 << 10] {
                let parameters = try GearChunker.Parameters(average: average)
                let lengths = try bytes.withUnsafeBytes { try Chunking.lengths(of: $0, average: average) }
                #expect(lengths.reduce(0, +) == bytes.count)
                #expect(lengths.allSatisfy { $0 <= parameters.maximum })
                #expect(lengths.dropLast().allSatisfy { $0 >= parameters.minimum })
                #expect(lengths.contains(parameters.maximum))
            }
        }
    }

    // What content-defined cutting is for.
    @Test func anInsertionMovesTheCutsOnlyAroundItself() throws {
        try withFreshSeed { generator in
            let old = Samples.random(2_000_000, &generator)
            var new = old
            new.insert(contentsOf: [1, 2, 3], at: 1_000_000)
            let ids = try [old, new].map { bytes in try bytes.withUnsafeBytes { try Self.ids(of: $0) } }
            let lacked = Set(ids[1]).subtracting(ids[0])
            #expect(ids[1].count > 50)
            #expect((1...6).contains(lacked.count))
        }
    }

    @Test func aShortStreamIsOneChunk() throws {
        for count in [1, 63, 64, 4095, 4096] {
            let bytes = [UInt8](repeating: 0, count: count)
            #expect(try bytes.withUnsafeBytes { try Chunking.lengths(of: $0, average: 16 << 10) } == [count])
        }
    }

    @Test func anEmptyStreamHasNoChunk() throws {
        var chunker = GearChunker(parameters: try GearChunker.Parameters(average: 16 << 10))
        let empty = UnsafeRawBufferPointer(start: nil, count: 0)
        #expect(chunker.nextCut(in: empty, atEnd: false) == nil)
        #expect(chunker.nextCut(in: empty, atEnd: true) == nil)
    }

    @Test func theMaximumIsCutWithoutWaitingForMore() throws {
        let parameters = try GearChunker.Parameters(average: 16 << 10)
        let zeros = [UInt8](repeating: 0, count: parameters.maximum + 1)
        for (count, atEnd, cut) in [
            (parameters.maximum - 1, false, nil), (parameters.maximum - 1, true, parameters.maximum - 1),
            (parameters.maximum, false, parameters.maximum), (parameters.maximum + 1, true, parameters.maximum),
        ] as [(Int, Bool, Int?)] {
            var chunker = GearChunker(parameters: parameters)
            zeros.withUnsafeBytes { zeros in
                let bytes = UnsafeRawBufferPointer(rebasing: zeros.prefix(count))
                #expect(chunker.nextCut(in: bytes, atEnd: atEnd) == cut)
            }
        }
    }

    private static func lengthsInPieces(
        _ bytes: UnsafeRawBufferPointer,
        _ average: Int,
        upTo largest: Int,
        _ generator: inout SeededGenerator
    ) throws -> [Int] {
        var chunker = GearChunker(parameters: try GearChunker.Parameters(average: average))
        var lengths: [Int] = []
        var start = 0
        var end = 0
        while true {
            let atEnd = end == bytes.count && Bool.random(using: &generator)
            if let length = chunker.nextCut(in: UnsafeRawBufferPointer(rebasing: bytes[start..<end]), atEnd: atEnd) {
                lengths.append(length)
                start += length
            } else if atEnd {
                return lengths
            } else {
                end = min(bytes.count, end + Int.random(in: 0...largest, using: &generator))
            }
        }
    }

    private static func ids(of bytes: UnsafeRawBufferPointer) throws -> [ChunkID] {
        var position = 0
        return try Chunking.lengths(of: bytes, average: 16 << 10).map { length in
            defer { position += length }
            return ChunkID(hashing: UnsafeRawBufferPointer(rebasing: bytes[position..<position + length]))
        }
    }
}
