import FerryChunking
package import FerryErrors
import FerryFiles
package import FerryObjects

/// Compares two places in snapshots, and tells what is otherwise in the new one. It holds no results.
package final class SnapshotDifferences {
    /// One of the two places.
    package struct Place {
        let content: any SnapshotContent
        let entry: Entry

        package init(content: any SnapshotContent, entry: Entry) { (self.content, self.entry) = (content, entry) }
    }

    /// How places are compared.
    package struct Options: Sendable {
        /// Mode, owner, time and attributes do not count.
        package var contentOnly = false
        /// A directory that is on one side only is told once, and what is in it counted.
        package var collapses = false
        /// Entries that are looked at on both sides together; a snapshot may tell of one directory in very many places.
        package var entryLimit = 500_000_000

        package init() {}
    }

    /// What is in a directory that is told in one.
    package struct Count: Equatable, Sendable {
        package var files: UInt64 = 0
        package var bytes: UInt64 = 0
    }

    package struct Difference {
        /// From the places that are compared; empty for these themselves.
        package let path: [UInt8]
        /// Never a further name; nil if there is none.
        package let old: Entry?
        package let new: Entry?
        /// Nothing where one of the two is missing.
        package let reasons: TreeChange.Reasons
        /// Of what lies beneath it.
        package var beneath = Count()
    }

    package enum Event {
        case differs(Difference)
        /// This could not be compared.
        case failed([UInt8], FerryError)
        /// Nothing, but that it took a while.
        case pause
    }

    /// Work after which others get their turn; an entry counts as 1.
    private static let pauseAfter = 2000
    /// What reading a directory's first part counts as.
    private static let directoryCost = 200

    private let old: Place
    private let new: Place
    private let options: Options
    private var pair: TreePair
    private var hasBegun = false
    private var depth = 0
    /// A directory that is told once all that is in it is counted, and how deep it lies.
    private var counting: (difference: Difference, depth: Int)?
    private var events: [Event] = []
    private var work = 0
    private var entriesLeft: Int
    /// Directories that were read; for tests.
    package private(set) var directoriesRead = 0

    package init(old: Place, new: Place, options: Options) {
        (self.old, self.new, self.options) = (old, new, options)
        self.pair = TreePair(old: old.content, new: new.content)
        self.entriesLeft = options.entryLimit
    }

    /// - Returns: nil once all is compared.
    /// - Throws: `.limit` beyond that of entries.
    package func next() throws(FerryError) -> Event? {
        if !self.hasBegun {
            self.hasBegun = true
            self.compare([], self.old.entry, self.new.entry)
        }
        while true {
            if !self.events.isEmpty { return self.events.removeFirst() }
            guard self.work < Self.pauseAfter else {
                self.work = 0
                return .pause
            }
            self.work += 1
            switch self.pair.next() {
            case nil: return nil
            case .left: self.leave()
            case .damaged(let path, let side, let error):
                // What the other side has there is not new for that.
                self.pair.skipRest()
                return .failed(path, error.of(side))
            case .entry(let path, let old, let new):
                self.entriesLeft -= (old == nil ? 0 : 1) + (new == nil ? 0 : 1)
                guard self.entriesLeft >= 0 else { throw self.tooMany }
                self.compare(path, old, new)
            }
        }
    }

    private var tooMany: FerryError {
        FerryError(
            .limit,
            "there are more than \(self.options.entryLimit) files and directories to compare",
            remedy: "compare directories in them one by one"
        )
    }

    private func compare(_ path: [UInt8], _ old: Entry?, _ new: Entry?) {
        guard let oldEntry = self.resolving(path, old, .old), let newEntry = self.resolving(path, new, .new) else {
            return
        }
        switch (oldEntry, newEntry) {
        case (let old?, let new?):
            let reasons = new.reasons(since: old, contentOnly: self.options.contentOnly)
            guard old.kind == new.kind else { return self.tell(path, old, new, reasons) }
            if !reasons.isEmpty {
                self.events.append(.differs(Difference(path: path, old: old, new: new, reasons: reasons)))
            }
            if let oldNode = old.node, let newNode = new.node, oldNode != newNode {
                self.enter(path, old: oldNode, new: newNode)
            }
        case (let old, let new): self.tell(path, old, new, [])
        }
    }

    /// Tells what is on one side only, or another kind of thing on each.
    private func tell(_ path: [UInt8], _ old: Entry?, _ new: Entry?, _ reasons: TreeChange.Reasons) {
        if let entry = new ?? old, entry.kind == .file, self.counting != nil {
            self.counting?.difference.beneath.files += 1
            self.counting?.difference.beneath.bytes.add(entry.size)
        }
        let difference = Difference(path: path, old: old, new: new, reasons: reasons)
        let isDirectory = old?.node != nil || new?.node != nil
        if self.counting == nil {
            if self.options.collapses, isDirectory {
                self.counting = (difference, self.depth)
            } else {
                self.events.append(.differs(difference))
            }
        }
        if isDirectory { self.enter(path, old: old?.node, new: new?.node) }
    }

    /// - Returns: nil if it cannot be resolved, which is told; an entry of nil if there is none.
    private func resolving(_ path: [UInt8], _ entry: Entry?, _ side: TreePair.Side) -> Entry?? {
        guard let entry else { return .some(nil) }
        guard case .furtherName = entry.content else { return entry }
        self.work += Self.directoryCost * entry.directoriesToName
        do throws(FerryError) {
            return try (side == .old ? self.old : self.new).content.resolved(entry)
        } catch {
            self.events.append(.failed(path, error.of(side)))
            return nil
        }
    }

    private func enter(_ path: [UInt8], old: ChunkID?, new: ChunkID?) {
        self.work += Self.directoryCost
        self.directoriesRead += (old == nil ? 0 : 1) + (new == nil ? 0 : 1)
        self.depth += 1
        self.pair.enter(path, old: old, new: new)
    }

    private func leave() {
        self.depth -= 1
        guard let counting = self.counting, counting.depth == self.depth else { return }
        self.events.append(.differs(counting.difference))
        self.counting = nil
    }
}

extension UInt64 {
    fileprivate mutating func add(_ other: UInt64) {
        let (sum, overflow) = self.addingReportingOverflow(other)
        self = overflow ? .max : sum
    }
}

extension FerryError {
    fileprivate func of(_ side: TreePair.Side) -> FerryError {
        var error = self
        error.message = "in the \(side == .old ? "old" : "new") one: \(self.message)"
        return error
    }
}
