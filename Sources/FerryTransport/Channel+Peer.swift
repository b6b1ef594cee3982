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
}
