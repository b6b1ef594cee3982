/// A cheap guess whether compressing a block is worth the time.
package enum CompressibilityProbe {
    private static let windows = 4
    private static let windowLength = 2 << 10
    private static let sampleLength = windows * windowLength
    /// Bits a byte from which on a sample counts as random: a Huffman code alone would save less than 4 percent.
    private static let randomEntropy: Float = 7.7

    /// Returns whether `raw` looks as if it would shrink by more than a few percent.
    ///
    /// It examines 8 KiB at most, spread over `raw`: how uneven its bytes are (order-0 entropy) and, where they are
    /// even, whether strings of four recur.
    package static func looksCompressible(_ raw: UnsafeRawBufferPointer) -> Bool {
        guard raw.count > self.sampleLength else { return unsafe self.looksCompressible(sample: raw) }
        let stride = (raw.count - self.windowLength) / (self.windows - 1)
        // SAFETY: the windows tile the sample, and the last one ends where `raw` does, or a little before.
        return unsafe withUnsafeTemporaryAllocation(byteCount: self.sampleLength, alignment: 16) { sample in
            for index in 0..<self.windows {
                let target = unsafe UnsafeMutableRawBufferPointer(rebasing: sample[(index * self.windowLength)...])
                unsafe target.copyMemory(
                    from: UnsafeRawBufferPointer(rebasing: raw[(index * stride)...].prefix(self.windowLength))
                )
            }
            return unsafe self.looksCompressible(sample: UnsafeRawBufferPointer(sample))
        }
    }

    private static func looksCompressible(sample: UnsafeRawBufferPointer) -> Bool {
        unsafe self.entropy(of: sample) < self.randomEntropy || self.hasRepeats(sample)
    }

    /// The order-0 entropy in bits a byte, corrected for the size of the sample (Miller and Madow).
    private static func entropy(of sample: UnsafeRawBufferPointer) -> Float {
        guard sample.count > 0 else { return 8 }
        var counts = InlineArray<256, UInt32>(repeating: 0)
        for index in sample.indices { unsafe counts[Int(sample[index])] += 1 }
        let total = Float(sample.count)
        var sum: Float = 0
        for value in counts.indices where counts[value] > 0 {
            sum += Float(counts[value]) * self.log2(Float(counts[value]))
        }
        let bias = 255 / (2 * total * 0.6931)
        return self.log2(total) - sum / total + bias
    }

    /// The logarithm to base 2 of a number from 1 on, within 0.01; the system's own is in Foundation.
    private static func log2(_ value: Float) -> Float {
        let fraction = value.significand - 1
        return Float(value.exponent) + fraction * (1.3465 - 0.3465 * fraction)
    }

    /// Whether one in 16 four-byte strings of the sample came before in it.
    private static func hasRepeats(_ sample: UnsafeRawBufferPointer) -> Bool {
        guard sample.count >= 4 else { return false }
        var seen = InlineArray<2048, UInt32>(repeating: 0)
        var repeats = 0
        for offset in 0...sample.count - 4 {
            // SAFETY: the range ends four bytes before the sample does.
            let string = unsafe sample.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
            let slot = Int((string &* 0x9E37_79B1) >> 21)
            if seen[slot] == string { repeats += 1 }
            seen[slot] = string
        }
        return repeats * 16 > sample.count
    }
}
