import FerryErrors
import Logging

/// One row of the table of settings: its name, what it takes, and how it gets into ``Settings``.
package struct Setting: Sendable {
    /// The path in the file, such as `limits.connections`.
    package let path: String
    /// What a value looks like, for people: its type, unit and range.
    package let values: String
    /// What it decides, in one line.
    package let summary: String
    /// Whether it takes a list; otherwise exactly one value.
    let isList: Bool
    /// Checks values and stores them.
    let apply: @Sendable (_ texts: [String], _ settings: inout Settings) throws(SettingFault) -> Void
    /// Whether the YAML scalar must be plain: a quoted number is text.
    let isNumber: Bool
    let show: @Sendable (Settings) -> [String]

    /// The environment variable that overrides the file: `FERRY_LIMITS_CONNECTIONS`.
    package var environmentName: String {
        "FERRY_" + self.path.uppercased().replacing(".", with: "_")
    }

    /// The values that `settings` holds, as a file would state them; empty if it is not set.
    ///
    /// - Parameter settings: any settings.
    /// - Returns: one text, or one per element of a list.
    package func texts(in settings: Settings) -> [String] { self.show(settings) }
}

extension Setting {
    /// Where in ``Settings`` a value goes.
    typealias Field<Value> = any WritableKeyPath<Settings, Value> & Sendable

    static func count(
        _ path: String,
        _ field: Field<Int>,
        _ range: ClosedRange<Int>,
        _ summary: String
    ) -> Setting {
        Setting(
            path: path,
            values: "number, \(range.lowerBound)–\(range.upperBound)",
            summary: summary,
            isList: false,
            apply: { texts, settings throws(SettingFault) in
                let value = try Quantities.parseCount(texts[0])
                settings[keyPath: field] = try self.check(value, range) { String($0) }
            },
            isNumber: true,
            show: { [String($0[keyPath: field])] }
        )
    }

    static func size(
        _ path: String,
        _ field: Field<Int>,
        _ range: ClosedRange<Int>,
        _ summary: String
    ) -> Setting {
        Setting(
            path: path,
            values: "size, \(Quantities.format(size: range.lowerBound))–\(Quantities.format(size: range.upperBound))",
            summary: summary,
            isList: false,
            apply: { texts, settings throws(SettingFault) in
                let value = try Quantities.parseSize(texts[0])
                settings[keyPath: field] = try self.check(value, range, Quantities.format(size:))
            },
            isNumber: false,
            show: { [Quantities.format(size: $0[keyPath: field])] }
        )
    }

    static func duration(
        _ path: String,
        _ field: Field<Duration>,
        _ range: ClosedRange<Duration>,
        _ summary: String
    ) -> Setting {
        Setting(
            path: path,
            values: "duration, \(Quantities.format(range.lowerBound))–\(Quantities.format(range.upperBound))",
            summary: summary,
            isList: false,
            apply: { texts, settings throws(SettingFault) in
                let value = try Quantities.parseDuration(texts[0])
                settings[keyPath: field] = try self.check(value, range) { Quantities.format($0) }
            },
            isNumber: false,
            show: { [Quantities.format($0[keyPath: field])] }
        )
    }

    static func choice<Value: RawRepresentable & CaseIterable & Sendable>(
        _ path: String,
        _ field: Field<Value>,
        _ summary: String
    ) -> Setting where Value.RawValue == String {
        let choices = Value.allCases.map(\.rawValue)
        return Setting(
            path: path,
            values: choices.map { "`\($0)`" }.joined(separator: ", "),
            summary: summary,
            isList: false,
            apply: { texts, settings throws(SettingFault) in
                guard let value = Value(rawValue: texts[0]) else {
                    throw SettingFault("expected one of \(choices.joined(separator: ", "))")
                }
                settings[keyPath: field] = value
            },
            isNumber: false,
            show: { [$0[keyPath: field].rawValue] }
        )
    }

    static func path(
        _ path: String,
        _ field: Field<String?>,
        _ summary: String
    ) -> Setting {
        Setting(
            path: path,
            values: "absolute path",
            summary: summary,
            isList: false,
            apply: { texts, settings throws(SettingFault) in
                guard texts[0].hasPrefix("/"), !texts[0].utf8.contains(0) else {
                    throw SettingFault("expected an absolute path")
                }
                settings[keyPath: field] = texts[0]
            },
            isNumber: false,
            show: { $0[keyPath: field].map { [$0] } ?? [] }
        )
    }

    static func addresses(
        _ path: String,
        _ field: Field<[ListenAddress]>,
        localOnly: Bool = false,
        _ summary: String
    ) -> Setting {
        Setting(
            path: path,
            values: localOnly ? "list of loopback addresses" : "list of `HOST:PORT`, `[IPV6]:PORT` or `unix:/path`",
            summary: summary,
            isList: true,
            apply: { texts, settings throws(SettingFault) in
                var addresses: [ListenAddress] = []
                for address in try self.elements(texts, ListenAddress.init) {
                    if localOnly, !address.isLocal {
                        throw SettingFault(
                            "`\(address)` can be reached from other machines, and is not to be served without TLS",
                            remedy: "list a loopback address here, or list it under `listen`"
                        )
                    }
                    // Port 0 is a new port each time.
                    if addresses.contains(address), !"\(address)".hasSuffix(":0") {
                        throw SettingFault("`\(address)` is listed twice")
                    }
                    addresses.append(address)
                }
                settings[keyPath: field] = addresses
            },
            isNumber: false,
            show: { $0[keyPath: field].map(\.description) }
        )
    }

    typealias Parse<Element> = (String) throws(SettingFault) -> Element

    /// Parses the elements of a list, and names the one that is wrong.
    static func elements<Element>(_ texts: [String], _ parse: Parse<Element>) throws(SettingFault) -> [Element] {
        var elements: [Element] = []
        for text in texts {
            do throws(SettingFault) { elements.append(try parse(text)) } catch {
                throw SettingFault("`\(Escaping.escape(text))`: \(error.reason)", remedy: error.remedy)
            }
        }
        return elements
    }

    private static func check<Value: Comparable>(
        _ value: Value,
        _ range: ClosedRange<Value>,
        _ format: (Value) -> String
    ) throws(SettingFault) -> Value {
        guard range.contains(value) else {
            throw SettingFault(
                "\(format(value)) is out of range",
                remedy: "choose a value within \(format(range.lowerBound))–\(format(range.upperBound))"
            )
        }
        return value
    }
}
