package import FerryTransport

/// Where a daemon is and who logs in.
package struct Login: Sendable {
    package let host: String
    package let port: Int
    package let secret: String
    /// The pin of the daemon's certificate.
    package let fingerprint: Fingerprint
    /// Without TLS; for a daemon's plain loopback listener only.
    package let isPlain: Bool

    package init(host: String, port: Int, secret: String, fingerprint: Fingerprint, isPlain: Bool = false) {
        self.host = host
        self.port = port
        self.secret = secret
        self.fingerprint = fingerprint
        self.isPlain = isPlain
    }

    /// For messages.
    package var address: String {
        self.host.contains(":") ? "[\(self.host)]:\(self.port)" : "\(self.host):\(self.port)"
    }
}
