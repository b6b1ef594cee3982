/// A set of bytes, for bracket expressions: four words, whatever is in it.
struct ByteSet: Sendable, Hashable {
    private var words = SIMD4<UInt64>()

    func contains(_ byte: UInt8) -> Bool { self.words[Int(byte >> 6)] >> UInt64(byte & 63) & 1 == 1 }

    mutating func insert(_ byte: UInt8) { self.words[Int(byte >> 6)] |= 1 << UInt64(byte & 63) }

    /// Turns it into the set of the bytes that were not in it.
    mutating func invert() { self.words = ~self.words }
}
