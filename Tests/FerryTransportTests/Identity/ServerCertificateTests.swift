import FerryErrors
import FerryTransport
import FoundationEssentials
import NIOSSL
import SwiftASN1
import Testing
import X509

@Suite struct ServerCertificateTests {
    @Test func makesAPairThatServes() throws {
        let made = try ServerCertificate.makeSelfSigned(commonName: "nas.example.org")
        let read = try ServerCertificate(certificatePEM: made.certificatePEM, privateKeyPEM: made.privateKeyPEM)
        #expect(read.fingerprint == made.fingerprint)
        #expect(try ServerCertificate.makeSelfSigned().fingerprint != made.fingerprint)
    }

    @Test func fingerprintIsOfTheEncoding() throws {
        let made = try ServerCertificate.makeSelfSigned()
        let leaf = try #require(NIOSSLCertificate.fromPEMBytes(made.certificatePEM).first)
        #expect(try Fingerprint(certificate: leaf.toDERBytes()) == made.fingerprint)
    }

    @Test func isValidForTenYears() throws {
        let made = try ServerCertificate.makeSelfSigned()
        let leaf = try #require(NIOSSLCertificate.fromPEMBytes(made.certificatePEM).first)
        let certificate = try Certificate(derEncoded: leaf.toDERBytes())
        let life = certificate.notValidAfter.timeIntervalSince(certificate.notValidBefore)
        // One day before the moment of making, and ten years after it.
        #expect(life == 3651 * 86_400)
        #expect(certificate.publicKey.isValidSignature(certificate.signature, for: certificate))
    }

    @Test func aChainIsKnownByItsLeaf() throws {
        let leaf = try ServerCertificate.makeSelfSigned()
        let other = try ServerCertificate.makeSelfSigned()
        let chain = try ServerCertificate(
            certificatePEM: leaf.certificatePEM + other.certificatePEM,
            privateKeyPEM: leaf.privateKeyPEM
        )
        #expect(chain.fingerprint == leaf.fingerprint)
    }

    @Test func refusesWhatDoesNotFit() throws {
        let one = try ServerCertificate.makeSelfSigned()
        let other = try ServerCertificate.makeSelfSigned()
        let garbage = Array("no PEM".utf8)
        let damaged = Array(one.certificatePEM.dropLast(60))
        let long = [UInt8](repeating: 0x20, count: ServerCertificate.maximumLength + 1 - one.certificatePEM.count)
        let cases: [(certificate: [UInt8], key: [UInt8], reason: String)] = [
            (one.certificatePEM, other.privateKeyPEM, "does not belong"),
            (garbage, one.privateKeyPEM, "certificate is not in PEM"),
            ([], one.privateKeyPEM, "certificate is not in PEM"),
            (damaged, one.privateKeyPEM, "certificate is not in PEM"),
            (one.certificatePEM, garbage, "key is not in PEM"),
            (one.certificatePEM, [], "key is not in PEM"),
            (one.certificatePEM + long, one.privateKeyPEM, "longer than"),
        ]
        for (certificate, key, reason) in cases {
            #expect("\(reason)") {
                try ServerCertificate(certificatePEM: certificate, privateKeyPEM: key)
            } throws: { error in
                guard let error = error as? FerryError else { return false }
                return error.code == .configuration && error.message.contains(reason)
            }
        }
    }

    @Test func hidesTheKey() throws {
        let made = try ServerCertificate.makeSelfSigned()
        #expect("\(made)" == "certificate \(made.fingerprint)")
        #expect(String(reflecting: made) == "certificate \(made.fingerprint)")
    }
}
