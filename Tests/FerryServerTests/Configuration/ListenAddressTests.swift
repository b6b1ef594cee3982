import FerryServer
import Testing

/// Addresses are parsed as values of `listen`.
@Suite struct ListenAddressTests {
    private func parse(_ text: String) throws -> ListenAddress {
        let loaded = try load("listen_plain: []", environment: ["FERRY_LISTEN": text])
        return try #require(loaded.settings.listen.first)
    }

    @Test(arguments: [
        ("0.0.0.0", ListenAddress.internet("0.0.0.0", 7717), "0.0.0.0:7717"),
        ("127.0.0.1:0", .internet("127.0.0.1", 0), "127.0.0.1:0"),
        ("127.0.0.1:65535", .internet("127.0.0.1", 65_535), "127.0.0.1:65535"),
        ("[::]", .internet("::", 7717), "[::]:7717"),
        ("[2001:DB8:0::1]:80", .internet("2001:db8::1", 80), "[2001:db8::1]:80"),
        ("unix:/run/ferry.sock", .unix("/run/ferry.sock"), "unix:/run/ferry.sock"),
    ])
    func parsesAndFormats(_ text: String, _ address: ListenAddress, _ formatted: String) throws {
        let parsed = try self.parse(text)
        #expect(parsed == address)
        #expect("\(parsed)" == formatted)
        #expect(try self.parse(formatted) == address)
        #expect(throws: Never.self) { try parsed.socketAddress() }
    }

    @Test(arguments: [
        ("nas:7717", "IP address"), ("localhost:7717", "127.0.0.1"), (":7717", "IP address"), ("7717", "IP address"),
        ("*:7717", "IP address"), ("1.2.3:7717", "IP address"), ("::1:7717", "brackets"), ("[::1", "brackets"),
        ("[::1]7717", "must follow"), ("[127.0.0.1]:7717", "brackets"), ("127.0.0.1:", "port"),
        ("127.0.0.1:65536", "port"), ("127.0.0.1:+1", "port"), ("127.0.0.1:1x", "port"), ("127.0.0.1:000001", "port"),
        ("unix:run/ferry.sock", "absolute"), ("unix:", "absolute"),
    ])
    func refuses(_ text: String, _ part: String) {
        expectRefusal("FERRY_LISTEN: `listen`: `", containing: part) { _ = try self.parse(text) }
    }

    @Test func boundsTheSocketPath() throws {
        let longest = "/" + String(repeating: "x", count: 102)
        #expect(throws: Never.self) { try self.parse("unix:" + longest).socketAddress() }
        expectRefusal("FERRY_LISTEN", containing: "103 bytes") { _ = try self.parse("unix:" + longest + "x") }
    }

    @Test(arguments: [
        ("127.0.0.1", true), ("127.9.9.9", true), ("[::1]", true), ("[::ffff:127.0.0.1]", true), ("unix:/s", true),
        ("0.0.0.0", false), ("[::]", false), ("128.0.0.1", false), ("[::2]", false), ("[::ffff:10.0.0.1]", false),
    ])
    func knowsLoopback(_ text: String, _ isLocal: Bool) throws {
        #expect(try self.parse(text).isLocal == isLocal)
        #expect(try self.parse(text).isUnix == text.hasPrefix("unix"))
    }
}
