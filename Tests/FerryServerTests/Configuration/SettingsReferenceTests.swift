import FerryServer
import FoundationEssentials
import Testing

@Suite struct SettingsReferenceTests {
    /// The page is written by hand but for the section between the marks, which `ferryd config reference` prints.
    @Test func thePageHoldsTheTable() throws {
        let page = URL(filePath: #filePath).appending(path: "../../../../Docs/configuration.md").standardized
        let text = try String(contentsOf: page, encoding: .utf8)
        let parts = text.components(separatedBy: "<!-- settings -->\n")
        #expect(parts.count == 3)
        #expect(parts.dropFirst().first == SettingsReference.markdown)
    }

    @Test func theEffectiveSettingsNameTheirSource() throws {
        let loaded = try load("limits:\n  memory: 1GiB\nlisten: ['[::1]']", environment: ["FERRY_LOG_LEVEL": "debug"])
        let lines = SettingsReference.effective(loaded)
        #expect(lines.count == Setting.all.count)
        #expect(lines.contains("limits.memory: 1GiB  # ferryd.yaml:2"))
        #expect(lines.contains(#"listen: ["[::1]:7717"]  # ferryd.yaml:3"#))
        #expect(lines.contains("log.level: debug  # FERRY_LOG_LEVEL"))
        #expect(lines.contains("tls.key: none  # default"))
        #expect(lines.contains("limits.connections: 1024  # default"))
    }
}
