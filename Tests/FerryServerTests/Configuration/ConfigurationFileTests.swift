import FerryServer
import Testing

@Suite struct ConfigurationFileTests {
    @Test(arguments: ["", "\n", "# nothing\n", "---\n", "limits:\n", "limits:\n  # all defaults\nlog:\n", "~", "{}"])
    func nothingMeansDefaults(_ yaml: String) throws {
        #expect(try load(yaml).settings == Settings())
    }

    @Test func readsEveryKind() throws {
        let settings = try load(
            """
            # Ferry
            listen: ["127.0.0.1:7000", "[::1]:7001"]
            listen_plain:
              - 127.0.0.1
              - unix:/run/ferry/plain.sock
            backlog: 10
            tls:
              certificate: /etc/ferry/server.crt
              key: "/etc/ferry/server.key"
            limits: {connections: 7, memory: 1GiB, window: 2 MiB, reserve: 0}
            timeouts:
              handshake: 250ms
              idle: 1h
            log:
              level: debug
              format: json\r
            """
        ).settings
        #expect(settings.listen == [.internet("127.0.0.1", 7000), .internet("::1", 7001)])
        #expect(settings.listenPlain == [.internet("127.0.0.1", 7717), .unix("/run/ferry/plain.sock")])
        #expect(settings.backlog == 10)
        #expect(settings.tls.certificate == "/etc/ferry/server.crt")
        #expect(settings.tls.key == "/etc/ferry/server.key")
        #expect(settings.limits.connections == 7)
        #expect(settings.limits.memory == 1 << 30)
        #expect(settings.limits.window == 2 << 20)
        #expect(settings.limits.reserve == 0)
        #expect(settings.timeouts.handshake == .milliseconds(250))
        #expect(settings.timeouts.idle == .seconds(3600))
        #expect(Setting.named("log.level")?.texts(in: settings) == ["debug"])
        #expect(settings.log.format == .json)
    }

    @Test(arguments: [
        (
            "limits:\n  conections: 5", "ferryd.yaml:2: unknown setting `limits.conections`",
            "mean `limits.connections`?"
        ),
        ("# x\n\nconnections: 5", "ferryd.yaml:3: unknown setting `connections`", "mean `limits.connections`?"),
        ("limit:\n  connections: 5", "ferryd.yaml:1: unknown setting `limit`", "mean `limits`?"),
        ("zebra: 1", "ferryd.yaml:1: unknown setting `zebra`", "ferryd config"),
        ("limits.connections: 5", "ferryd.yaml:1: `limits.connections` must stand in its section", "`limits:`"),
        ("log:\n  le\\vel: x", "ferryd.yaml:2: unknown setting `log.le\\\\vel`", "log.level"),
        ("backlog: 1\nbacklog: 2", "ferryd.yaml:1: `backlog` is given more than once", ""),
        ("limits:\n  memory: 1GiB\n  memory: 1GiB", "ferryd.yaml:2: `memory` is given more than once", ""),
        ("limits:\n  connections: many", "ferryd.yaml:2: `limits.connections`: expected a whole number", ""),
        ("limits:\n  connections: 1.5", "ferryd.yaml:2: `limits.connections`: expected a whole number", ""),
        ("limits:\n  connections: -1", "ferryd.yaml:2: `limits.connections`: expected a whole number", ""),
        ("limits:\n  connections: '5'", "ferryd.yaml:2: `limits.connections` takes a number, not text", "quotes"),
        ("limits:\n  connections: true", "ferryd.yaml:2: `limits.connections`: expected a whole number", ""),
        ("limits:\n  connections: [5]", "ferryd.yaml:2: `limits.connections` takes one value", ""),
        ("limits:\n  connections: {a: 5}", "ferryd.yaml:2: `limits.connections` takes one value", ""),
        ("limits:\n  connections:", "ferryd.yaml:2: `limits.connections` has no value", ""),
        ("limits:\n  connections: 0", "ferryd.yaml:2: `limits.connections`: 0 is out of range", "1–100000"),
        ("limits:\n  connections: 99999999999999999999", "ferryd.yaml:2: `limits.connections`: expected", ""),
        ("limits: 5", "ferryd.yaml:1: `limits` must hold", ""),
        ("limits: [5]", "ferryd.yaml:1: `limits` must hold", ""),
        ("- limits", "ferryd.yaml:1: the file must hold", ""),
        ("limits", "ferryd.yaml:1: the file must hold", ""),
        ("[a, b]: 1", "ferryd.yaml:1: a key must be a word", ""),
        ("limits:\n  memory: 1MB", "ferryd.yaml:2: `limits.memory`: expected a size", "MiB"),
        ("limits:\n  memory: 1.5GiB", "ferryd.yaml:2: `limits.memory`: expected a size", ""),
        ("limits:\n  memory: 9999999999TiB", "ferryd.yaml:2: `limits.memory`: expected a size", ""),
        ("limits:\n  memory: 1MiB", "ferryd.yaml:2: `limits.memory`: 1MiB is out of range", "64MiB–1TiB"),
        ("timeouts:\n  idle: 10", "ferryd.yaml:2: `timeouts.idle`: expected a duration", "10s"),
        ("timeouts:\n  idle: 2d", "ferryd.yaml:2: `timeouts.idle`: 2d is out of range", "1d"),
        ("log:\n  level: loud", "ferryd.yaml:2: `log.level`: expected one of trace, debug", ""),
        ("tls:\n  key: server.key", "ferryd.yaml:2: `tls.key`: expected an absolute path", ""),
        ("listen: 127.0.0.1:7717", "ferryd.yaml:1: `listen` takes a list", "`-`"),
        ("listen:\n  - [::]:7717", "ferryd.yaml:2: it is not valid YAML", ""),
        ("listen:\n  - [::]", "ferryd.yaml:2: it is not valid YAML", "quotes"),
        ("listen:\n  - [a]", "ferryd.yaml:2: `listen` takes a list of texts", "quotes"),
        ("listen:\n  - ", "ferryd.yaml:2: `listen` takes a list of texts", ""),
        ("listen:\n  - 'nas:7717'", "ferryd.yaml:1: `listen`: `nas:7717`: the host must be an IP address", "0.0.0.0"),
        ("listen: ['1.1.1.1', '1.1.1.1:7717']", "ferryd.yaml:1: `listen`: `1.1.1.1:7717` is listed twice", ""),
        ("listen_plain: ['192.0.2.1:80']", "ferryd.yaml:1: `listen_plain`: `192.0.2.1:80` can be reached", "TLS"),
        ("listen_plain: ['0.0.0.0:80']", "ferryd.yaml:1: `listen_plain`: `0.0.0.0:80` can be reached", "loopback"),
        ("a: b: c", "ferryd.yaml:1: it is not valid YAML: mapping values", ""),
        ("backlog: 1\n\tlog: 2", "ferryd.yaml:2: it is not valid YAML", ""),
        ("backlog: 1\n---\nbacklog: 2", "ferryd.yaml:2: it is not valid YAML: but found another document", ""),
        ("a: &x 1\nb: *x", "ferryd.yaml:1: YAML's anchors", ""),
        ("backlog: *x", "ferryd.yaml:1: YAML's anchors", ""),
        ("backlog: 1\u{7}", "ferryd.yaml:1: it holds a control character", ""),
        ("backlog: 1\u{2028}x: 1", "ferryd.yaml:1: it holds a control character", ""),
    ])
    func refusesWithLineAndReason(_ yaml: String, _ prefix: String, _ part: String) {
        expectRefusal(prefix, containing: part) { _ = try load(yaml) }
    }

