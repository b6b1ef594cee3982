import FerryErrors
import FerryTransport
import NIOSSL
import Synchronization

/// The certificate that new connections are shown.
final class ServerIdentity: Sendable {
    private let state: Mutex<(certificate: ServerCertificate, context: NIOSSLContext)>

    /// - Throws: `.configuration` if certificate and key do not go together.
    init(_ certificate: ServerCertificate) throws(FerryError) {
        self.state = Mutex((certificate, try TLSContexts.server(certificate)))
    }

    var fingerprint: String { self.state.withLock { $0.certificate.fingerprint.description } }

    /// For connections that are made now; those that are open keep theirs.
    var context: NIOSSLContext { self.state.withLock { $0.context } }

    /// Shows another certificate from now on.
    ///
    /// - Returns: whether it is another one.
    /// - Throws: as ``init(_:)``; then the old one stays.
    func replace(_ certificate: ServerCertificate) throws(FerryError) -> Bool {
        let context = try TLSContexts.server(certificate)
        return self.state.withLock { state in
            defer { state = (certificate, context) }
            return state.certificate.fingerprint != certificate.fingerprint
        }
    }
}
