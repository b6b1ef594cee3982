package import FerryChunking

/// Builds an encoding: fixed numbers are big endian; variable ones are unsigned LEB128 in its shortest form.
package struct ByteWriter {
    package private(set) var bytes: [UInt8] = []

    package init() {}

    package mutating func fixed<Number: FixedWidthInteger>(_ number: Number) {
        for shift in stride(from: Number.bitWidth - 8, through: 0, by: -8) {
            self.bytes.append(UInt8(truncatingIfNeeded: number >> shift))
        }
    }

    package mutating func varint(_ number: UInt64) {
        var rest = number
        while rest >= 0x80 {
            self.bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        self.bytes.append(UInt8(rest))
    }

    package mutating func varint(_ number: Int) { self.varint(UInt64(clamping: number)) }

    /// A signed number: 0, -1, 1, -2 and so on become 0, 1, 2, 3.
    package mutating func signed(_ number: Int64) {
        self.varint(UInt64(bitPattern: (number << 1) ^ (number >> 63)))
    }

    package mutating func raw(_ bytes: some Sequence<UInt8>) { self.bytes.append(contentsOf: bytes) }

    /// A length, and the bytes.
    package mutating func counted(_ bytes: some Collection<UInt8>) {
        self.varint(bytes.count)
        self.raw(bytes)
    }

    package mutating func id(_ id: ChunkID) { id.append(to: &self.bytes) }
}
