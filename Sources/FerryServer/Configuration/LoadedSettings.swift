package import FerryErrors
import FerryTransport

/// Settings, and where each came from. Flags win over the environment, that over the file, that over defaults.
package struct LoadedSettings: Sendable {
    package let settings: Settings
    private let origins: [String: Origin]

    /// Where a setting's value came from.
    package enum Origin: Sendable, Equatable, CustomStringConvertible {
        case standard
        /// A file's name and line.
        case file(String, Int)
        /// A variable's name.
        case environment(String)
        /// A flag with its dashes.
        case flag(String)

        package var description: String {
            switch self {
            case .standard: "default"
            case .file(let name, let line): "\(name):\(line)"
            case .environment(let name): name
            case .flag(let name): name
            }
        }
    }

    /// A flag of the command line that sets a setting.
    package struct Flag: Sendable {
        let name: String
        let path: String
        let texts: [String]

        /// - Parameters:
        ///   - name: the flag with its dashes, for errors.
        ///   - path: of the setting, such as `log.level`.
        ///   - texts: the values; one, unless the setting takes a list.
        package init(_ name: String, path: String, texts: [String]) {
            self.name = name
            self.path = path
            self.texts = texts
        }
    }

    /// Puts the sources together; each value is checked, also where a stronger source overrides it.
    ///
    /// - Parameters:
    ///   - file: the configuration file, if there is one.
    ///   - environment: all variables of the process. An empty one counts as not set; lists are separated by commas.
    ///   - flags: the flags that were given.
    /// - Throws: `.configuration` naming the place, the setting and the reason.
    package init(file: ConfigurationFile?, environment: [String: String], flags: [Flag] = []) throws(FerryError) {
        var builder = Builder()
        for entry in file?.entries ?? [] {
            try builder.apply(entry.setting, entry.texts, .file(file?.name ?? "", entry.line))
        }
        try builder.apply(environment)
        for flag in flags {
            guard let setting = Setting.named(flag.path) else {
                throw FerryError(.internalError, "\(flag.name) sets `\(flag.path)`, which does not exist")
            }
            try builder.apply(setting, flag.texts, .flag(flag.name))
        }
        do { try Setting.checkTogether(builder.settings) } catch {
            let origin = builder.origins[error.path] ?? error.other.flatMap { builder.origins[$0] }
            throw builder.error(error.path, origin ?? .standard, SettingFault(error.reason))
        }
        self.settings = builder.settings
        self.origins = builder.origins
    }

    /// Where a setting came from.
    ///
    /// - Parameter path: such as `limits.connections`.
    /// - Returns: its source; `.standard` for a setting that nothing set.
    package func origin(of path: String) -> Origin { self.origins[path] ?? .standard }
}

extension LoadedSettings {
    private struct Builder {
        var settings = Settings()
        var origins: [String: Origin] = [:]

        mutating func apply(_ setting: Setting, _ texts: [String], _ origin: Origin) throws(FerryError) {
            guard setting.isList || texts.count == 1 else {
                throw self.error(setting.path, origin, SettingFault("it takes exactly one value"))
            }
            do { try setting.apply(texts, &self.settings) } catch { throw self.error(setting.path, origin, error) }
            self.origins[setting.path] = origin
        }

        mutating func apply(_ environment: [String: String]) throws(FerryError) {
            let known = Dictionary(uniqueKeysWithValues: Setting.all.map { ($0.environmentName, $0) })
            // Other variables may begin with FERRY_ too; what begins like a section can only be a mistyped setting.
            let sections = Set(
                Setting.all.compactMap { setting in
                    setting.path.split(separator: ".").dropLast().first.map { "FERRY_\($0.uppercased())_" }
                }
            )
            // In order, so that of two mistakes always the same one is reported.
            for (name, value) in environment.sorted(by: { $0.key < $1.key }) where !value.isEmpty {
                if let setting = known[name] {
                    let texts = setting.isList ? value.split(separator: ",").map { Self.trim($0) } : [value]
                    try self.apply(setting, texts, .environment(name))
                } else if sections.contains(where: name.hasPrefix) {
                    throw FerryError(
                        .configuration,
                        "the environment variable \(Escaping.escape(name)) names no setting",
                        remedy: Suggestion.nearest(to: name, among: known.keys.sorted()).map { "did you mean \($0)?" }
                    )
                }
            }
        }

        private static func trim(_ text: Substring) -> String {
            var text = text.drop { $0 == " " }
            while text.last == " " { text.removeLast() }
            return String(text)
        }

        func error(_ path: String, _ origin: Origin, _ fault: SettingFault) -> FerryError {
            FerryError(.configuration, "\(origin): `\(path)`: \(fault.reason)", remedy: fault.remedy)
        }
    }
}
