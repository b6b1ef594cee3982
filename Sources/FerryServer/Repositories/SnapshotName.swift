import FerryCatalog
package import FerryErrors
import FerryObjects
package import FerryRepository
import FerryTransport
import FerryWire
package import FoundationEssentials

/// How a user names a snapshot: `latest`, the beginning of its id, a day or a moment, or a tag.
package struct SnapshotName {
    /// Digits of an id that are enough to ask for it.
    private static let fewestDigits = 4

    private static let words = ["latest", "today", "yesterday"]
    private static let forms =
        "name one by latest, the beginning of its id, a tag, or a time: \(MomentText.forms); `ferry snapshots` lists all"

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
        if let moment = MomentText.parse(self.text, now: now) {
            selection.madeBefore = moment.upperBound
            guard let found = try listing.snapshots(selection, after: nil, limit: 1).first else {
                throw FerryError(
                    .notFound,
                    "there is no snapshot as old as \(self.text)",
                    remedy: "`ferry snapshots` lists all"
                )
            }
            return found
        }
        guard !MomentText.isMeant(by: self.text) else {
            throw FerryError(
                .usage,
                "\(Escaping.escape(self.text)) is no day or moment",
                remedy: "write \(MomentText.forms)"
            )
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
        let name = Escaping.escape(self.text)
        if let word = Suggestion.nearest(to: self.text, among: Self.words) {
            throw FerryError(.usage, "there is no snapshot \(name)", remedy: "did you mean \(word)? \(Self.forms)")
        }
        throw FerryError(.notFound, "there is no snapshot \(name)", remedy: Self.forms)
    }

    private var isHex: Bool {
        (Self.fewestDigits...64).contains(self.text.utf8.count)
            && self.text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }
}
