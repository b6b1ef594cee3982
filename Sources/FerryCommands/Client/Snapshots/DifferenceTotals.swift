import FerryWire
import FoundationEssentials

/// How much differs.
package struct DifferenceTotals: Sendable {
    package struct Amount: Encodable, Equatable, Sendable {
        package var files: UInt64 = 0
        package var bytes: UInt64 = 0

        mutating func add(_ files: UInt64, _ bytes: UInt64) {
            self.files = Self.sum(self.files, files)
            self.bytes = Self.sum(self.bytes, bytes)
        }

        private static func sum(_ one: UInt64, _ other: UInt64) -> UInt64 {
            let (sum, overflow) = one.addingReportingOverflow(other)
            return overflow ? .max : sum
        }
    }

    /// Files that are new, gone or have another content; of these the bytes that they have now.
    package private(set) var added = Amount()
    package private(set) var removed = Amount()
    package private(set) var changed = Amount()
    /// Bytes that changed files had.
    package private(set) var changedFrom: UInt64 = 0
    /// Directories, links and others that are new, gone or different, and what differs in metadata alone.
    package private(set) var others: UInt64 = 0
    package private(set) var metadata: UInt64 = 0

    package init() {}

    package var isEmpty: Bool {
        self.added.files == 0 && self.removed.files == 0 && self.changed.files == 0 && self.others == 0
            && self.metadata == 0
    }

    /// Counts a difference.
    package mutating func add(_ text: DifferenceText) {
        let (old, new) = (text.old, text.new)
        switch text.kind {
        case .metadata: self.metadata += 1
        case .changed where new?.kind == .file:
            self.changed.add(1, new?.size ?? 0)
            var from = Amount(files: 0, bytes: self.changedFrom)
            from.add(0, old?.size ?? 0)
            self.changedFrom = from.bytes
        case .changed: self.others += 1
        case .added, .removed, .type:
            if let new, new.kind == .file { self.added.add(1, new.size) }
            if let old, old.kind == .file { self.removed.add(1, old.size) }
            if [old, new].contains(where: { $0.map { $0.kind != .file } ?? false }) { self.others += 1 }
            if new?.kind == .directory {
                self.added.add(text.beneath.files, text.beneath.bytes)
            } else if old?.kind == .directory {
                self.removed.add(text.beneath.files, text.beneath.bytes)
            }
        }
    }

    /// In plain words.
    package var text: String {
        guard !self.isEmpty else { return "nothing differs" }
        var parts: [String] = []
        if self.added.files > 0 {
            parts.append("\(Self.files(self.added.files)) added (\(Amounts.bytes(self.added.bytes)))")
        }
        if self.removed.files > 0 {
            parts.append("\(Self.files(self.removed.files)) removed (\(Amounts.bytes(self.removed.bytes)))")
        }
        if self.changed.files > 0 {
            let (from, to) = (Amounts.bytes(self.changedFrom), Amounts.bytes(self.changed.bytes))
            parts.append("\(Self.files(self.changed.files)) changed (\(from) before, \(to) now)")
        }
        if self.others > 0 {
            parts.append("\(self.others) other\(self.others == 1 ? "" : "s") added, removed or changed")
        }
        if self.metadata > 0 { parts.append("\(self.metadata) with other metadata") }
        return parts.joined(separator: ", ")
    }

    private static func files(_ count: UInt64) -> String { "\(count) file\(count == 1 ? "" : "s")" }

    /// One line of JSON.
    ///
    /// - Parameter failed: what could not be compared.
    /// - Returns: the line.
    package func json(failed: Int) -> String {
        JSONLine.encode(
            Event(
                added: self.added,
                removed: self.removed,
                changed: self.changed,
                changedFrom: self.changedFrom,
                others: self.others,
                metadata: self.metadata,
                failed: failed
            )
        )
    }

    private struct Event: Encodable {
        let event = "differences"
        let added: Amount
        let removed: Amount
        let changed: Amount
        let changedFrom: UInt64
        let others: UInt64
        let metadata: UInt64
        let failed: Int

        private enum CodingKeys: String, CodingKey {
            case event, added, removed, changed, changedFrom, others, metadata, failed
        }
    }
}
