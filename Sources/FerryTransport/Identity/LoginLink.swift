package import FerryErrors
import FerryWire

/// All that a client needs to reach a daemon and to be sure of it, in one line that an administrator hands over:
/// `ferry://USER:SECRET@HOST:PORT/?pin=sha256:…`.
///
/// The link is a credential. Its description hides the secret, and no error that parsing throws quotes any of it;
/// only ``text`` shows everything.
package struct LoginLink: Hashable, Sendable {
    /// Bytes of a link: several times what the longest host name and secret need.
    package static let maximumLength = 2 << 10
    /// Bytes of a user name and of a secret.
    package static let maximumPartLength = 256
    private static let scheme = "ferry://"

    package let user: String
    /// The device's token, as opaque text.
    package let secret: String
    /// A host name, an IPv4 address, or an IPv6 address without brackets.
    package let host: String
    package let port: Int
    package let pin: Fingerprint

    /// Makes a link, holding its parts to the same rules as parsing.
    ///
    /// - Parameters:
    ///   - user: 1–256 characters out of letters, digits, `-`, `.`, `_` and `~`.
    ///   - secret: as `user`.
    ///   - host: a host name or an IP address, an IPv6 one with or without brackets.
    ///   - port: 1–65535.
    ///   - pin: the fingerprint of the server's certificate.
    /// - Throws: `.usage` naming the part that is not allowed.
    package init(
        user: String,
        secret: String,
        host: String,
        port: Int = WireConstants.defaultPort,
        pin: Fingerprint
    ) throws(FerryError) {
        try Self.checkPart(user, "user name")
        try Self.checkPart(secret, "secret")
        guard (1...65_535).contains(port) else { throw Self.invalid("the port is not within 1–65535") }
        self.user = user
        self.secret = secret
        self.host = try HostName.check(host)
        self.port = port
        self.pin = pin
    }

    /// Parses a link; white space and line ends around it are ignored, as a file or a terminal adds them.
    ///
    /// - Parameter text: what the user pasted.
    /// - Throws: `.usage` saying what is missing or not allowed, without quoting the link.
    package init(_ text: String) throws(FerryError) {
        guard text.utf8.count <= Self.maximumLength else {
            throw Self.invalid("it is longer than \(Self.maximumLength) bytes")
        }
        var rest = Self.trim(text)
        guard rest.lowercased().hasPrefix(Self.scheme) else {
            throw Self.invalid("it does not begin with `\(Self.scheme)`")
        }
        rest = rest.dropFirst(Self.scheme.count)

        guard let slash = rest.firstIndex(of: "/") else { throw Self.invalid("`/?pin=…` is missing") }
        let authority = rest[..<slash]
        let tail = rest[slash...]

        guard let at = authority.firstIndex(of: "@") else { throw Self.invalid("`USER:SECRET@` is missing") }
        let credentials = authority[..<at]
        guard let colon = credentials.firstIndex(of: ":") else { throw Self.invalid("the `:SECRET` is missing") }
        let (host, port) = try HostName.split(authority[authority.index(after: at)...])

        let query = "/?pin="
        guard tail.hasPrefix(query) else { throw Self.invalid("`/?pin=…` is missing or something else stands there") }
        let pin: Fingerprint
        do { pin = try Fingerprint(tail.dropFirst(query.count)) } catch {
            throw Self.invalid("its pin is not `sha256:` and 64 hexadecimal digits; it may have been cut short")
        }
        try self.init(
            user: String(credentials[..<colon]),
            secret: String(credentials[credentials.index(after: colon)...]),
            host: host,
            port: port ?? WireConstants.defaultPort,
            pin: pin
        )
    }

    /// The whole link, secret included: for the one output that hands it over.
    package var text: String { self.formatted(secret: self.secret) }

    private func formatted(secret: String) -> String {
        let host = HostName.bracketed(self.host)
        return "\(Self.scheme)\(self.user):\(secret)@\(host):\(self.port)/?pin=\(self.pin)"
    }

    private static func checkPart(_ part: String, _ name: String) throws(FerryError) {
        guard !part.isEmpty else { throw self.invalid("the \(name) is empty") }
        guard part.utf8.count <= self.maximumPartLength else {
            throw self.invalid("the \(name) is longer than \(self.maximumPartLength) bytes")
        }
        let isPlain = part.utf8.allSatisfy { byte in
            HostName.isLetterOrDigit(byte) || "-._~".utf8.contains(byte)
        }
        guard isPlain else { throw self.invalid("the \(name) holds characters that a link cannot carry") }
    }

    private static func trim(_ text: String) -> Substring {
        let isSpace: (Character) -> Bool = { $0.isASCII && $0.isWhitespace }
        var rest = text.drop(while: isSpace)
        while let last = rest.last, isSpace(last) { rest.removeLast() }
        return rest
    }

    static func invalid(_ reason: String) -> FerryError {
        FerryError(
            .usage,
            "this is no valid login link: \(reason)",
            remedy: "copy the whole line that `ferryd user add` or `ferryd token add` printed"
        )
    }
}

extension LoginLink: CustomStringConvertible {
    /// The link with its secret hidden, fit for a log.
    package var description: String { self.formatted(secret: "…") }
}
