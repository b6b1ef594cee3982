import FerryErrors
import FerryTransport
import Testing

@Suite struct FingerprintTests {
    /// SHA-256 of "abc", FIPS 180-2 appendix B.1.
    static let abc = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

    @Test func isTheDigestOfTheEncodedCertificate() {
        #expect(Fingerprint(certificate: Array("abc".utf8)).description == Self.abc)
    }

    @Test func parsesEitherCase() throws {
        let expected = Fingerprint(certificate: Array("abc".utf8))
        #expect(try Fingerprint(Self.abc) == expected)
        #expect(try Fingerprint(Self.abc.uppercased()) == expected)
    }

    @Test(arguments: [
        "", "sha256:", "\(abc.dropLast())", "\(abc)0", "\(abc) ", " \(abc)", "\(abc.dropFirst(7))",
        "sha512:\(abc.dropFirst(7))", "sha256-\(abc.dropFirst(7))", "\(abc.dropLast())g", "\(abc.dropLast(2))é",
        "\(abc.dropLast(2))+1", "SHA256\u{1A}\(abc.dropFirst(7))",
    ])
    func refusesAnythingElse(_ text: String) {
        #expect { try Fingerprint(text) } throws: { ($0 as? FerryError)?.code == .usage }
    }
}
