import FerryServer
import Testing

@Suite struct LoadedSettingsTests {
    @Test func theStrongerSourceWins() throws {
        let yaml = "backlog: 1\nlimits:\n  connections: 1\n  unauthenticated: 1\n"
        let loaded = try load(
            yaml,
            environment: ["FERRY_LIMITS_CONNECTIONS": "2", "FERRY_LIMITS_UNAUTHENTICATED": "2", "PATH": "/bin"],
            flags: [.init("--unauthenticated", path: "limits.unauthenticated", texts: ["3"])]
        )
        #expect(loaded.settings.backlog == 1)
        #expect(loaded.settings.limits.connections == 2)
        #expect(loaded.settings.limits.unauthenticated == 3)
        #expect(loaded.settings.limits.connectionsPerAddress == 64)
        #expect(loaded.origin(of: "backlog").description == "ferryd.yaml:1")
        #expect(loaded.origin(of: "limits.connections").description == "FERRY_LIMITS_CONNECTIONS")
        #expect(loaded.origin(of: "limits.unauthenticated").description == "--unauthenticated")
        #expect(loaded.origin(of: "limits.connections_per_address") == .standard)
    }

    @Test func aListInTheEnvironmentHasCommas() throws {
        let loaded = try load("", environment: ["FERRY_LISTEN": "127.0.0.1:1, [::1]:2,unix:/run/f"])
        #expect(loaded.settings.listen == [.internet("127.0.0.1", 1), .internet("::1", 2), .unix("/run/f")])
    }

    @Test func anEmptyVariableIsNotSet() throws {
        let loaded = try load(
            "backlog: 5",
            environment: ["FERRY_BACKLOG": "", "FERRY_LISTEN": "", "FERRY_LOG_LEVL": ""]
        )
        #expect(loaded.settings.backlog == 5)
        #expect(loaded.settings.listen == Settings().listen)
    }

    @Test func otherVariablesAreLeftAlone() throws {
        let environment = ["FERRY_STATE": "/x", "FERRY_CONFIG_DIR": "/y", "FERRYMAN": "z", "ferry_limits_x": "1"]
        #expect(try load("", environment: environment).settings == Settings())
    }

    @Test func refusesBadVariablesAndFlags() {
        expectRefusal("FERRY_LIMITS_MEMORY: `limits.memory`: expected a size") {
            _ = try load("", environment: ["FERRY_LIMITS_MEMORY": "lots"])
        }
        expectRefusal(
            "the environment variable FERRY_LIMITS_CONECTIONS names no setting",
            containing: "did you mean FERRY_LIMITS_CONNECTIONS?"
        ) { _ = try load("", environment: ["FERRY_LIMITS_CONECTIONS": "1"]) }
        expectRefusal("--log-level: `log.level`: expected one of") {
            _ = try load("", flags: [.init("--log-level", path: "log.level", texts: ["loud"])])
        }
        expectRefusal("--log-level: `log.level`: it takes exactly one value") {
            _ = try load("", flags: [.init("--log-level", path: "log.level", texts: ["info", "info"])])
        }
    }

    @Test func aBadValueIsRefusedEvenWhereItIsOverridden() {
        expectRefusal("ferryd.yaml:1: `backlog`") { _ = try load("backlog: x", environment: ["FERRY_BACKLOG": "1"]) }
    }

    @Test(arguments: [
        ("listen: []", "ferryd.yaml:1: `listen`: no address is left"),
        ("listen: ['127.0.0.1:1']\nlisten_plain: ['127.0.0.1:1']", "ferryd.yaml:2: `listen_plain`: `127.0.0.1:1`"),
        ("tls:\n  key: /k", "ferryd.yaml:2: `tls.key`: it needs `tls.certificate`"),
        ("tls:\n  certificate: /c", "ferryd.yaml:2: `tls.certificate`: it needs `tls.key`"),
        ("limits:\n  memory: 128MiB\n  window: 64MiB", "ferryd.yaml:3: `limits.window`: it must be"),
        ("timeouts:\n  keepalive: 31s", "ferryd.yaml:2: `timeouts.keepalive`: it must be"),
        (
            "timeouts:\n  transfer: 30s\n  keepalive: 16s",
            "ferryd.yaml:3: `timeouts.keepalive`: it must be at most half of `timeouts.transfer`"
        ),
        ("limits:\n  rates: ['127.0.0.1:1=1MiB']", "ferryd.yaml:2: `limits.rates`: `127.0.0.1:1` is not listened on"),
        (
            "limits:\n  rates: ['0.0.0.0=1MiB', '0.0.0.0=2MiB']",
            "ferryd.yaml:2: `limits.rates`: `0.0.0.0:7717` is listed"
        ),
        ("limits:\n  rates: ['0.0.0.0']", "ferryd.yaml:2: `limits.rates`: `0.0.0.0`: `=` is missing"),
        ("limits:\n  rates: ['0.0.0.0=1']", "ferryd.yaml:2: `limits.rates`: `0.0.0.0=1`: 1 is out of range"),
        (
            "penalties:\n  max: 500ms",
            "ferryd.yaml:2: `penalties.first`: it must be at most `penalties.max`"
        ),
        ("penalties:\n  first: 2s\n  max: 1s", "ferryd.yaml:2: `penalties.first`: it must be"),
    ])
    func refusesWhatDoesNotGoTogether(_ yaml: String, _ prefix: String) {
        expectRefusal(prefix) { _ = try load(yaml) }
    }

    @Test(arguments: [
        "listen: []\nlisten_plain: ['127.0.0.1:1']", "listen: ['127.0.0.1:0', '127.0.0.1:0']",
        "limits:\n  memory: 128MiB\n  window: 32MiB", "timeouts:\n  keepalive: 30s",
        "limits:\n  rates: ['0.0.0.0:7717=1MiB', '[::]=0']", "penalties:\n  first: 1s\n  max: 1s",
        "tls: {key: /k, certificate: /c}",
    ])
    func acceptsTheLimit(_ yaml: String) {
        #expect(throws: Never.self) { try load(yaml) }
    }
}
