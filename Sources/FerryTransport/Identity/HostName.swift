import FerryErrors
import NIOCore

/// The `HOST:PORT` part of a login link.
enum HostName {
    /// Splits `HOST`, `HOST:PORT`, `[IPV6]` or `[IPV6]:PORT`; the brackets are dropped. The host is not checked.
    static func split(_ text: Substring) throws(FerryError) -> (host: String, port: Int?) {
        let host: Substring
        var rest: Substring
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else { throw LoginLink.invalid("a `]` is missing") }
            host = text[text.index(after: text.startIndex)..<end]
            guard host.contains(":") else { throw LoginLink.invalid("only an IPv6 address stands in brackets") }
            rest = text[text.index(after: end)...]
        } else {
            host = text.prefix { $0 != ":" }
            rest = text[host.endIndex...]
        }
        if rest.isEmpty { return (String(host), nil) }
        guard rest.popFirst() == ":" else { throw LoginLink.invalid("`:PORT` must follow the `]`") }
        guard !rest.contains(":") else { throw LoginLink.invalid("an IPv6 address stands in brackets") }
        // Digits only: `Int` alone would take a sign.
        guard
            (1...5).contains(rest.utf8.count), rest.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let port = Int(rest)
        else { throw LoginLink.invalid("the port is not a number within 1–65535") }
        return (String(host), port)
    }

    /// Checks a host name (RFC 1123, and `_`, which some local names hold) or an IP address.
    ///
    /// - Returns: the host without brackets.
    static func check(_ text: String) throws(FerryError) -> String {
        let host = text.hasPrefix("[") && text.hasSuffix("]") ? String(text.dropFirst().dropLast()) : text
        guard !host.isEmpty else { throw LoginLink.invalid("the host is empty") }
        if host.contains(":") {
            guard self.isAddress(host) else { throw LoginLink.invalid("the host is no valid IPv6 address") }
            return host
        }
        guard host.utf8.count <= 253 else { throw LoginLink.invalid("the host name is longer than 253 bytes") }
        let labels = host.hasSuffix(".") ? host.dropLast() : host[...]
        let isName = labels.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
            (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
                && label.utf8.allSatisfy { self.isLetterOrDigit($0) || "-_".utf8.contains($0) }
        }
        guard isName else {
            throw LoginLink.invalid("the host is no host name of ASCII letters, digits, `-` and `.`")
        }
        return host
    }

    /// The host as it stands in front of a port.
    static func bracketed(_ host: String) -> String {
        host.contains(":") ? "[\(host)]" : host
    }

    /// Whether the text is an IPv4 or IPv6 address.
    static func isAddress(_ text: String) -> Bool {
        // The C library stops reading at a NUL, and the kernel an interface's name at a colon, whatever follows.
        text.utf8.allSatisfy { (0x21...0x7E).contains($0) } && (try? SocketAddress(ipAddress: text, port: 0)) != nil
    }

    static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"):
            true
        default: false
        }
    }
}
