import Crypto

/// The secret of a token: 256 bits of the system's generator, as text `ferry_` + base64url (RFC 4648 §5) without padding.
///
/// The prefix lets secret scanners recognise a leaked one. As the secret is uniformly random, one SHA-256 without salt or
/// stretching keeps it safe in the catalog, and the hash can be looked up through an index.
struct TokenSecret {
    static let prefix = "ferry_"

    let text: String

    init() {
        var generator = SystemRandomNumberGenerator()
        let words = (0..<4).map { _ in generator.next() as UInt64 }
        let bytes = words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
        self.text = Self.prefix + Self.base64URL(bytes)
    }

    /// The SHA-256 of the text form: what the catalog stores. Any text has one, a malformed one too.
    static func hash(_ text: String) -> [UInt8] {
        var hasher = SHA256()
        var text = text
        text.withUTF8 { hasher.update(bufferPointer: UnsafeRawBufferPointer($0)) }
        return Array(hasher.finalize())
    }

    static func base64URL(_ bytes: [UInt8]) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
        var output: [UInt8] = []
        var bits = 0
        var buffer: UInt32 = 0
        for byte in bytes {
            buffer = (buffer << 8 | UInt32(byte)) & 0xFFFF
            bits += 8
            while bits >= 6 {
                bits -= 6
                output.append(alphabet[Int(buffer >> UInt32(bits) & 0x3F)])
            }
        }
        if bits > 0 { output.append(alphabet[Int(buffer << UInt32(6 - bits) & 0x3F)]) }
        return String(decoding: output, as: UTF8.self)
    }

    /// A token's short id: 8 characters that cannot be mistaken for one another (40 random bits, Crockford's base 32).
    static func makeID() -> String {
        let alphabet = Array("0123456789abcdefghjkmnpqrstvwxyz".utf8)
        var generator = SystemRandomNumberGenerator()
        let bits: UInt64 = generator.next()
        return String(decoding: (0..<8).map { alphabet[Int(bits >> (5 * UInt64($0)) & 31)] }, as: UTF8.self)
    }
}
