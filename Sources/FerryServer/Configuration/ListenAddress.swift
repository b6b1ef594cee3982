import FerryWire
package import NIOCore

/// Where the daemon listens: `HOST:PORT` with an IP address, `[IPV6]:PORT`, or `unix:/path`.
///
/// The port may be left out and is then 7717; port 0 lets the system choose a free one. `0.0.0.0` and `[::]` are two
/// addresses that can stand side by side: an IPv6 socket is to be bound with `IPV6_V6ONLY`.
package enum ListenAddress: Hashable, Sendable {
    /// An IP address without brackets in canonical form, and a port.
    case internet(String, Int)
    /// The absolute path of a unix socket.
    case unix(String)

    /// Bytes that a unix socket's path may have: what NIO takes, a few less than Linux does.
    private static let maximumPathLength = 103
    private static let unixPrefix = "unix:"

    /// Parses the text form.
    ///
    /// - Parameter text: from a file, the environment or a flag.
    /// - Throws: ``SettingFault`` saying what is wrong with it.
    init(_ text: String) throws(SettingFault) {
        if text.hasPrefix(Self.unixPrefix) {
            let path = String(text.dropFirst(Self.unixPrefix.count))
            guard path.hasPrefix("/"), !path.utf8.contains(0) else {
                throw SettingFault("`unix:` must be followed by an absolute path")
            }
            guard path.utf8.count <= Self.maximumPathLength else {
                throw SettingFault("the path of a unix socket has at most \(Self.maximumPathLength) bytes")
            }
            self = .unix(path)
            return
        }
        let host: Substring
        var rest: Substring
        if text.hasPrefix("["), let end = text.firstIndex(of: "]") {
            host = text[text.index(after: text.startIndex)..<end]
            rest = text[text.index(after: end)...]
            guard host.contains(":") else { throw SettingFault("only an IPv6 address stands in brackets") }
        } else {
            host = text.prefix { $0 != ":" }
            rest = text[host.endIndex...]
        }
        var port = WireConstants.defaultPort
        if !rest.isEmpty {
            guard rest.popFirst() == ":" else { throw SettingFault("`:PORT` must follow the `]`") }
            guard !rest.contains(":") else {
                throw SettingFault("an IPv6 address stands in brackets, as in `[::1]:7717`")
            }
            let isNumber = (1...5).contains(rest.utf8.count) && rest.utf8.allSatisfy { (0x30...0x39).contains($0) }
            guard isNumber, let number = Int(rest), number <= 65_535 else {
                throw SettingFault("the port must be a number within 0–65535")
            }
            port = number
        }
        // The C library stops reading at a NUL, whatever follows it.
        guard
            !host.utf8.contains(0), let address = try? SocketAddress(ipAddress: String(host), port: port),
            let canonical = address.ipAddress
        else {
            throw SettingFault(
                "the host must be an IP address",
                remedy: "write `0.0.0.0` or `[::]` for all addresses, `127.0.0.1` or `[::1]` for this machine only"
            )
        }
        self = .internet(canonical, port)
    }

    /// Whether only this machine can reach it.
    package var isLocal: Bool {
        switch self {
        case .unix: true
        case .internet(let host, _):
            host.hasPrefix("127.") || host == "::1" || host.hasPrefix("::ffff:127.")
        }
    }

    /// Whether it is a unix socket, which is never served with TLS.
    package var isUnix: Bool {
        if case .unix = self { true } else { false }
    }

    /// The address to bind.
    ///
    /// - Returns: the same address as NIO takes it.
    /// - Throws: NIO's error if a path does not fit, which parsing has excluded.
    package func socketAddress() throws -> SocketAddress {
        switch self {
        case .internet(let host, let port): try SocketAddress(ipAddress: host, port: port)
        case .unix(let path): try SocketAddress(unixDomainSocketPath: path)
        }
    }
}

extension ListenAddress: CustomStringConvertible {
    /// The text form that parsing takes.
    package var description: String {
        switch self {
        case .internet(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): Self.unixPrefix + path
        }
    }
}
