package import FerryErrors
import NIOCore
package import NIOSSL

/// The two TLS set-ups of the house: TLS 1.3 and nothing older, no ALPN, trust by pinned fingerprint.
package enum TLSContexts {
    /// For the peer's close_notify, which nothing depends on: frames say where they end. It comes on top of a deadline.
    private static let shutdownTimeout = TimeAmount.milliseconds(100)

    /// A daemon's context.
    ///
    /// - Parameter certificate: the daemon's certificate and key.
    /// - Returns: a context for all of the daemon's connections.
    /// - Throws: `.configuration` if the key cannot be read or is not the certificate's.
    package static func server(_ certificate: ServerCertificate) throws(FerryError) -> NIOSSLContext {
        let chain = try ServerCertificate.parseChain(certificate.certificatePEM)
        let key: NIOSSLPrivateKey
        do { key = try NIOSSLPrivateKey(bytes: certificate.privateKeyPEM, format: .pem) } catch {
            throw FerryError(
                .configuration,
                "the TLS key is not in PEM form, is damaged, or is encrypted",
                remedy: "use the unencrypted private key that belongs to the certificate",
                cause: error
            )
        }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.all.map { .certificate($0) },
            privateKey: .privateKey(key)
        )
        configuration.minimumTLSVersion = .tlsv13
        configuration.shutdownTimeout = Self.shutdownTimeout
        // Clients log in with a token; no certificate is asked of them, so no roots are loaded.
        configuration.trustRoots = .certificates([])
        do { return try NIOSSLContext(configuration: configuration) } catch {
            throw FerryError(
                .configuration,
                "the TLS key does not belong to the TLS certificate",
                remedy: "give the key that the certificate was made for",
                cause: error
            )
        }
    }

    /// A client's context, the same for all servers: whom to trust is decided per connection by ``PinnedTLS``.
    ///
    /// - Returns: a context for any number of connections.
    /// - Throws: `.internalError` if BoringSSL refuses the set-up.
    package static func client() throws(FerryError) -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv13
        configuration.shutdownTimeout = Self.shutdownTimeout
        // The pin replaces names, signers and dates: a certificate that was handed over by its fingerprint is the
        // right one whatever it says, and one that has expired is still the one that was handed over.
        // `.none` would skip the custom check as well.
        configuration.certificateVerification = .noHostnameVerification
        configuration.trustRoots = .certificates([])
        do { return try NIOSSLContext(configuration: configuration) } catch {
            throw FerryError(.internalError, "cannot set up TLS", cause: error)
        }
    }
}
