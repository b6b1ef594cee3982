import FerryServer
import Testing

@Suite struct SettingTests {
    @Test func namesAreUnique() {
        #expect(Set(Setting.all.map(\.path)).count == Setting.all.count)
        #expect(Set(Setting.all.map(\.environmentName)).count == Setting.all.count)
        #expect(Setting.named("limits.connections")?.environmentName == "FERRY_LIMITS_CONNECTIONS")
        #expect(Setting.named("limits") == nil)
    }

    /// What the reference shows as default, given explicitly, changes nothing; so every row reads what it writes.
    @Test(arguments: Setting.all.indices)
    func theShownDefaultIsTheDefault(_ index: Int) throws {
        let setting = Setting.all[index]
        let texts = setting.texts(in: Settings())
        guard !texts.isEmpty else { return }
        let flag = LoadedSettings.Flag("--x", path: setting.path, texts: texts)
        let loaded = try LoadedSettings(file: nil, environment: [:], flags: [flag])
        #expect(loaded.settings == Settings())
        #expect(loaded.origin(of: setting.path).description == "--x")
    }

    /// Each row writes the field that it reads, and no other.
    @Test(arguments: [
        ("listen", "127.0.0.1:1"), ("listen_plain", "[::1]:1"), ("backlog", "3"), ("limits.connections", "3"),
        ("limits.connections_per_address", "3"), ("limits.unauthenticated", "3"), ("limits.memory", "64MiB"),
        ("limits.window", "1MiB"), ("limits.reserve", "3KiB"), ("timeouts.handshake", "3s"), ("timeouts.idle", "3s"),
        ("timeouts.transfer", "30s"), ("timeouts.progress", "3m"), ("limits.rate", "64KiB"),
        ("timeouts.shutdown", "3s"), ("timeouts.keepalive", "3s"), ("threads.files", "3"),
        ("log.level", "trace"), ("log.format", "json"), ("penalties.first", "3s"), ("penalties.max", "3s"),
    ])
    func eachRowHasItsField(_ path: String, _ text: String) throws {
        let flag = LoadedSettings.Flag("--x", path: path, texts: [text])
        let settings = try LoadedSettings(file: nil, environment: [:], flags: [flag]).settings
        for setting in Setting.all {
            let texts = setting.texts(in: settings)
            #expect(setting.path == path ? texts == [text] : texts == setting.texts(in: Settings()))
        }
    }

    @Test(arguments: [
        ("backlog", ["1", "65535"], ["0", "65536"]),
        ("limits.connections", ["1", "100000"], ["0", "100001"]),
        ("limits.memory", ["64MiB", "1TiB"], ["67108863", "1099511627777"]),
        ("limits.window", ["1MiB", "64MiB"], ["1048575", "67108865"]),
        ("limits.reserve", ["0", "16TiB"], ["17592186044417"]),
        ("timeouts.handshake", ["100ms", "5m"], ["99ms", "300001ms"]),
        // A client says every 15 s that it lives, whatever the daemon waits for.
        ("timeouts.transfer", ["30s", "1h"], ["29999ms", "3600001ms"]),
        ("timeouts.progress", ["60s", "30d"], ["59s", "31d"]),
        ("limits.rate", ["0", "64KiB", "1TiB"], ["1", "65535", "1099511627777"]),
        ("threads.files", ["0", "64"], ["65"]),
        ("penalties.max", ["1s", "1h"], ["3600001ms"]),
    ])
    func rangesIncludeTheirEnds(_ path: String, _ good: [String], _ bad: [String]) {
        for text in good {
            #expect(throws: Never.self) { try load("", flags: [.init("--x", path: path, texts: [text])]) }
        }
        for text in bad {
            expectRefusal("--x: `\(path)`", containing: "out of range") {
                _ = try load("", flags: [.init("--x", path: path, texts: [text])])
            }
        }
    }

    @Test(arguments: [(0, 2, 4), (0, 128, 64), (0, 0, 2), (3, 128, 3)])
    func fileThreadsFollowTheCores(_ configured: Int, _ cores: Int, _ expected: Int) {
        var threads = Settings().threads
        threads.files = configured
        #expect(threads.fileThreads(cores: cores) == expected)
    }
}
