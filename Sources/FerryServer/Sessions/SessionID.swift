/// The id that daemon and client print for one connection: 8 random bytes in hex.
enum SessionID {
    static func make() -> String {
        let text = String(UInt64.random(in: .min ... .max), radix: 16)
        return String(repeating: "0", count: 16 - text.count) + text
    }
}
