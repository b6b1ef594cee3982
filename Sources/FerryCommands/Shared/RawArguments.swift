import FerryErrors

/// Command-line arguments whose bytes are not UTF-8, carried through a parser that only knows strings.
///
/// A byte that is no part of UTF-8 travels as the scalar U+10FF00 plus the byte, from a private plane. The UTF-8 bytes of
/// an argument that holds such a scalar itself travel likewise, so that nothing is ambiguous.
package enum RawArguments {
    private static let base: UInt32 = 0x10_FF00

    /// The arguments of this process, the program's name left out, ready for the parser.
    package static var current: [String] {
        let count = Int(CommandLine.argc)
        return (1..<max(1, count)).compactMap { index in
            guard let argument = CommandLine.unsafeArgv[index] else { return nil }
            return self.text(Array(UnsafeRawBufferPointer(start: argument, count: self.length(argument))))
        }
    }

    /// A string that stands for `bytes`; their own text wherever they are UTF-8.
    ///
    /// - Parameter bytes: an argument.
    /// - Returns: What ``bytes(_:)`` takes back.
    package static func text(_ bytes: [UInt8]) -> String {
        if let text = String(validating: bytes, as: UTF8.self), !text.unicodeScalars.contains(where: self.isCarrier) {
            return text
        }
        var text = String.UnicodeScalarView()
        var rest = bytes[...]
        while let byte = rest.first {
            if let scalar = self.scalar(at: rest), !self.isCarrier(scalar) {
                text.append(scalar)
                rest = rest.dropFirst(UTF8.width(scalar))
            } else {
                text.append(Unicode.Scalar(self.base + UInt32(byte)) ?? "\u{FFFD}")
                rest = rest.dropFirst()
            }
        }
        return String(text)
    }

    /// The bytes that ``text(_:)`` took.
    ///
    /// - Parameter text: an argument as the parser returned it.
    /// - Returns: Any bytes.
    package static func bytes(_ text: String) -> [UInt8] {
        var bytes: [UInt8] = []
        for scalar in text.unicodeScalars {
            if self.isCarrier(scalar) {
                bytes.append(UInt8(truncatingIfNeeded: scalar.value))
            } else {
                bytes.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            }
        }
        return bytes
    }

    /// An argument, escaped for a message.
    ///
    /// - Parameter text: an argument as the parser returned it.
    /// - Returns: Printable text.
    package static func shown(_ text: String) -> String { Escaping.escape(self.bytes(text)) }

    private static func isCarrier(_ scalar: Unicode.Scalar) -> Bool { scalar.value >= self.base }

    /// The scalar at the beginning of `bytes`, if they are UTF-8 there.
    private static func scalar(at bytes: ArraySlice<UInt8>) -> Unicode.Scalar? {
        var decoder = UTF8()
        var iterator = bytes.makeIterator()
        guard case .scalarValue(let scalar) = decoder.decode(&iterator) else { return nil }
        return scalar
    }

    private static func length(_ argument: UnsafePointer<CChar>) -> Int {
        var length = 0
        while argument[length] != 0 { length += 1 }
        return length
    }
}
