import FerryChunking
import FerryTestKit
import Testing

struct GearScanTests {
    // Ranges that begin, end and overlap everywhere, and bounds that hit early, late and never.
    @Test func theFastWaysFindWhatTheReferenceFinds() {
        withFreshSeed { generator in
            for round in 0..<400 {
                let count = Int.random(in: 64...(round % 4 == 0 ? 60_000 : 9_000), using: &generator)
                let bytes = round % 8 == 0 ? Samples.logs(count, &generator) : Samples.random(count, &generator)
                let first = Int.random(in: 64...min(count, 5000), using: &generator)
                let last = Int.random(in: (first - 1)...count, using: &generator)
                let bound = UInt64(1) << UInt64.random(in: 46...56, using: &generator)
                bytes.withUnsafeBytes { bytes in
                    let found = GearScan.firstByReference(in: bytes, from: first, through: last, bound: bound)
                    #expect(GearScan.first(in: bytes, from: first, through: last, bound: bound) == found)
                    #expect(GearScan.firstByLanes(in: bytes, from: first, through: last, bound: bound) == found)
                }
            }
        }
    }

    // The one place with a low hash, planted everywhere in zeros, which have none: in each lane, and at each seam. The
    // bounds make for no vectors, short stretches and long ones.
    @Test(arguments: [(UInt64(54), 4096 + 300, 5), (52, 4096 + 300, 5), (49, 16_384 + 300, 61)])
    func theFastWaysFindAPlaceWhereverItIs(bits: UInt64, count: Int, step: Int) throws {
        try withFreshSeed { generator in
            let bound = UInt64(1) << bits
            var window: [UInt8] = []
            repeat {
                window = Samples.random(64, &generator)
            } while window.withUnsafeBytes { Self.hash($0, 64) } >= bound
            for place in stride(from: 128, through: count, by: step) {
                var bytes = [UInt8](repeating: 0, count: count)
                bytes.replaceSubrange(place - 64..<place, with: window)
                try bytes.withUnsafeBytes { bytes in
                    // By chance the window's edges may have a low hash too.
                    let expected = try #require((place - 63...place).first { Self.hash(bytes, $0) < bound })
                    for first in [64, 65] {
                        #expect(GearScan.first(in: bytes, from: first, through: count, bound: bound) == expected)
                        #expect(GearScan.firstByLanes(in: bytes, from: first, through: count, bound: bound) == expected)
                    }
                }
            }
        }
    }

    @Test func anEmptyRangeHasNoPlace() {
        [UInt8](repeating: 0, count: 64).withUnsafeBytes { bytes in
            #expect(GearScan.first(in: bytes, from: 65, through: 64, bound: .max) == nil)
            #expect(GearScan.first(in: bytes, from: 64, through: 64, bound: .max) == 64)
        }
    }

    private static func hash(_ bytes: UnsafeRawBufferPointer, _ place: Int) -> UInt64 {
        var hash: UInt64 = 0
        for byte in bytes[(place - 64)..<place] { hash = hash << 1 &+ GearTable.entries[Int(byte)] }
        return hash
    }
}
