import Crypto
package import FerryErrors

/// What a client pins: the SHA-256 of a server certificate's DER encoding.
///
/// The text form is `sha256:` and 64 hexadecimal digits, the digest that
/// `openssl x509 -in server.crt -outform DER | sha256sum` prints.
package struct Fingerprint: Hashable, Sendable {
    private static let prefix = "sha256:"

    /// The digest, 32 bytes.
    private let bytes: [UInt8]

    /// The fingerprint of a certificate.
    ///
    /// - Parameter certificate: the DER encoding of an X.509 certificate; it is hashed, not parsed.
    package init(certificate: [UInt8]) {
        self.bytes = Array(SHA256.hash(data: certificate))
    }

    /// Parses the text form: exactly `sha256:` and 64 hexadecimal digits, in either case.
    ///
    /// - Parameter text: what a link or a file says.
    /// - Throws: `.usage` for anything else, a shortened digest included.
    package init(_ text: some StringProtocol) throws(FerryError) {
        let characters = Array(text.utf8)
        guard
            characters.count == Self.prefix.utf8.count + 64,
            String(text.prefix(Self.prefix.count)).lowercased() == Self.prefix
        else { throw Self.malformed(text) }
        var bytes: [UInt8] = []
        var digits = characters.dropFirst(Self.prefix.utf8.count)
        while let high = digits.popFirst(), let low = digits.popFirst() {
            guard let high = Self.value(high), let low = Self.value(low) else { throw Self.malformed(text) }
            bytes.append(high << 4 | low)
        }
        self.bytes = bytes
    }

    private static func malformed(_ text: some StringProtocol) -> FerryError {
        FerryError(
            .usage,
            "`\(Escaping.escape(String(text.prefix(80))))` is no certificate fingerprint",
            remedy: "it reads `sha256:` and 64 hexadecimal digits, as `ferryd fingerprint` prints it"
        )
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}

extension Fingerprint: CustomStringConvertible {
    /// The text form, in lower case.
    package var description: String {
        Self.prefix
            + self.bytes.map { byte in
                let digits = String(byte, radix: 16)
                return digits.utf8.count == 1 ? "0" + digits : digits
            }.joined()
    }
}
