import FerryClient
import FerryErrors
import FerryTestKit
import FerryTransport
import Testing

/// Login links: what a user pastes may come from anyone.
@Suite struct LinkFuzzTests {
    private static let tokens = [
        "ferry://", "@", ":", "[::1]", "\0", "/?pin=sha256:", "%00", "\u{301}", "\n", "-", ".",
    ]

    @Test func aLinkThatIsTakenIsPlainAndPrintsAsItself() throws {
        let fuzz = try Fuzz("link", tokens: Self.tokens, maximumLength: 4096)
        try fuzz.run(mutants: 30_000) { bytes, _ in
            let text = String(decoding: bytes, as: UTF8.self)
            do {
                let link = try LoginLink(text)
                try hold(try LoginLink(link.text) == link, "it is printed as another: \(link)")
                let isPlain = link.text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
                try hold(isPlain, "it holds what no address holds: \(link.text.debugDescription)")
                try hold((1...65_535).contains(link.port), "the port \(link.port)")
                let entry = try ServerEntry(name: "nas", link: link)
                let known = [link.user, link.host, "\(link.pin)", "\(link.port)", "ferry://", "nas"]
                if link.secret.count > 8, !known.contains(where: { $0.contains(link.secret) }) {
                    try hold(!"\(link)\(entry)".contains(link.secret), "its description shows the secret")
                }
            } catch let error as FerryError {
                try hold(error.code == .usage, "it is refused with \(error.code)")
                try Shown.judge("\(error)", "the refusal")
            }
        }
    }

    @Test func aPinIsReadAndPrintedTheSame() throws {
        let fuzz = try Fuzz("link", tokens: Self.tokens, maximumLength: 4096)
        try fuzz.run(mutants: 10_000) { bytes, _ in
            guard let start = bytes.firstIndex(of: UInt8(ascii: "=")) else { return }
            let text = String(decoding: bytes[start...].dropFirst(), as: UTF8.self)
            guard let pin = try? Fingerprint(text) else { return }
            try hold("\(pin)" == text.lowercased(), "\(text) is read as \(pin)")
        }
    }
}
