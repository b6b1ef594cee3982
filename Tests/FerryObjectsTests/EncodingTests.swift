import FerryChunking
import FerryErrors
import FerryObjects
import FerryTestKit
import Testing

@Suite struct EncodingTests {
    @Test(arguments: Sample.all) func itIsReadAsItWasWritten(_ sample: Sample) throws {
        #expect(try sample.again(sample.encoded) == sample.encoded)
    }

    @Test(arguments: Sample.all) func cutAnywhereItIsRefused(_ sample: Sample) throws {
        for count in 0..<sample.encoded.count {
            let cut = Array(sample.encoded.prefix(count))
            // A note is a list of fields, and ends after any; an empty one is none.
            if let again = try? sample.again(cut), sample.name == "note" {
                try hold(again != sample.encoded, "\(count)")
            }
            if sample.name != "note" { #expect(throws: FerryError.self, "\(count)") { try sample.again(cut) } }
        }
        if sample.name != "note" {
            #expect(throws: FerryError.self) { try sample.again(sample.encoded + [0]) }
        }
    }

    @Test(arguments: Sample.all) func withAnyBitFlippedItIsRefusedOrSomethingElse(_ sample: Sample) throws {
        for bit in 0..<(sample.encoded.count * 8) {
            var flipped = sample.encoded
            flipped[bit / 8] ^= 1 << UInt8(bit % 8)
            do {
                let again = try sample.again(flipped)
                try hold(!sample.isCovered, "\(sample.name): bit \(bit) was not seen")
                // What has no sum of its own has an id, and is written in one way only. (A note passes over what it does not know,
                // a footer what is not critical.)
                guard sample.name != "note", sample.name != "pack footer" else { continue }
                try hold(again == flipped, "\(sample.name): bit \(bit) is written in another way")
            } catch let error as FerryError {
                let known: [FerryError.Code] = [.integrity, .newerState, .unsupported]
                try hold(known.contains(error.code), "\(sample.name): bit \(bit): \(error)")
            }
        }
    }

    @Test(arguments: Sample.all) func whateverItIsItDoesNotTrap(_ sample: Sample) throws {
        var generator = SeededGenerator(seed: Soak.seed(#function))
        for _ in 0..<Soak.count(2000, soak: 200_000) {
            var bytes = sample.encoded
            for _ in 0...generator.below(4) {
                let place = generator.below(bytes.count + 1)
                switch generator.below(4) {
                case 0 where place < bytes.count: bytes[place] = UInt8.random(in: 0...255, using: &generator)
                case 1: bytes.insert(contentsOf: generator.bytes(1 + generator.below(9)), at: place)
                case 2: bytes.removeSubrange(place..<min(bytes.count, place + generator.below(9)))
                default:
                    let extreme: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01]
                    bytes.replaceSubrange(
                        place..<min(bytes.count, place + 1),
                        with: extreme.suffix(generator.below(11))
                    )
                }
                if bytes.isEmpty { bytes = [0] }
            }
            // With the sums mended, so that what is behind them is reached.
            for candidate in [bytes, Self.mended(sample, bytes)] {
                do {
                    let again = try sample.again(candidate)
                    guard sample.name != "note", sample.name != "pack footer" else { continue }
                    try hold(again == candidate, "\(sample.name): \(Fuzz.hex(candidate))")
                } catch is FerryError {}
            }
        }
    }

    private static func mended(_ sample: Sample, _ bytes: [UInt8]) -> [UInt8] {
        func summed(_ bytes: [UInt8], _ sum: UInt32) -> [UInt8] {
            bytes + [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: sum >> $0) }
        }
        switch sample.name {
        case "pack header", "pack trailer", "configuration":
            let rest = Array(bytes.dropLast(4))
            return summed(rest, Checksum.crc32c(rest))
        case "snapshot":
            var rest = Array(bytes.dropLast(32))
            ChunkID.hashing(rest).append(to: &rest)
            return rest
        case "block header":
            guard bytes.count >= 40 else { return bytes }
            let table = Array(bytes.dropFirst(40))
            let start = summed(Array(bytes.prefix(32)), Checksum.crc32c(table))
            return summed(start, Checksum.crc32c((Sample.salt?.bytes ?? []) + start)) + table
        default: return bytes
        }
    }
}
