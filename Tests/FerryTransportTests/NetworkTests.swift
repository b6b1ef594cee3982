import FerryTransport
import NIOCore
import Testing

/// What counts as one peer.
@Suite struct NetworkTests {
    @Test(arguments: [
        ("192.0.2.7", "192.0.2.7"), ("::1", "0:0:0:0::/64"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"), ("2001:db8:1:3::", "2001:db8:1:3::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"), ("::fffe:192.0.2.7", "0:0:0:0::/64"),
        ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff::/64"),
    ])
    func anIPv6AddressCountsWithItsNeighbours(_ address: String, _ network: String) throws {
        #expect(try SocketAddress(ipAddress: address, port: 7).network == network)
    }

    @Test func aUnixSocketIsOnePeer() throws {
        #expect(try SocketAddress(unixDomainSocketPath: "/run/x").network == "unix")
    }
}
