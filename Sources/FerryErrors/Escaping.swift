/// Text from outside (file names, a peer's messages) made safe for a terminal and for a log line.
package enum Escaping {
    /// Returns `bytes` with C0 and C1 controls, DEL, backslash, bidirectional overrides and bytes that are not UTF-8
    /// written as `\xNN` or `\u{N}`, so that neither an escape sequence nor a second log line can be smuggled in.
    package static func escape(_ bytes: some Sequence<UInt8>) -> String {
        let bytes = Array(bytes)
        if let text = String(validating: bytes, as: UTF8.self) { return self.escape(text) }
        // Not UTF-8 as a whole: such names are rare, so every byte outside ASCII is shown as hex.
        return bytes.map { $0 < 0x80 ? self.shown(Unicode.Scalar($0)) : self.hex($0) }.joined()
    }

    /// Returns `text` escaped as ``escape(_:)-bytes`` does.
    package static func escape(_ text: String) -> String {
        var output = ""
        for scalar in text.unicodeScalars { output += self.shown(scalar) }
        return output
    }

    /// Returns `text`, which a peer escaped or should have, with what it left unescaped made safe; a backslash stays, for it
    /// is part of an escape already.
    package static func escapeAgain(_ text: String) -> String {
        var output = ""
        for scalar in text.unicodeScalars { output += scalar == "\\" ? "\\" : self.shown(scalar) }
        return output
    }

    private static func shown(_ scalar: Unicode.Scalar) -> String {
        switch scalar.value {
        case 0..<0x20, 0x7F: self.hex(UInt8(truncatingIfNeeded: scalar.value))
        case 0x80..<0xA0, 0x061C, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069:
            "\\u{\(String(scalar.value, radix: 16))}"
        case 0x5C: "\\\\"
        default: String(scalar)
        }
    }

    private static func hex(_ byte: UInt8) -> String {
        let digits = String(byte, radix: 16, uppercase: true)
        return "\\x" + (digits.count == 1 ? "0" : "") + digits
    }
}
