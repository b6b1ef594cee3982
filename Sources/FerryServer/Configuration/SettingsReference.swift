import FerryErrors

/// The table of settings as people read it.
package enum SettingsReference {
    /// The reference section of `Docs/configuration.md`, in Markdown; `ferryd config reference` prints it.
    package static var markdown: String {
        var lines = [
            "| setting | default | takes | environment | what it does |",
            "|---|---|---|---|---|",
        ]
        let defaults = Settings()
        for setting in Setting.all {
            let texts = setting.texts(in: defaults)
            let value = texts.isEmpty ? "none" : texts.map { "`\($0)`" }.joined(separator: ", ")
            lines.append(
                "| `\(setting.path)` | \(value) | \(setting.values) | `\(setting.environmentName)` | \(setting.summary) |"
            )
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Every setting with its value and where it came from, one a line.
    ///
    /// - Parameter loaded: the settings in force.
    /// - Returns: lines such as `limits.connections: 1024  # default`.
    package static func effective(_ loaded: LoadedSettings) -> [String] {
        Setting.all.map { setting in
            // A path may hold what a terminal obeys.
            let texts = setting.texts(in: loaded.settings).map { Escaping.escape($0) }
            let value =
                setting.isList ? "[\(texts.map { "\"\($0)\"" }.joined(separator: ", "))]" : texts.first ?? "none"
            return "\(setting.path): \(value)  # \(loaded.origin(of: setting.path))"
        }
    }
}
