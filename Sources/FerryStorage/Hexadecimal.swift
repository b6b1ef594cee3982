package import FerryChunking

/// Bytes as names have them.
enum Hexadecimal {
    static func byte(_ value: Int) -> String { (value < 16 ? "0" : "") + String(value, radix: 16) }

    /// The value of a lower-case digit.
    static func digit(_ character: UInt8) -> UInt8? {
        switch character {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
        default: nil
        }
    }
}

extension ChunkID {
    /// Reads 64 lower-case hexadecimal digits; nil for anything else.
    package init?(hex: some StringProtocol) {
        let digits = hex.utf8.map(Hexadecimal.digit)
        guard digits.count == 2 * Self.length else { return nil }
        var bytes: [UInt8] = []
        for place in stride(from: 0, to: digits.count, by: 2) {
            guard let high = digits[place], let low = digits[place + 1] else { return nil }
            bytes.append(high << 4 | low)
        }
        self.init(bytes: bytes)
    }

    var firstByte: Int {
        // SAFETY: an id has 32 bytes.
        unsafe self.withUnsafeBytes { unsafe Int($0[0]) }
    }
}
