import FerryChunking
import FerryTestKit
import Testing

struct CompressibilityProbeTests {
    enum Kind: CaseIterable {
        case logs
        case base64
        case records
        case zeros
        case repeatedNoise
        case random
        case zlib
        case jpegLike

        var compressible: Bool {
            switch self {
            case .logs, .base64, .records, .zeros, .repeatedNoise: true
            case .random, .zlib, .jpegLike: false
            }
        }

        func make(_ count: Int, _ generator: inout SeededGenerator) throws -> [UInt8] {
            switch self {
            case .logs: return Samples.logs(count, &generator)
            case .base64: return Samples.base64(count, &generator)
            case .records: return Samples.records(count, &generator)
            case .zeros: return [UInt8](repeating: 0, count: count)
            case .repeatedNoise:
                let noise = Samples.random(700, &generator)
                return Array((0...count / 700).flatMap { _ in noise }.prefix(count))
            case .random: return Samples.random(count, &generator)
            case .zlib:
                let raw = Samples.base64(count * 2, &generator)
                return try Array(#require(ReferenceZlib.compress(raw, level: 6)).prefix(count))
            case .jpegLike:
                // JPEG stuffs a zero after each 0xFF, and restarts now and then.
                let noise = Samples.random(count, &generator).flatMap { $0 == 0xFF ? [$0, 0] : [$0] }
                return Array(noise.prefix(count))
            }
        }
    }

    @Test(arguments: Kind.allCases, [2000, 8192, 8193, 65_536, ChunkLimits.maximumLength])
    func tellsTheKinds(kind: Kind, count: Int) throws {
        try withFreshSeed { generator in
            let raw = try kind.make(count, &generator)
            let looks = raw.withUnsafeBytes { CompressibilityProbe.looksCompressible($0) }
            #expect(looks == kind.compressible, "\(kind), \(count) bytes")
        }
    }

    // It spreads its samples: a compressible half is found at either end.
    @Test func findsACompressibleHalf() {
        withFreshSeed { generator in
            let noise = Samples.random(200_000, &generator)
            let logs = Samples.logs(200_000, &generator)
            for raw in [noise + logs, logs + noise] {
                #expect(raw.withUnsafeBytes { CompressibilityProbe.looksCompressible($0) })
            }
        }
    }

    @Test(arguments: [0, 1, 2, 3, 4, 5]) func takesTheShortest(count: Int) {
        _ = [UInt8](repeating: 7, count: count).withUnsafeBytes { CompressibilityProbe.looksCompressible($0) }
    }
}
