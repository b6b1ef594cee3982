import Crypto
package import FerryErrors
import FoundationEssentials
import NIOSSL
import SwiftASN1
import X509

/// A daemon's certificate and key, as PEM bytes; reading and writing the files is the caller's.
///
/// A daemon that has none makes one: self-signed, P-256, valid for ten years. Clients pin its fingerprint and check
/// neither its dates nor its names, so the dates only matter to other tools that look at it. Ten years outlive the
/// machine; a short life would buy nothing, since a pin must be handed out anew with every new certificate, and
/// an endless one is refused by some tools.
package struct ServerCertificate: Sendable {
    /// Days that a self-made certificate is valid.
    package static let lifeInDays = 3650
    /// Bytes of a certificate file and of a key file: a long chain of RSA certificates is a tenth of that.
    package static let maximumLength = 256 << 10

    /// The certificate, and the ones that sign it if there are any, leaf first.
    package let certificatePEM: [UInt8]
    package let privateKeyPEM: [UInt8]
    /// What clients pin: the leaf's fingerprint.
    package let fingerprint: Fingerprint

    /// Takes a certificate and key as read from files.
    ///
    /// - Parameters:
    ///   - certificatePEM: one certificate or a chain, leaf first.
    ///   - privateKeyPEM: the leaf's key, not encrypted.
    /// - Throws: `.configuration` if either cannot be read or they do not belong together.
    package init(certificatePEM: [UInt8], privateKeyPEM: [UInt8]) throws(FerryError) {
        guard certificatePEM.count <= Self.maximumLength, privateKeyPEM.count <= Self.maximumLength else {
            throw FerryError(.configuration, "the TLS certificate or key is longer than \(Self.maximumLength) bytes")
        }
        self.certificatePEM = certificatePEM
        self.privateKeyPEM = privateKeyPEM
        let chain = try Self.parseChain(certificatePEM)
        self.fingerprint = try Fingerprint(chain.first)
        // Making a context is what checks that the key belongs to the certificate.
        _ = try TLSContexts.server(self)
    }

    /// Makes a new key and a self-signed certificate for it.
    ///
    /// - Parameter commonName: names the certificate for people who look at it; clients do not check it.
    /// - Returns: the certificate and its key.
    /// - Throws: `.internalError` if the key cannot sign.
    package static func makeSelfSigned(commonName: String = "ferryd") throws(FerryError) -> ServerCertificate {
        let key = P256.Signing.PrivateKey()
        let now = Date()
        let certificatePEM: String
        do {
            let name = try DistinguishedName { CommonName(commonName) }
            let certificate = try Certificate(
                version: .v3,
                serialNumber: Certificate.SerialNumber(),
                publicKey: .init(key.publicKey),
                // A day early, for the tools that do look at it on a machine whose clock is behind.
                notValidBefore: now - 86_400,
                notValidAfter: now + Double(self.lifeInDays) * 86_400,
                issuer: name,
                subject: name,
                extensions: Certificate.Extensions {
                    Critical(BasicConstraints.notCertificateAuthority)
                    Critical(KeyUsage(digitalSignature: true))
                    try ExtendedKeyUsage([.serverAuth])
                    SubjectAlternativeNames([.dnsName(commonName)])
                },
                issuerPrivateKey: .init(key)
            )
            certificatePEM = try certificate.serializeAsPEM().pemString
        } catch {
            throw FerryError(.internalError, "cannot make a self-signed certificate", cause: error)
        }
        return try ServerCertificate(
            certificatePEM: Array((certificatePEM + "\n").utf8),
            privateKeyPEM: Array((key.pemRepresentation + "\n").utf8)
        )
    }

    static func parseChain(_ pem: [UInt8]) throws(FerryError) -> NonEmptyChain {
        do {
            let chain = try NIOSSLCertificate.fromPEMBytes(pem)
            guard let first = chain.first else { throw NIOSSLError.failedToLoadCertificate }
            return NonEmptyChain(first: first, all: chain)
        } catch {
            throw FerryError(
                .configuration,
                "the TLS certificate is not in PEM form or is damaged",
                remedy: "it begins with `-----BEGIN CERTIFICATE-----`",
                cause: error
            )
        }
    }

    /// A certificate chain with its leaf at hand.
    struct NonEmptyChain {
        let first: NIOSSLCertificate
        let all: [NIOSSLCertificate]
    }
}

extension ServerCertificate: CustomStringConvertible {
    /// The fingerprint; never the key.
    package var description: String { "certificate \(self.fingerprint)" }
}

extension Fingerprint {
    /// The fingerprint of a certificate as NIOSSL holds it.
    init(_ certificate: NIOSSLCertificate) throws(FerryError) {
        do { self.init(certificate: try certificate.toDERBytes()) } catch {
            throw FerryError(.configuration, "the TLS certificate cannot be encoded", cause: error)
        }
    }
}
