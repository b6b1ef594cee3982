/// A small generator (SplitMix64) whose seed a failing test prints, so that the failure can be run again.
package struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(seed: UInt64) { self.state = seed }

    package mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var value = self.state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }

    /// A number below `bound`, which is positive.
    package mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }

    /// True once in `count` times, on average.
    package mutating func oneIn(_ count: Int) -> Bool { self.below(count) == 0 }

    package mutating func bytes(_ count: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count + 8)
        while bytes.count < count { withUnsafeBytes(of: self.next()) { bytes.append(contentsOf: $0) } }
        bytes.removeLast(bytes.count - count)
        return bytes
    }
}

/// Runs `body` with a fresh seed, which is printed.
package func withFreshSeed(
    _ name: String = #function,
    _ body: (inout SeededGenerator) throws -> Void
) rethrows {
    var generator = SeededGenerator(seed: Soak.seed(name))
    try body(&generator)
}
