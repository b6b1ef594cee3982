/// Damages inputs in the ways that parsers are known to trip over.
package struct Mutator: Sendable {
    /// Numbers beside which limits, signs and widths end.
    private static let interesting: [UInt64] = [
        0, 1, 2, 0x7F, 0x80, 0xFF, 0x100, 0x3FFF, 0x4000, 0x7FFF, 0x8000, 0xFFFF, 0x1_0000, 0xF_FFFF, 0x10_0000,
        0x10_0001, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 0x1_0000_0000, 0x7FFF_FFFF_FFFF_FFFF, 0x8000_0000_0000_0000,
        .max,
    ]

    private let others: [[UInt8]]
    private let tokens: [[UInt8]]
    private let maximumLength: Int

    /// - Parameters:
    ///   - corpus: what inputs are spliced with.
    ///   - tokens: words of the input's language.
    ///   - maximumLength: bytes that a mutant may have.
    package init(_ corpus: Corpus, tokens: [String] = [], maximumLength: Int = 1 << 16) {
        self.others = corpus.inputs.map(\.bytes)
        self.tokens = tokens.map { Array($0.utf8) }
        self.maximumLength = maximumLength
    }

    /// - Parameters:
    ///   - input: what to damage.
    ///   - generator: decides how.
    /// - Returns: `input` with one to six changes.
    package func mutate(_ input: [UInt8], _ generator: inout SeededGenerator) -> [UInt8] {
        var bytes = input
        for _ in 0...generator.below(6) { self.change(&bytes, &generator) }
        return Array(bytes.prefix(self.maximumLength))
    }

    private func change(_ bytes: inout [UInt8], _ generator: inout SeededGenerator) {
        guard !bytes.isEmpty else {
            bytes = generator.bytes(1 + generator.below(8))
            return
        }
        let place = generator.below(bytes.count)
        switch generator.below(11) {
        case 0: bytes[place] ^= 1 << UInt8(generator.below(8))
        case 1: bytes[place] = UInt8(truncatingIfNeeded: generator.next())
        case 2: bytes.insert(contentsOf: generator.bytes(1 + generator.below(8)), at: place)
        case 3: bytes.removeSubrange(Self.range(bytes, &generator))
        case 4: bytes.removeLast(bytes.count - place)
        case 5:
            let copied = bytes[Self.range(bytes, &generator)]
            for _ in 0...(generator.oneIn(10) ? 40 : 1) where bytes.count < self.maximumLength {
                bytes.insert(contentsOf: copied, at: place)
            }
        case 6: Self.storeInteger(&bytes, place, &generator)
        case 7: Self.editLength(&bytes, place, &generator)
        case 8: Self.editVarint(&bytes, place, &generator)
        case 9:
            guard let other = self.others.randomElement(using: &generator), !other.isEmpty else { return }
            bytes.replaceSubrange(place..., with: other[generator.below(other.count)...])
        default:
            guard let token = self.tokens.randomElement(using: &generator) else { return }
            bytes.insert(contentsOf: token, at: place)
        }
    }

    private static func range(_ bytes: [UInt8], _ generator: inout SeededGenerator) -> Range<Int> {
        let start = generator.below(bytes.count)
        return start..<min(bytes.count, start + 1 + generator.below(generator.oneIn(4) ? bytes.count : 8))
    }

    /// Overwrites one, two, four or eight bytes with a number that is interesting, in either order of bytes.
    private static func storeInteger(_ bytes: inout [UInt8], _ place: Int, _ generator: inout SeededGenerator) {
        guard let number = self.interesting.randomElement(using: &generator) else { return }
        let width = 1 << generator.below(4)
        let isBig = generator.oneIn(2)
        for index in 0..<width where place + index < bytes.count {
            let shift = 8 * UInt64(isBig ? width - 1 - index : index)
            bytes[place + index] = UInt8(truncatingIfNeeded: number >> shift)
        }
    }

    /// Changes a byte that may be the length of what follows it, by little.
    private static func editLength(_ bytes: inout [UInt8], _ place: Int, _ generator: inout SeededGenerator) {
        let lengths = bytes.indices.filter { Int(bytes[$0]) == bytes.count - $0 - 1 }
        let index = lengths.randomElement(using: &generator) ?? place
        bytes[index] = bytes[index] &+ ([1, 255, 2, 254, 128].randomElement(using: &generator) ?? 1)
    }

    /// Replaces the varint that begins at `place` with another, at times a longer form than it needs.
    private static func editVarint(_ bytes: inout [UInt8], _ place: Int, _ generator: inout SeededGenerator) {
        let end = bytes[place...].firstIndex { $0 < 0x80 }.map { $0 + 1 } ?? bytes.count
        var number = self.interesting.randomElement(using: &generator) ?? 0
        var varint: [UInt8] = []
        let padding = generator.oneIn(4) ? generator.below(10) : 0
        repeat {
            let isLast = number < 0x80 && varint.count >= padding
            varint.append(UInt8(number & 0x7F) | (isLast ? 0 : 0x80))
            number >>= 7
            if isLast { break }
        } while varint.count < 12
        bytes.replaceSubrange(place..<end, with: varint)
    }
}
