import FerryErrors
import FerryTransport
import Testing

@Suite struct LoginLinkTests {
    static let pin = FingerprintTests.abc
    static let good = "ferry://alice:ferry_S3cret-x@nas.example.org:7718/?pin=\(pin)"

    @Test func parsesItsParts() throws {
        let link = try LoginLink(Self.good)
        #expect(link.user == "alice")
        #expect(link.secret == "ferry_S3cret-x")
        #expect(link.host == "nas.example.org")
        #expect(link.port == 7718)
        #expect(link.pin.description == Self.pin)
    }

    @Test(arguments: ["nas", "nas.example.org", "nas.example.org.", "my_nas", "192.0.2.7", "::1", "2001:db8::7"])
    func survivesTheRoundTrip(_ host: String) throws {
        let link = try LoginLink(user: "a.b", secret: "s~_-", host: host, port: 65_535, pin: Fingerprint(Self.pin))
        #expect(try LoginLink(link.text) == link)
        #expect(link.host == host)
    }

    @Test func takesBracketsDefaultPortAndSpaceAround() throws {
        let link = try LoginLink(" \t\nferry://alice:s@[2001:db8::7]/?pin=\(Self.pin)\r\n")
        #expect(link.host == "2001:db8::7")
        #expect(link.port == 7717)
        #expect(link.text == "ferry://alice:s@[2001:db8::7]:7717/?pin=\(Self.pin)")
        let built = try LoginLink(user: "a", secret: "s", host: "[::1]", pin: Fingerprint(Self.pin))
        #expect(built.host == "::1")
    }

    @Test(arguments: [
        ("", "does not begin"),
        ("https://alice:s@nas/?pin=\(pin)", "does not begin"),
        ("ferry://", "`/?pin=…` is missing"),
        ("ferry://alice:s@nas", "`/?pin=…` is missing"),
        ("ferry://alice:s@nas/", "`/?pin=…` is missing"),
        ("ferry://alice:s@nas/inbox?pin=\(pin)", "something else"),
        ("ferry://alice:s@nas/?pim=\(pin)", "something else"),
        ("ferry://alice:s@nas/?pin=sha256:12", "cut short"),
        ("ferry://alice:s@nas/?pin=\(pin)&x=y", "cut short"),
        ("ferry://alice:s@nas/?pin=\(pin)#x", "cut short"),
        ("ferry://nas/?pin=\(pin)", "`USER:SECRET@` is missing"),
        ("ferry://alice@nas/?pin=\(pin)", "`:SECRET` is missing"),
        ("ferry://:s@nas/?pin=\(pin)", "user name is empty"),
        ("ferry://alice:@nas/?pin=\(pin)", "secret is empty"),
        ("ferry://al ice:s@nas/?pin=\(pin)", "user name holds"),
        ("ferry://alice:s%41@nas/?pin=\(pin)", "secret holds"),
        ("ferry://alice:s:t@nas/?pin=\(pin)", "secret holds"),
        ("ferry://alice:\u{1B}[2J@nas/?pin=\(pin)", "secret holds"),
        ("ferry://alice:s@/?pin=\(pin)", "host is empty"),
        ("ferry://alice:s@-nas/?pin=\(pin)", "no host name"),
        ("ferry://alice:s@nas..org/?pin=\(pin)", "no host name"),
        ("ferry://alice:s@n@s/?pin=\(pin)", "no host name"),
        ("ferry://alice:s@bücher.example/?pin=\(pin)", "no host name"),
        ("ferry://alice:s@::1/?pin=\(pin)", "brackets"),
        ("ferry://alice:s@[::1/?pin=\(pin)", "`]` is missing"),
        ("ferry://alice:s@[nas]/?pin=\(pin)", "brackets"),
        ("ferry://alice:s@[1:2]/?pin=\(pin)", "no valid IPv6"),
        ("ferry://alice:s@[::1]7717/?pin=\(pin)", "must follow"),
        ("ferry://alice:s@nas:/?pin=\(pin)", "port"),
        ("ferry://alice:s@nas:0/?pin=\(pin)", "port"),
        ("ferry://alice:s@nas:65536/?pin=\(pin)", "port"),
        ("ferry://alice:s@nas:+7717/?pin=\(pin)", "port"),
        ("ferry://alice:s@nas:7717x/?pin=\(pin)", "port"),
    ])
    func refuses(_ text: String, because reason: String) {
        #expect { try LoginLink(text) } throws: { error in
            guard let error = error as? FerryError else { return false }
            return error.code == .usage && error.message.contains(reason)
        }
    }

    @Test func boundsItsLength() throws {
        let padding = LoginLink.maximumLength - Self.good.utf8.count
        #expect(throws: Never.self) { try LoginLink(Self.good + String(repeating: " ", count: padding)) }
        #expect(throws: FerryError.self) { try LoginLink(Self.good + String(repeating: " ", count: padding + 1)) }
        let longest = String(repeating: "x", count: LoginLink.maximumPartLength)
        let pin = try Fingerprint(Self.pin)
        #expect(throws: Never.self) { try LoginLink(user: longest, secret: longest, host: "h", pin: pin) }
        #expect(throws: FerryError.self) { try LoginLink(user: longest + "x", secret: "s", host: "h", pin: pin) }
        #expect(throws: FerryError.self) { try LoginLink(user: "u", secret: longest + "x", host: "h", pin: pin) }
        let label = String(repeating: "x", count: 63)
        #expect(throws: Never.self) { try LoginLink(user: "u", secret: "s", host: label, pin: pin) }
        #expect(throws: FerryError.self) { try LoginLink(user: "u", secret: "s", host: label + "x", pin: pin) }
    }

    @Test func hidesTheSecret() throws {
        let link = try LoginLink(Self.good)
        #expect(!"\(link)".contains("S3cret"))
        #expect(!String(reflecting: link).contains("S3cret"))
        let broken = Self.good.replacing("pin", with: "pim")
        #expect { try LoginLink(broken) } throws: { !"\($0)".contains("S3cret") }
    }

    /// Every prefix, and every single byte replaced: parsed or refused, never a trap.
    @Test func toleratesAnyDamage() {
        let bytes = Array(Self.good.utf8)
        for index in bytes.indices {
            _ = try? LoginLink(String(decoding: bytes[..<index], as: UTF8.self))
            for byte in UInt8.min...UInt8.max {
                var damaged = bytes
                damaged[index] = byte
                guard let link = try? LoginLink(String(decoding: damaged, as: UTF8.self)) else { continue }
                #expect((try? LoginLink(link.text)) == link)
            }
        }
    }
}
