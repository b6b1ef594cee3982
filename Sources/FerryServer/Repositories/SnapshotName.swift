package import FerryChunking
package import FerryErrors
import FerryObjects
package import FerryRepository
package import FoundationEssentials

/// How a user names a snapshot: `latest`, the beginning of its id, a day or a moment, or a tag.
package struct SnapshotName {
    /// Digits of an id that are enough to ask for it.
    private static let fewestDigits = 4

    let text: String

    /// - Parameter text: what stands behind the `@`.
    package init(text: String) { self.text = text }

    /// The newest snapshot of those that it names.
    ///
    /// - Parameters:
    ///   - snapshots: those that the user may see, the oldest first.
    ///   - now: for `today` and `yesterday`.
    /// - Returns: one of them.
    /// - Throws: `.notFound` if there is none, `.usage` if an id's beginning is that of several.
    package func find(in snapshots: [StoredSnapshot], now: Date = .now) throws(FerryError) -> ChunkID {
        guard let last = snapshots.last else {
            throw FerryError(.notFound, "there is no snapshot yet", remedy: "`ferry backup` makes one")
        }
        if self.text == "latest" { return last.id }
        if let moment = self.moment(now) {
            guard let found = snapshots.last(where: { $0.snapshot.seconds < moment }) else {
                throw FerryError(.notFound, "there is no snapshot that old", remedy: "`ferry snapshots` lists all")
            }
            return found.id
        }
        if self.isHex {
            let found = snapshots.filter { $0.id.description.hasPrefix(self.text) }
            if found.count == 1 { return found[0].id }
            if found.count > 1 {
                throw FerryError(
                    .usage,
                    "\(found.count) snapshots have ids that begin with \(self.text)",
                    remedy: "give more of the id"
                )
            }
        }
        let tagged = snapshots.last { snapshot in
            ((try? SnapshotNote(snapshot.snapshot.rest))?.tags ?? []).contains(self.text)
        }
        guard let tagged else {
            throw FerryError(
                .notFound,
                "there is no snapshot \(Escaping.escape(self.text))",
                remedy: "`ferry snapshots` lists all"
            )
        }
        return tagged.id
    }

    private var isHex: Bool {
        (Self.fewestDigits...64).contains(self.text.utf8.count)
            && self.text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }

    /// Seconds since 1970 before which the snapshot was made: the end of a day or of a second, in UTC.
    private func moment(_ now: Date) -> Int64? {
        let day: Int64 = 86400
        let today = Int64(now.timeIntervalSince1970) / day * day
        switch self.text {
        case "today": return today + day
        case "yesterday": return today
        default: break
        }
        let parts = self.text.split(separator: "T", omittingEmptySubsequences: false)
        let date = parts[0].split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
        guard parts.count <= 2, date.count == 3, parts[0].utf8.count == 10, let year = date[0], let month = date[1],
            let dayOfMonth = date[2], (1970...9999).contains(year), (1...12).contains(month),
            (1...31).contains(dayOfMonth)
        else { return nil }
        var components = DateComponents(year: year, month: month, day: dayOfMonth)
        components.timeZone = .gmt
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        guard let start = calendar.date(from: components).map({ Int64($0.timeIntervalSince1970) }) else { return nil }
        guard parts.count == 2 else { return start + day }
        let time = parts[1].split(separator: ":", omittingEmptySubsequences: false).map { Int($0) }
        guard (2...3).contains(time.count), let hour = time[0], let minute = time[1], (0...23).contains(hour),
            (0...59).contains(minute)
        else { return nil }
        let second = time.count == 3 ? time[2] : 0
        guard let second, (0...60).contains(second) else { return nil }
        return start + Int64(hour * 3600 + minute * 60 + second) + (time.count == 3 ? 1 : 60)
    }
}
