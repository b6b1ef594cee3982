import FerryErrors
import FerryServer
import FerryTestKit
import Testing

/// Files of settings.
@Suite struct ConfigurationFuzzTests {
    private static let file = "ferryd.yaml"
    private static let tokens = [
        "\n", "  ", ": ", "- ", "\"", "'", "[", "]", "{", "}", "#", "&a", "*a", "!!", "|\n", ">\n", "\\0", "\\n", "~",
        "\0",
        "0", "MiB", "ms", "limits:\n", "listen:", "\u{85}", "\u{2028}", "---\n", "%YAML", "? ", "0x10", "unix:/",
    ]

    private static func load(_ bytes: [UInt8]) throws -> LoadedSettings {
        try LoadedSettings(file: ConfigurationFile(name: self.file, bytes: bytes), environment: [:])
    }

    /// Settings as a file that states each of them. Every character that YAML might take for something is escaped.
    private static func file(_ settings: Settings) -> String {
        var text = ""
        var section = ""
        for setting in Setting.all {
            let parts = setting.path.split(separator: ".")
            let values = setting.texts(in: settings)
            let isList = setting.values.hasPrefix("list")
            guard isList || !values.isEmpty else { continue }
            if parts.count == 2, section != parts[0] {
                section = String(parts[0])
                text += "\(section):\n"
            }
            let isNumber = setting.values.hasPrefix("number")
            let shown = values.map { isNumber ? $0 : self.quoted($0) }.joined(separator: ", ")
            text += "\(parts.count == 2 ? "  " : "")\(parts[parts.count - 1]): \(isList ? "[\(shown)]" : shown)\n"
        }
        return text
    }

    private static func quoted(_ text: String) -> String {
        let scalars = text.unicodeScalars.map { scalar in
            let digits = String(scalar.value, radix: 16)
            return "\\U" + String(repeating: "0", count: 8 - digits.count) + digits
        }
        return "\"\(scalars.joined())\""
    }

    @Test func aFileIsRefusedByItsNameOrMeansWhatItIsPrintedAs() throws {
        let fuzz = try Fuzz("configuration", tokens: Self.tokens, maximumLength: 8192)
        var taken = 0
        try fuzz.run(mutants: 3000) { bytes, _ in
            do {
                let loaded = try Self.load(bytes)
                let again = try Self.load(Array(Self.file(loaded.settings).utf8))
                try hold(again.settings == loaded.settings, "it is printed as \(Self.file(loaded.settings))")
                for line in SettingsReference.effective(loaded) { try Shown.judge(line, "a line of config check") }
                for address in loaded.settings.listen + loaded.settings.listenPlain { _ = try address.socketAddress() }
                taken += 1
            } catch let error as FerryError {
                try hold(error.code == .configuration, "it is refused with \(error.code)")
                try hold("\(error)".hasPrefix(Self.file), "the refusal does not name the file: \(error)")
                try Shown.judge("\(error)", "the refusal")
            }
        }
        #expect(taken > 20)
    }
}
