/// What lies where in a state directory.
package struct StatePaths: Hashable, Sendable {
    /// The directory itself.
    package let root: String

    package init(root: String) { self.root = root }

    /// The number of the layout, as text.
    package var version: String { self.root + "/version" }
    /// The accounts.
    package var catalog: String { self.root + "/catalog.sqlite" }
    /// The directory of certificate and key.
    package var tls: String { self.root + "/tls" }
    /// The daemon's self-made certificate.
    package var certificate: String { self.root + "/tls/cert.pem" }
    /// Its key.
    package var key: String { self.root + "/tls/key.pem" }
    /// Where a running daemon takes admin commands.
    package var adminSocket: String { self.root + "/admin.sock" }
    /// The configuration file that is read if no other is named.
    package var configuration: String { self.root + "/ferryd.yaml" }
}
