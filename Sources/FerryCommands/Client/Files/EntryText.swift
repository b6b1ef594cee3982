import FerryErrors
import FerryFiles
package import FerryWire
import FoundationEssentials

/// One entry of a listing, in words and as JSON. Everything in it comes from the daemon, and is escaped.
package struct EntryText {
    private let entry: WireEntry

    package init(_ entry: WireEntry) { self.entry = entry }

    /// The name alone; a directory's ends with a slash.
    package var short: String {
        Escaping.escape(self.entry.name) + self.mark
    }

    /// What stands behind a directory's name.
    var mark: String { self.entry.kind == .directory || self.entry.kind == .share ? "/" : "" }

    /// `-rw-r--r--  carol:staff       12345678  2026-11-25T08:37:32Z  name`, as `ls -l` begins and ends.
    package var long: String {
        guard self.entry.kind != .share else { return self.short }
        let owner = self.owner + String(repeating: " ", count: max(0, 16 - self.owner.count))
        let target = self.target.map { " -> \($0)" } ?? ""
        return "\(self.permissions)  \(owner)  \(Self.right(String(self.entry.size), 12))  \(self.modified)  "
            + "\(self.short)\(target)"
    }

    /// `carol:staff`, numbers for who has no name; a dash if it is not told.
    var owner: String {
        guard self.entry.hasUser || self.entry.hasGroup else { return "-" }
        return "\(Self.name(self.entry.user)):\(Self.name(self.entry.group))"
    }

    private static func name(_ account: WireAccount) -> String {
        account.name.isEmpty ? String(account.id) : Escaping.escape(account.name)
    }

    /// What a link says.
    var target: String? {
        self.entry.kind == .symlink && !self.entry.target.isEmpty ? Escaping.escape(self.entry.target) : nil
    }

    /// Several lines: what is known about it.
    ///
    /// - Parameter path: as the user gave it, escaped.
    /// - Returns: Lines without the last end.
    package func full(_ path: String) -> String {
        var lines = ["path:     \(path)", "kind:     \(self.kind)"]
        if let target = self.target { lines.append("target:   \(target)") }
        lines += [
            "size:     \(self.entry.size) (\(Amounts.bytes(self.entry.size)))",
            "mode:     \(self.mode) (\(self.permissions))",
        ]
        if self.entry.hasUser || self.entry.hasGroup {
            lines.append("owner:    \(self.owner) (\(self.entry.user.id):\(self.entry.group.id))")
        }
        return (lines + ["modified: \(self.modified)"]).joined(separator: "\n")
    }

    /// One line of JSON.
    ///
    /// - Parameter path: as the user gave it, escaped; nil in a listing.
    /// - Returns: One line.
    package func json(path: String? = nil) -> String {
        let isShare = self.entry.kind == .share
        return JSONLine.encode(
            Event(
                name: Escaping.escape(self.entry.name),
                path: path,
                kind: self.kind,
                size: isShare ? nil : self.entry.size,
                mode: isShare ? nil : self.mode,
                modified: isShare ? nil : self.modified,
                details: Details(self.entry)
            )
        )
    }

    private struct Event: Encodable {
        let event = "entry"
        let name: String
        let path: String?
        let kind: String
        let size: UInt64?
        let mode: String?
        let modified: String?
        let details: Details

        private enum CodingKeys: String, CodingKey { case event, name, path, kind, size, mode, modified }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(self.event, forKey: .event)
            try container.encode(self.name, forKey: .name)
            try container.encodeIfPresent(self.path, forKey: .path)
            try container.encode(self.kind, forKey: .kind)
            try container.encodeIfPresent(self.size, forKey: .size)
            try container.encodeIfPresent(self.mode, forKey: .mode)
            try container.encodeIfPresent(self.modified, forKey: .modified)
            try self.details.encode(to: encoder)
        }
    }

    /// Whom it belongs to, and what a link says: where that is told.
    struct Details: Encodable {
        let user: String?
        let uid: UInt32?
        let group: String?
        let gid: UInt32?
        let target: String?

        init(_ entry: WireEntry) {
            self.user = entry.hasUser ? EntryText.name(entry.user) : nil
            self.uid = entry.hasUser ? entry.user.id : nil
            self.group = entry.hasGroup ? EntryText.name(entry.group) : nil
            self.gid = entry.hasGroup ? entry.group.id : nil
            self.target = EntryText(entry).target
        }
    }

    var kind: String {
        switch self.entry.kind {
        case .file: "file"
        case .directory: "directory"
        case .symlink: "symlink"
        case .share: "share"
        case .other, .UNRECOGNIZED: "other"
        }
    }

    var mode: String {
        let digits = String(self.entry.metadata.mode & 0o7777, radix: 8)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }

    private var permissions: String {
        let first =
            switch self.entry.kind {
            case .file: "-"
            case .directory, .share: "d"
            case .symlink: "l"
            case .other, .UNRECOGNIZED: "?"
            }
        let mode = self.entry.metadata.mode
        var bits = (0..<9).map { bit in mode & (0o400 >> bit) != 0 ? Array("rwx")[bit % 3] : "-" }
        for (bit, place, letter) in [(0o4000, 2, "s"), (0o2000, 5, "s"), (0o1000, 8, "t")] as [(UInt32, Int, String)]
        where mode & bit != 0 {
            bits[place] = Character(bits[place] == "-" ? letter.uppercased() : letter)
        }
        return first + String(bits)
    }

    /// UTC, so that listings of machines in different places compare.
    var modified: String { Self.time(self.entry.metadata.modifiedSeconds) }

    /// A time that a daemon tells.
    ///
    /// - Parameter seconds: since 1970.
    /// - Returns: in UTC.
    static func time(_ seconds: Int64) -> String {
        // Years 0–9999; a daemon may say anything.
        guard (-62_167_219_200..<253_402_300_800).contains(seconds) else { return "-" }
        return Date(timeIntervalSince1970: Double(seconds)).formatted(.iso8601)
    }

    private static func right(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }
}
