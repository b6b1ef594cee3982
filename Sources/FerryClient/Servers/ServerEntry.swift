package import FerryErrors
package import FerryTransport

/// A daemon that a user has logged in to, under the name that the user chose for it.
///
/// Its description hides the secret.
package struct ServerEntry: Hashable, Sendable {
    /// Bytes of a name.
    package static let maximumNameLength = 64

    package let name: String
    package let host: String
    package let port: Int
    package let user: String
    /// The device's token.
    package let secret: String
    /// The pin of the daemon's certificate.
    package let fingerprint: Fingerprint

    /// An entry for what a login link says.
    ///
    /// - Parameters:
    ///   - name: `[a-z0-9][a-z0-9._-]*`, at most 64 bytes.
    ///   - link: the rest.
    /// - Throws: `.usage` if the name is not allowed.
    package init(name: String, link: LoginLink) throws(FerryError) {
        try Self.checkName(name)
        self.name = name
        self.host = link.host
        self.port = link.port
        self.user = link.user
        self.secret = link.secret
        self.fingerprint = link.pin
    }

    /// What connecting takes.
    package var login: Login {
        Login(host: self.host, port: self.port, secret: self.secret, fingerprint: self.fingerprint)
    }

    /// The name for a server that the user gave none: the first label of a host name, or a whole IPv4 address.
    ///
    /// - Parameter host: as a login link holds it.
    /// - Returns: a valid name, or nil for an IPv6 address and other hosts that make none.
    package static func defaultName(for host: String) -> String? {
        let host = host.lowercased()
        let isAddress = host.utf8.allSatisfy { (0x30...0x39).contains($0) || $0 == UInt8(ascii: ".") }
        let name = isAddress ? host : String(host.prefix { $0 != "." })
        return self.isName(name) ? name : nil
    }

    /// Checks a server's name.
    ///
    /// - Parameter name: as a user wrote it.
    /// - Throws: `.usage` if it is not allowed.
    package static func checkName(_ name: String) throws(FerryError) {
        guard self.isName(name) else {
            throw FerryError(
                .usage,
                "`\(Escaping.escape(String(name.prefix(self.maximumNameLength))))` is no name for a server",
                remedy: "use 1–\(self.maximumNameLength) of a-z, 0-9, `.`, `_` and `-`, first a letter or a digit"
            )
        }
    }

    /// The rule for names of servers, and of shares: a shell, a log and a path take them as they are.
    static func isName(_ text: some StringProtocol) -> Bool {
        guard (1...self.maximumNameLength).contains(text.utf8.count), let first = text.utf8.first else { return false }
        let isPlain: (UInt8) -> Bool = { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        }
        return isPlain(first) && text.utf8.allSatisfy { isPlain($0) || "._-".utf8.contains($0) }
    }
}

extension ServerEntry: CustomStringConvertible {
    /// Name, user and address; never the secret.
    package var description: String { "\(self.name) (\(self.user) at \(self.login.address))" }
}
