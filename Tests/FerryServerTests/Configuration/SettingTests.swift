import FerryServer
import FoundationEssentials
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

    /// A value of each setting that is not its default, or the reason why it takes no such value alone.
    private static let others: [String: [String]] = [
        "listen": ["127.0.0.1:1"], "listen_plain": ["[::1]:1"], "limits.rates": ["0.0.0.0:7717=64KiB"],
        "tls.certificate": ["/c"], "tls.key": ["/k"], "log.level": ["trace"], "log.format": ["json"],
    ]
    /// What has to be said besides.
    private static let companions = ["tls.certificate": "tls.key", "tls.key": "tls.certificate"]

    /// Each row writes the field that it reads, and no other.
    @Test(arguments: Setting.all.indices) func eachRowHasItsField(_ index: Int) throws {
        let setting = Setting.all[index]
        let companion = Self.companions[setting.path].flatMap(Setting.named)
        // Within one and the same range, the least and the most are not both the default.
        let ends = Range(setting).map { [$0.least, $0.most].compactMap(\.self).map { [$0] } } ?? []
        let candidates = [Self.others[setting.path]].compactMap(\.self) + ends
        let settings = candidates.lazy.filter { $0 != setting.texts(in: Settings()) }
            .compactMap { texts -> (texts: [String], settings: Settings)? in
                var flags = [LoadedSettings.Flag("--x", path: setting.path, texts: texts)]
                if let companion {
                    flags.append(.init("--y", path: companion.path, texts: Self.others[companion.path] ?? []))
                }
                return (try? LoadedSettings(file: nil, environment: [:], flags: flags)).map { (texts, $0.settings) }
            }
            .first
        let (texts, changed) = try #require(settings, "no other value of \(setting.path) is known here")
        #expect(setting.texts(in: changed) == texts)
        for other in Setting.all where other.path != setting.path && other.path != companion?.path {
            #expect(other.texts(in: changed) == other.texts(in: Settings()), "\(other.path)")
        }
    }

    /// The reference says what each setting takes; that is what it takes, up to the ends and no further.
    @Test(arguments: Setting.all.indices) func rangesIncludeTheirEnds(_ index: Int) throws {
        let setting = Setting.all[index]
        let ranged = ["number", "size", "duration"].contains { setting.values.hasPrefix($0) }
        guard ranged else { return #expect(Self.others[setting.path] != nil, "\(setting.path)") }
        let range = try #require(Range(setting), "\(setting.values)")
        for text in [range.least, range.most].compactMap(\.self) {
            // It may not go together with what else is set; that is another complaint.
            do { _ = try load("", flags: [.init("--x", path: setting.path, texts: [text])]) } catch {
                #expect(!"\(error)".contains("out of range"), "\(error)")
            }
        }
        for text in [range.below, range.above].compactMap(\.self) {
            expectRefusal("--x: `\(setting.path)`", containing: "out of range") {
                _ = try load("", flags: [.init("--x", path: setting.path, texts: [text])])
            }
        }
    }

    /// Nothing can be set that no test of a daemon, or of a part of it, ever sets to something else.
    @Test func noneIsWithoutATest() throws {
        let tests = URL(filePath: #filePath).appending(path: "../../..").standardized
        let files = try FileManager.default.subpathsOfDirectory(atPath: tests.path)
        let texts = try files.filter { $0.hasSuffix(".swift") && !$0.contains("Configuration/") }
            .map { try String(contentsOf: tests.appending(path: $0), encoding: .utf8) }
        for setting in Setting.all {
            let words = setting.path.split(separator: "_")
            let field = words[0] + words.dropFirst().map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
            let isSet = texts.contains { text in
                text.contains(setting.environmentName) || text.contains(".\(field) = ")
                    || Self.elsewhere[setting.path].map { text.contains($0) } ?? false
            }
            #expect(isSet, "\(setting.path)")
        }
    }

    /// How tests set what they set in another way.
    private static let elsewhere = [
        "backlog": "backlog: 3", "tls.certificate": #"certificate: \(certificate)"#, "tls.key": #"key: \(key)"#,
        "timeouts.keepalive": ".timeouts.keepAlive = ", "log.level": #"level: \(level)"#, "log.format": "format: json",
        "penalties.max": "penalties.maximum = ",
    ]

    /// A client says every 15 s that it lives, whatever the daemon waits for.
    @Test func aDaemonMayNotBeTooImpatientForGoodClients() {
        #expect(Setting.named("timeouts.transfer")?.values == "duration, 30s–1h")
    }

    @Test(arguments: [(0, 2, 4), (0, 128, 64), (0, 0, 2), (3, 128, 3)])
    func fileThreadsFollowTheCores(_ configured: Int, _ cores: Int, _ expected: Int) {
        var threads = Settings().threads
        threads.files = configured
        #expect(threads.fileThreads(cores: cores) == expected)
    }

    /// The ends of a range as the reference gives it, such as `size, 64KiB–1TiB, or 0`, and what lies just beyond.
    private struct Range {
        let least: String?
        let most: String?
        let below: String?
        let above: String?

        init?(_ setting: Setting) {
            let parts = setting.values.split(separator: ", ")
            guard parts.count >= 2, case let ends = parts[1].split(separator: "–"), ends.count == 2 else { return nil }
            let units =
                parts[0] == "duration"
                ? ["ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000]
                : ["KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40]
            let values = ends.compactMap { end -> Int? in
                guard let number = Int(end.prefix { $0.isNumber }) else { return nil }
                let unit = end.drop { $0.isNumber }
                return unit.isEmpty ? number : units[String(unit)].map { number * $0 }
            }
            guard values.count == 2 else { return nil }
            let unit = parts[0] == "duration" ? "ms" : ""
            (self.least, self.most) = (String(ends[0]), String(ends[1]))
            self.below = values[0] > 0 ? "\(values[0] - 1)\(unit)" : nil
            self.above = "\(values[1] + 1)\(unit)"
        }
    }
}
