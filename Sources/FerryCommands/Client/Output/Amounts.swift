/// Numbers for people: bytes, rates, times.
package enum Amounts {
    private static let units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"]

    /// Bytes in decimal units with three digits at most after rounding: `999 B`, `1.2 kB`, `12 MB`, `123 GB`.
    ///
    /// - Parameter count: bytes.
    /// - Returns: Number and unit.
    package static func bytes(_ count: UInt64) -> String {
        var value = Double(count)
        var unit = 0
        // 999.5 would be rounded to 1000.
        while value >= 999.5, unit < self.units.count - 1 {
            value /= 1000
            unit += 1
        }
        let text = unit > 0 && value < 9.95 ? self.decimal(value, places: 1) : String(Int(value.rounded()))
        return "\(text) \(self.units[unit])"
    }

    /// A number of things: `1 file`, `2 files`.
    ///
    /// - Parameters:
    ///   - count: how many.
    ///   - name: of one.
    /// - Returns: both.
    package static func count(_ count: some BinaryInteger, _ name: String) -> String {
        "\(count) \(name)\(count == 1 ? "" : "s")"
    }

    /// Bytes per second.
    ///
    /// - Parameter bytesPerSecond: negative and infinite ones count as 0.
    /// - Returns: Number and unit.
    package static func rate(_ bytesPerSecond: Double) -> String {
        let isSane = bytesPerSecond.isFinite && bytesPerSecond > 0 && bytesPerSecond < 1e19
        return self.bytes(isSane ? UInt64(bytesPerSecond.rounded()) : 0) + "/s"
    }

    /// A time to wait: `0:07`, `12:34`, `1:02:03`; a day or more is `>24h`.
    ///
    /// - Parameter seconds: rounded up, so that it ends at 0.
    /// - Returns: Text of at most eight characters.
    package static func countdown(_ seconds: Double) -> String {
        guard seconds.isFinite, seconds < 86_400 else { return ">24h" }
        let whole = Int(max(0, seconds).rounded(.up))
        let (hours, minutes) = (whole / 3600, whole / 60 % 60)
        let tail = self.twoDigits(whole % 60)
        return hours > 0 ? "\(hours):\(self.twoDigits(minutes)):\(tail)" : "\(minutes):\(tail)"
    }

    /// A time that something took: `3 ms`, `1.23 s`, `12.3 s`, `75 s`.
    ///
    /// - Parameter seconds: not negative.
    /// - Returns: Number and unit.
    package static func duration(_ seconds: Double) -> String {
        if seconds < 0.9995 { return self.decimal(seconds * 1000, places: 0) + " ms" }
        let places = seconds < 9.995 ? 2 : seconds < 59.95 ? 1 : 0
        return self.decimal(seconds, places: places) + " s"
    }

    /// Bytes of files per byte that travelled.
    ///
    /// - Parameters:
    ///   - bytes: of files.
    ///   - wireBytes: that travelled.
    /// - Returns: nil if nothing travelled.
    package static func ratio(bytes: UInt64, wireBytes: UInt64) -> Double? {
        wireBytes == 0 ? nil : Double(bytes) / Double(wireBytes)
    }

    /// A ratio for people: `1.00`, `12.3`, or `-` for none.
    ///
    /// - Parameter ratio: from ``ratio(bytes:wireBytes:)``.
    /// - Returns: At most ten characters.
    package static func shown(_ ratio: Double?) -> String {
        guard let ratio else { return "-" }
        return self.decimal(min(ratio, 1e9), places: ratio < 9.995 ? 2 : ratio < 99.95 ? 1 : 0)
    }

    /// A number that is not negative and less than 10¹⁵, rounded.
    private static func decimal(_ value: Double, places: Int) -> String {
        guard value.isFinite, value >= 0, value < 1e15 else { return "0" }
        let scale = places == 0 ? 1 : places == 1 ? 10 : 100
        let scaled = Int((value * Double(scale)).rounded())
        guard places > 0 else { return String(scaled) }
        let tail = String(scaled % scale)
        return "\(scaled / scale)." + String(repeating: "0", count: places - tail.count) + tail
    }

    private static func twoDigits(_ value: Int) -> String { value < 10 ? "0\(value)" : String(value) }
}
