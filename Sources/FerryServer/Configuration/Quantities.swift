/// Text forms of sizes and durations: a whole number and a unit, without fractions, so that each has one meaning.
package enum Quantities {
    private static let sizes: [(suffix: String, factor: Int)] = [
        ("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10),
    ]
    /// In milliseconds.
    private static let durations: [(suffix: String, factor: Int)] = [
        ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1),
    ]

    /// Parses digits only: no sign, no white space.
    static func parseCount(_ text: String) throws(SettingFault) -> Int {
        guard let value = self.number(text[...]) else { throw SettingFault("expected a whole number") }
        return value
    }

    /// Parses bytes, `512MiB`, or `0`.
    static func parseSize(_ text: String) throws(SettingFault) -> Int {
        if let bytes = self.number(text[...]) { return bytes }
        guard let bytes = self.parse(text, self.sizes) else {
            throw SettingFault("expected a size", remedy: "write whole bytes, or KiB, MiB, GiB or TiB as in `512MiB`")
        }
        return bytes
    }

    /// Parses `250ms`, `10s`, `5m`, `1h` or `1d`.
    static func parseDuration(_ text: String) throws(SettingFault) -> Duration {
        guard let milliseconds = self.parse(text, self.durations) else {
            throw SettingFault("expected a duration", remedy: "write a whole number and ms, s, m, h or d as in `10s`")
        }
        return .milliseconds(milliseconds)
    }

    /// Bytes as a setting gives them, for command lines.
    ///
    /// - Parameter text: whole bytes, or a number and `KiB`, `MiB`, `GiB` or `TiB`.
    /// - Returns: nil for anything else.
    package static func size(_ text: String) -> Int? { try? self.parseSize(text) }

    /// Bytes as a setting would give them.
    ///
    /// - Parameter size: in bytes.
    /// - Returns: a number and the largest unit that leaves no rest.
    package static func text(size: Int) -> String { self.format(size: size) }

    /// Writes bytes with the largest unit that leaves no rest.
    static func format(size: Int) -> String { self.format(size, self.sizes) ?? String(size) }

    /// Writes a duration with the largest unit that leaves no rest.
    static func format(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let milliseconds = Int(seconds) * 1000 + Int(attoseconds / 1_000_000_000_000_000)
        return self.format(milliseconds, self.durations) ?? "0s"
    }

    private static func format(_ value: Int, _ units: [(suffix: String, factor: Int)]) -> String? {
        guard value != 0, let unit = units.first(where: { value.isMultiple(of: $0.factor) }) else { return nil }
        return "\(value / unit.factor)\(unit.suffix)"
    }

    private static func parse(_ text: String, _ units: [(suffix: String, factor: Int)]) -> Int? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let suffix = text[digits.endIndex...].drop { $0 == " " }
        guard let number = self.number(digits), let unit = units.first(where: { $0.suffix == suffix }) else {
            return nil
        }
        let (value, overflow) = number.multipliedReportingOverflow(by: unit.factor)
        return overflow ? nil : value
    }

    private static func number(_ digits: Substring) -> Int? {
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int(digits)
    }
}
