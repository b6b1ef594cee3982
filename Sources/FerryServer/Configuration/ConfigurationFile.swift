package import FerryErrors
import FerryTransport
import Yams

/// A `ferryd.yaml`: a mapping of settings, and of sections that hold settings.
///
/// Docs/decisions says why YAML is read node by node: every complaint names its line.
package struct ConfigurationFile: Sendable {
    /// Bytes of a file: a hundred times what all settings take.
    package static let maximumLength = 1 << 20

    /// As errors name it.
    let name: String
    let entries: [Entry]

    /// A setting and where it stands.
    struct Entry: Sendable {
        let setting: Setting
        let line: Int
        let texts: [String]
    }

    /// Parses a file and checks its structure; values are checked when they are applied.
    ///
    /// - Parameters:
    ///   - name: how errors name the file.
    ///   - bytes: what it holds, UTF-8.
    /// - Throws: `.configuration` naming file, line, key and reason, for what is no YAML, for unknown and repeated
    ///   keys, for values of the wrong kind, and for YAML's anchors, aliases and depth, which no setting needs.
    package init(name: String, bytes: [UInt8]) throws(FerryError) {
        self.name = Escaping.escape(name)
        var reader = Reader(name: self.name)
        guard bytes.count <= Self.maximumLength else {
            throw reader.error(nil, "it is larger than \(Self.maximumLength) bytes")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw reader.error(nil, "it is not UTF-8 text")
        }
        do { try YAMLGuard.check(text) } catch { throw reader.error(error.line, error.reason) }
        if let root = try reader.compose(text) { try reader.readSection(root, path: "") }
        self.entries = reader.entries
    }
}

extension ConfigurationFile {
    /// Walks the nodes.
    private struct Reader {
        let name: String
        var entries: [Entry] = []

        func compose(_ text: String) throws(FerryError) -> Node? {
            do { return try Parser(yaml: text, encoding: .utf8).singleRoot() } catch {
                switch error as? YamlError {
                case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
                    .composer(_, let problem, let mark, _):
                    throw self.error(
                        mark.line,
                        "it is not valid YAML: \(problem)",
                        remedy: "a text that begins with `[`, `*` or another special character needs quotes",
                        cause: error
                    )
                case .duplicatedKeysInMapping(let keys, let context):
                    let key = Escaping.escape(String((keys.first ?? "").prefix(80)))
                    throw self.error(context.mark.line, "`\(key)` is given more than once, first here", cause: error)
                default:
                    throw self.error(nil, "it is not valid YAML", cause: error)
                }
            }
        }

        mutating func readSection(_ node: Node, path: String) throws(FerryError) {
            if self.isNull(node) { return }
            guard case .mapping(let mapping) = node else {
                let place = path.isEmpty ? "the file" : "`\(path)`"
                throw self.error(node.mark?.line, "\(place) must hold `key: value` lines")
            }
            for (key, value) in mapping {
                guard case .scalar(let scalar) = key else {
                    throw self.error(key.mark?.line, "a key must be a word")
                }
                let full = path.isEmpty ? scalar.string : "\(path).\(scalar.string)"
                if let setting = Setting.named(full) {
                    // It is the same path, but it could stand beside its section and give the setting twice.
                    guard !scalar.string.contains(".") else {
                        throw self.error(
                            scalar.mark?.line,
                            "`\(full)` must stand in its section",
                            remedy: "write `\(full.prefix { $0 != "." }):` and the rest below it, indented"
                        )
                    }
                    let texts = try self.texts(value, setting, line: scalar.mark?.line)
                    self.entries.append(Entry(setting: setting, line: scalar.mark?.line ?? 0, texts: texts))
                } else if Setting.all.contains(where: { $0.path.hasPrefix(full + ".") }) {
                    try self.readSection(value, path: full)
                } else {
                    throw self.unknown(full, scalar)
                }
            }
        }

        private func texts(_ node: Node, _ setting: Setting, line: Int?) throws(FerryError) -> [String] {
            if self.isNull(node) { throw self.error(line, "`\(setting.path)` has no value") }
            switch (node, setting.isList) {
            case (.scalar(let scalar), false):
                if setting.isNumber, scalar.style != .plain {
                    throw self.error(
                        line,
                        "`\(setting.path)` takes a number, not text",
                        remedy: "write it without quotes"
                    )
                }
                return [scalar.string]
            case (.sequence(let sequence), true):
                var texts: [String] = []
                for element in sequence {
                    guard case .scalar(let scalar) = element, !self.isNull(element) else {
                        throw self.error(
                            element.mark?.line,
                            "`\(setting.path)` takes a list of texts",
                            remedy: "put an address that begins with `[` between quotes"
                        )
                    }
                    texts.append(scalar.string)
                }
                return texts
            case (_, true):
                throw self.error(
                    line,
                    "`\(setting.path)` takes a list",
                    remedy: "write each element on a line of its own that begins with `-`"
                )
            case (_, false):
                throw self.error(line, "`\(setting.path)` takes one value: \(setting.values)")
            }
        }

        private func unknown(_ path: String, _ key: Node.Scalar) -> FerryError {
            let last = key.string.split(separator: ".").last.map(String.init) ?? ""
            let paths = Setting.all.map(\.path)
            let sections = paths.compactMap { $0.split(separator: ".").dropLast().last.map(String.init) }
            let suggestion =
                Suggestion.nearest(to: path, among: paths + sections)
                ?? paths.first { $0.split(separator: ".").last.map(String.init) == last }
            let shown = Escaping.escape(String(path.prefix(80)))
            return self.error(
                key.mark?.line,
                "unknown setting `\(shown)`",
                remedy: suggestion.map { "did you mean `\($0)`?" }
                    ?? "`ferryd config check` without a file lists all settings"
            )
        }

        /// Nothing, `~` or `null`.
        private func isNull(_ node: Node) -> Bool {
            guard case .scalar(let scalar) = node, scalar.style == .plain else { return false }
            return ["", "~", "null", "Null", "NULL"].contains(scalar.string)
        }

        func error(
            _ line: Int?,
            _ reason: String,
            remedy: String? = nil,
            cause: (any Error)? = nil
        ) -> FerryError {
            let place = line.map { "\(self.name):\($0)" } ?? self.name
            return FerryError(.configuration, "\(place): \(reason)", remedy: remedy, cause: cause)
        }
    }
}
