package import FoundationEssentials

/// A day or a moment as users write it, in UTC: `2026-01-31`, `2026-01-31T12:00`, `2026-01-31T12:00:30`, each moment with or without
/// `Z`; `today`, `yesterday`.
package enum MomentText {
    private static let day: Int64 = 86_400

    /// What is accepted, for messages.
    package static let forms = "2026-01-31, 2026-01-31T12:00 or 2026-01-31T12:00:30 (UTC), today or yesterday"

    /// Parses a day or a moment.
    ///
    /// - Parameters:
    ///   - text: as it was written.
    ///   - now: for `today` and `yesterday`.
    /// - Returns: seconds since 1970, from the first one of the day, minute or second up to the one behind its last; nil for what is no
    ///   day or moment.
    package static func parse(_ text: String, now: Date = .now) -> Range<Int64>? {
        let today = Int64(now.timeIntervalSince1970.rounded(.down)) / self.day * self.day
        switch text {
        case "today": return today..<today + self.day
        case "yesterday": return today - self.day..<today
        default: break
        }
        guard let (date, time) = self.split(text), let start = self.start(of: date) else { return nil }
        guard let time else { return start..<start + self.day }
        let parts = time.split(separator: ":", omittingEmptySubsequences: false).map { self.number($0, digits: 2) }
        guard (2...3).contains(parts.count), let hour = parts[0], let minute = parts[1],
            let second = parts.count == 3 ? parts[2] : 0, hour < 24, minute < 60, second <= 60
        else { return nil }
        let moment = start + Int64(hour * 3600 + minute * 60 + second)
        return moment..<moment + (parts.count == 3 ? 1 : 60)
    }

    /// Whether it is meant as a day or a moment, though it may be none: `2026-02-30`.
    package static func isMeant(by text: String) -> Bool { self.split(text) != nil }

    /// What stands before and behind the `T`, where the shape is that of a date.
    private static func split(_ text: String) -> (date: Substring, time: Substring?)? {
        let date = text.prefix(10)
        let shape = date.utf8.map { (0x30...0x39).contains($0) ? UInt8(ascii: "9") : $0 }
        guard date.utf8.count == 10, shape.elementsEqual("9999-99-99".utf8) else { return nil }
        let rest = text.dropFirst(10)
        if rest.isEmpty { return (date, nil) }
        guard rest.first == "T" else { return nil }
        let time = rest.dropFirst()
        // As `ferry snapshots` prints it, with the Z of UTC.
        return (date, time.last == "Z" ? time.dropLast() : time)
    }

    private static func start(of date: Substring) -> Int64? {
        let numbers = date.split(separator: "-").compactMap { self.number($0, digits: $0.utf8.count) }
        guard numbers.count == 3, (1970...9999).contains(numbers[0]), (1...12).contains(numbers[1]),
            (1...31).contains(numbers[2])
        else { return nil }
        var components = DateComponents(year: numbers[0], month: numbers[1], day: numbers[2])
        components.timeZone = .gmt
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        // A day that its month does not have would be one of the next month.
        guard let start = calendar.date(from: components),
            calendar.dateComponents([.day], from: start).day == numbers[2]
        else { return nil }
        return Int64(start.timeIntervalSince1970)
    }

    private static func number(_ text: Substring, digits: Int) -> Int? {
        text.utf8.count == digits && text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(text) : nil
    }
}