    @Test func theFileNameIsEscaped() {
        expectRefusal("a\\x0Ab.yaml:1: unknown") {
            _ = try ConfigurationFile(name: "a\nb.yaml", bytes: Array("x: 1".utf8))
        }
    }

    @Test func refusesWhatIsNotText() {
        expectRefusal("f: it is not UTF-8") { _ = try ConfigurationFile(name: "f", bytes: [0x61, 0xFF]) }
    }

    @Test func boundsItsSize() throws {
        let comment = [UInt8(ascii: "#")] + [UInt8](repeating: 0x20, count: ConfigurationFile.maximumLength - 1)
        #expect(throws: Never.self) { try ConfigurationFile(name: "f", bytes: comment) }
        expectRefusal("f: it is larger than") { _ = try ConfigurationFile(name: "f", bytes: comment + [0x20]) }
    }

    /// What would exhaust the stack or the time of a recursive parser.
    @Test(arguments: [
        String(repeating: "[", count: 100_000), String(repeating: "{a: ", count: 100_000),
        String(repeating: "- ", count: 100_000), String(repeating: "-\t", count: 100_000),
        String(repeating: "? ", count: 100_000) + "a", "a: " + String(repeating: "[", count: 257),
        (0..<1000).map { String(repeating: " ", count: $0) + "a:\n" }.joined(),
        "a: [1, 1]\n"
            + (0..<60).map {
                "b\($0): &b\($0) [\(Array(repeating: "*b\($0 - 1)", count: 2).joined(separator: ", "))]\n"
            }
            .joined(),
    ])
    func refusesBombs(_ yaml: String) {
        expectRefusal("ferryd.yaml:") { _ = try load(yaml) }
    }

    /// Just within what the guard lets through, so that the parser itself is reached.
    @Test(arguments: [
        "a: " + String(repeating: "[", count: 256), String(repeating: "- ", count: 32) + "a",
        (0..<64).map { String(repeating: " ", count: $0) + "a:\n" }.joined(),
    ])
    func survivesTheDeepestThatIsParsed(_ yaml: String) {
        expectRefusal("ferryd.yaml:") { _ = try load(yaml) }
    }

    @Test func ampersandsWithinWordsAreText() throws {
        let yaml = "tls: {key: /srv/a&b/*.key, certificate: '/srv/x & y'} # [ & ] * b\n# &x *y [[[["
        #expect(try load(yaml).settings.tls.key == "/srv/a&b/*.key")
    }

    /// Random damage is refused or read, and never a trap.
    @Test func toleratesAnyDamage() {
        let seed = UInt64.random(in: .min ... .max)
        var generator = SplitMix(state: seed)
        let sample = Array(
            "listen: ['[::1]:1']\nlimits:\n  memory: 1GiB\n  window: 4MiB\nlog: {level: info}\n# c\ntls:\n".utf8
        )
        let spice = Array("[]{}&*-?:,#|>!%@'\"\\ \n\t0a\u{7F}".utf8) + [0x00, 0xC2, 0x85, 0xFF]
        var accepted = 0
        for _ in 0..<5000 {
            var bytes = sample
            for _ in 0..<Int.random(in: 1...6, using: &generator) {
                let index = Int.random(in: bytes.indices, using: &generator)
                let byte = spice.randomElement(using: &generator) ?? 0
                switch Int.random(in: 0..<3, using: &generator) {
                case 0: bytes[index] = byte
                case 1: bytes.insert(byte, at: index)
                default: bytes.remove(at: index)
                }
            }
            if (try? ConfigurationFile(name: "f", bytes: bytes)) != nil { accepted += 1 }
        }
        #expect((1..<5000).contains(accepted), "seed \(seed)")
    }
}

/// A generator that a printed seed repeats (Steele, Lea, Flood: SplitMix64).
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var z = self.state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
