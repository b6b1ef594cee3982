import FerryErrors
import FerryTransfer
package import FerryWire
import FoundationEssentials

/// A difference of two snapshots, in words and as JSON. Everything in it comes from the daemon, and is escaped.
package struct DifferenceText {
    package enum Kind: String, Sendable {
        case added, removed, changed, metadata, type
    }

    package let kind: Kind
    private let difference: WireDifference
    private let reasons: TreeChange.Reasons

    package init(_ difference: WireDifference) {
        self.difference = difference
        self.reasons = TreeChange.Reasons(rawValue: difference.reasons)
        self.kind =
            if !difference.hasOld {
                .added
            } else if !difference.hasNew {
                .removed
            } else if self.reasons.contains(.kind) {
                .type
            } else if self.reasons.isDisjoint(with: [.content, .target, .size]) {
                .metadata
            } else {
                .changed
            }
    }

    /// The entries of the two sides.
    var old: WireEntry? { self.difference.hasOld ? self.difference.old : nil }
    var new: WireEntry? { self.difference.hasNew ? self.difference.new : nil }
    /// What lies in a directory that is told in one.
    var beneath: (files: UInt64, bytes: UInt64) { (self.difference.files, self.difference.bytes) }

    /// `M etc/hosts`, `m etc/shadow (mode, owner)`, `T var/run (directory -> symlink)`.
    ///
    /// - Parameter isLong: whether sizes, modes and times are told.
    /// - Returns: the line.
    package func line(isLong: Bool) -> String {
        let letter =
            switch self.kind {
            case .added: "+"
            case .removed: "-"
            case .changed: "M"
            case .metadata: "m"
            case .type: "T"
            }
        let notes = self.notes(isLong: isLong)
        return "\(letter) \(self.path)" + (notes.isEmpty ? "" : " (\(notes.joined(separator: ", ")))")
    }

    /// A directory's ends with a slash; the compared places themselves are a dot.
    private var path: String {
        let path = self.difference.path.isEmpty ? "." : Escaping.escape(self.difference.path)
        return path + ((self.new ?? self.old).map { EntryText($0).mark } ?? "")
    }

    private func notes(isLong: Bool) -> [String] {
        var notes: [String] = []
        if self.kind == .type, let old = self.old, let new = self.new {
            notes.append("\(EntryText(old).kind) -> \(EntryText(new).kind)")
        }
        if self.beneath.files > 0 {
            let files = self.beneath.files
            notes.append("\(files) file\(files == 1 ? "" : "s"), \(Amounts.bytes(self.beneath.bytes))")
        }
        if let targets = self.targets(isLong: isLong) { notes.append(targets) }
        if isLong, let size = self.size { notes.append(size) }
        for reason in ChangeText.reasons(self.reasons) where self.isTold(reason, isLong: isLong) {
            notes.append(isLong ? self.long(reason) : reason)
        }
        return notes
    }

    /// Content and size are what the letter and the sizes say.
    private func isTold(_ reason: String, isLong: Bool) -> Bool {
        !["kind", "size", "content", "target"].contains(reason) && (isLong || self.kind == .metadata)
    }

    /// What links say: where that differs, or where all is told.
    private func targets(isLong: Bool) -> String? {
        switch (self.old.flatMap { EntryText($0).target }, self.new.flatMap { EntryText($0).target }) {
        case (let old?, let new?): self.reasons.contains(.target) ? "\(old) -> \(new)" : nil
        case (let target?, nil), (nil, let target?): isLong ? "-> \(target)" : nil
        case (nil, nil): nil
        }
    }

    private var size: String? {
        switch (self.old, self.new) {
        case (let old?, let new?) where old.kind == .file && new.kind == .file && self.kind == .changed:
            "\(old.size) -> \(new.size) bytes"
        case (nil, let entry?) where entry.kind == .file: "\(entry.size) bytes"
        case (let entry?, nil) where entry.kind == .file: "\(entry.size) bytes"
        default: nil
        }
    }

    private func long(_ reason: String) -> String {
        guard let old = self.old.map({ EntryText($0) }), let new = self.new.map({ EntryText($0) }) else {
            return reason
        }
        return switch reason {
        case "mode": "mode \(old.mode) -> \(new.mode)"
        case "owner": "owner \(old.owner) -> \(new.owner)"
        case "time": "time \(old.modified) -> \(new.modified)"
        default: reason
        }
    }

    package var json: String {
        let isDirectory = [self.old, self.new].contains { $0?.kind == .directory }
        return JSONLine.encode(
            Event(
                path: Escaping.escape(self.difference.path),
                kind: self.kind.rawValue,
                reasons: ChangeText.reasons(self.reasons),
                old: self.old.map { Side($0) },
                new: self.new.map { Side($0) },
                files: isDirectory && self.beneath.files > 0 ? self.beneath.files : nil,
                bytes: isDirectory && self.beneath.files > 0 ? self.beneath.bytes : nil
            )
        )
    }

    private struct Event: Encodable {
        let event = "difference"
        let path: String
        let kind: String
        let reasons: [String]
        let old: Side?
        let new: Side?
        let files: UInt64?
        let bytes: UInt64?

        private enum CodingKeys: String, CodingKey { case event, path, kind, reasons, old, new, files, bytes }
    }

    private struct Side: Encodable {
        let kind: String
        let size: UInt64
        let mode: String
        let modified: String
        let details: EntryText.Details

        private enum CodingKeys: String, CodingKey { case kind, size, mode, modified }

        init(_ entry: WireEntry) {
            let text = EntryText(entry)
            (self.kind, self.size, self.mode, self.modified) = (text.kind, entry.size, text.mode, text.modified)
            self.details = EntryText.Details(entry)
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(self.kind, forKey: .kind)
            try container.encode(self.size, forKey: .size)
            try container.encode(self.mode, forKey: .mode)
            try container.encode(self.modified, forKey: .modified)
            try self.details.encode(to: encoder)
        }
    }
}
