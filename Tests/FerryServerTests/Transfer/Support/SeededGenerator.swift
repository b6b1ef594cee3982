/// A small generator (SplitMix64) whose seed a failing test prints, so that the failure can be run again.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { self.state = seed }

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var value = self.state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }

    /// True once in `count` times, on average.
    mutating func oneIn(_ count: Int) -> Bool { Int.random(in: 0..<count, using: &self) == 0 }

    mutating func bytes(_ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        bytes.withUnsafeMutableBytes { buffer in
            var offset = 0
            while offset + 8 <= count {
                buffer.storeBytes(of: self.next(), toByteOffset: offset, as: UInt64.self)
                offset += 8
            }
            while offset < count {
                buffer[offset] = UInt8(truncatingIfNeeded: self.next())
                offset += 1
            }
        }
        return bytes
    }

    /// Bytes that hold what transfers meet: noise, text, zeros, and repeats of what came before.
    mutating func file(_ count: Int) -> [UInt8] {
        var file: [UInt8] = []
        file.reserveCapacity(count)
        while file.count < count {
            let length = min(count - file.count, 1 << Int.random(in: 6...20, using: &self))
            switch Int.random(in: 0..<4, using: &self) {
            case 0: file += self.bytes(length)
            case 1: file += repeatElement(0, count: length)
            case 2:
                let line = Array("\(self.next() % 1000) lines of a log that says the same again and again\n".utf8)
                while line.count <= count - file.count, !self.oneIn(500) { file += line }
                file += line.prefix(count - file.count)
            default:
                guard !file.isEmpty else { continue }
                let start = Int.random(in: 0..<file.count, using: &self)
                file += file[start..<min(file.count, start + length)]
            }
        }
        return file
    }
}
