import FerryCatalog
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
    ///   - listing: where they are.
    ///   - owner: whose the user may see; nil for all.
    ///   - now: for `today` and `yesterday`.
    /// - Returns: one of them.
    /// - Throws: `.notFound` if there is none, `.usage` if an id's beginning is that of several, and what the listing met.
    package func find(
        in listing: some SnapshotListing,
        owner: String?,
        now: Date = .now
    ) throws(FerryError) -> StoredSnapshot {
        var selection = SnapshotSelection(owner: owner, newestFirst: true)
        guard let last = try listing.snapshots(selection, after: nil, limit: 1).first else {
            throw FerryError(.notFound, "there is no snapshot yet", remedy: "`ferry backup` makes one")
        }
        if self.text == "latest" { return last }
        if let moment = self.moment(now) {
            selection.madeBefore = moment
            guard let found = try listing.snapshots(selection, after: nil, limit: 1).first else {
                throw FerryError(.notFound, "there is no snapshot that old", remedy: "`ferry snapshots` lists all")
            }
            return found
        }
        if self.isHex {
            let found = try listing.snapshots(beginning: self.text, owner: owner, limit: 2)
            if found.count == 1 { return found[0] }
            if found.count > 1 {
                throw FerryError(
                    .usage,
                    "several snapshots have ids that begin with \(self.text)",
                    remedy: "give more of the id"
                )
            }
        }
        return try self.tagged(in: listing, selection)
    }

    private func tagged(
        in listing: some SnapshotListing,
        _ selection: SnapshotSelection
    ) throws(FerryError) -> StoredSnapshot {
        var last: StoredSnapshot?
        while true {
            let page = try listing.snapshots(selection, after: last, limit: Repository.page)
            guard !page.isEmpty else { break }
            let tagged = page.first { stored in
                ((try? SnapshotNote(stored.snapshot.rest))?.tags ?? []).contains(self.text)
            }
            if let tagged { return tagged }
            last = page.last
        }
        throw FerryError(
            .notFound,
            "there is no snapshot \(Escaping.escape(self.text))",
            remedy: "`ferry snapshots` lists all"
        )
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
        // As `ferry snapshots` prints it, with the Z of UTC.
        let text = self.text.hasSuffix("Z") && self.text.contains("T") ? self.text.dropLast() : self.text[...]
        let parts = text.split(separator: "T", omittingEmptySubsequences: false)
        let numbers = parts[0].split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
        guard parts.count <= 2, numbers.count == 3, parts[0].utf8.count == 10, let year = numbers[0],
            let month = numbers[1], let dayOfMonth = numbers[2], (1970...9999).contains(year), (1...12).contains(month),
            (1...31).contains(dayOfMonth)
        else { return nil }
        var components = DateComponents(year: year, month: month, day: dayOfMonth)
        components.timeZone = .gmt
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        // A day that its month does not have would be one of the next month.
        guard let date = calendar.date(from: components),
            calendar.dateComponents([.day], from: date).day == dayOfMonth
        else { return nil }
        let start = Int64(date.timeIntervalSince1970)
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
