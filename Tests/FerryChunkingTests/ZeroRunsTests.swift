import FerryChunking
import FerryTestKit
import Testing

struct ZeroRunsTests {
    /// The first run, found byte by byte.
    private static func naive(_ bytes: [UInt8], from start: Int) -> Range<Int>? {
        var begin: Int?
        for place in start...bytes.count {
            if place < bytes.count, bytes[place] == 0 {
                begin = begin ?? place
            } else {
                if let begin, place - begin >= ZeroRuns.minimum { return begin..<place }
                begin = nil
            }
        }
        return nil
    }

    @Test func runsAreFoundWhereverTheyLie() throws {
        try withFreshSeed { generator in
            for _ in 0..<Soak.count(300, soak: 30_000) {
                var bytes: [UInt8] = []
                for _ in 0..<(1 + generator.below(5)) {
                    bytes += (0..<generator.below(6000)).map { _ in UInt8(generator.oneIn(3) ? 0 : generator.below(256))
                    }
                    let around = [1, 7, 4095, 4096, 8191, 8192, 8193, 12_287, 20_000][generator.below(9)]
                    bytes += [UInt8](repeating: 0, count: around)
                }
                bytes += [UInt8](repeating: 1, count: generator.below(3))
                var start = 0
                while true {
                    let found = bytes.withUnsafeBytes { ZeroRuns.first(in: $0, from: start) }
                    try hold(
                        found == Self.naive(bytes, from: start),
                        "\(bytes.count) bytes, from \(start): \(found as Any)"
                    )
                    guard let found else { break }
                    start = found.upperBound
                }
            }
        }
    }

    @Test func zerosAtEitherEndAreCounted() {
        for count in 0..<40 {
            for zeros in 0...count {
                let behind = [UInt8](repeating: 0, count: zeros) + [UInt8](repeating: 1, count: count - zeros)
                #expect(behind.withUnsafeBytes { ZeroRuns.leading($0) } == zeros)
                #expect(Array(behind.reversed()).withUnsafeBytes { ZeroRuns.trailing($0) } == zeros)
            }
        }
    }
}
