package import NIOCore

extension Channel {
    /// The peer's address with port, or "unix" for a unix socket.
    package var peerText: String {
        guard let address = self.remoteAddress, let host = address.ipAddress else { return "unix" }
        let port = address.port ?? 0
        return host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    /// The peer's address without port, or "unix"; an IPv4 address that came over an IPv6 socket reads as IPv4.
    package var peerHost: String {
        guard let address = self.remoteAddress, let host = address.ipAddress else { return "unix" }
        if host.hasPrefix("::ffff:"), host.contains(".") { return String(host.dropFirst(7)) }
        return host
    }

    /// What counts as one peer for limits and penalties; see ``SocketAddress/network``.
    package var peerNetwork: String { self.remoteAddress.map(\.network) ?? "unix" }
}

extension SocketAddress {
    /// An IPv4 address, or the first 64 bits of an IPv6 address, all of whose others a single machine may have and change
    /// at will (RFC 4291, 2.5.4; RFC 8981); "unix" for a unix socket.
    package var network: String {
        guard let host = self.ipAddress else { return "unix" }
        guard case .v6(let address) = self else { return host }
        // struct sockaddr_in6 (ipv6(7)): family, port and flow take 8 bytes, then comes the address.
        let bytes = unsafe withUnsafeBytes(of: address.address) { unsafe Array($0.dropFirst(8).prefix(16)) }
        // ::ffff:0:0/96, an IPv4 address that came over an IPv6 socket (RFC 4291, 2.5.5.2).
        if bytes.prefix(10).allSatisfy({ $0 == 0 }), bytes[10] == 0xFF, bytes[11] == 0xFF {
            return bytes.suffix(4).map { "\($0)" }.joined(separator: ".")
        }
        let groups = stride(from: 0, to: 8, by: 2).map {
            String(UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]), radix: 16)
        }
        return groups.joined(separator: ":") + "::/64"
    }
}
