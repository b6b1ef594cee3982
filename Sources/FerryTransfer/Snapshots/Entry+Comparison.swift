package import FerryChunking
package import FerryErrors
import FerryFiles
package import FerryObjects

extension Entry {
    /// What an entry is, as users tell kinds apart; a further name is of no kind before it is resolved.
    package enum Kind: UInt32, Sendable, CaseIterable {
        case file = 1
        case directory = 2
        case link = 4
        case other = 8
    }

    package var kind: Kind {
        switch self.content {
        case .segments, .recipe: .file
        case .directory: .directory
        case .link: .link
        case .special, .furtherName: .other
        }
    }

    /// The node of a directory.
    package var node: ChunkID? { if case .directory(let node) = self.content { node } else { nil } }

    /// The same for what has the same content, and for files and links the same time of modification; a directory is the
    /// same whatever is in it.
    var version: ChunkID {
        var writer = ByteWriter()
        writer.varint(UInt64(self.kind.rawValue))
        if self.kind != .directory {
            writer.signed(self.seconds)
            writer.varint(UInt64(self.nanoseconds))
        }
        switch self.content {
        case .segments(let segments):
            for segment in segments {
                if case .chunk(let id, _) = segment { writer.id(id) }
                writer.varint(segment.length)
            }
        case .recipe(let id, let size):
            writer.id(id)
            writer.varint(size)
        case .link(let bytes), .furtherName(let bytes): writer.raw(bytes)
        case .special(let device): writer.varint(device)
        case .directory: break
        }
        return ChunkID.hashing(writer.bytes)
    }

    /// In what it differs from an older one of the same name; both are resolved.
    ///
    /// - Parameters:
    ///   - old: the older one.
    ///   - contentOnly: whether mode, owner, time and attributes do not count.
    /// - Returns: nothing for directories in which alone something is different: that is told where it is.
    func reasons(since old: Entry, contentOnly: Bool) -> TreeChange.Reasons {
        guard self.kind == old.kind, self.mode & 0o170000 == old.mode & 0o170000 else { return .kind }
        var reasons: TreeChange.Reasons = []
        switch (old.content, self.content) {
        case (.directory, .directory): break
        case (.link(let old), .link(let new)): if old != new { reasons.insert(.target) }
        default:
            if old.content != self.content { reasons.insert(.content) }
            if old.size != self.size { reasons.insert(.size) }
        }
        guard !contentOnly else { return reasons }
        if old.mode != self.mode { reasons.insert(.mode) }
        if old.user != self.user || old.group != self.group { reasons.insert(.owner) }
        if old.attributes != self.attributes || old.accounts != self.accounts { reasons.insert(.attributes) }
        // A directory's changes whenever something is made or removed in it, which is told anyway.
        if self.kind != .directory, (old.seconds, old.nanoseconds) != (self.seconds, self.nanoseconds) {
            reasons.insert(.time)
        }
        return reasons
    }
}

extension Entry {
    /// Directories that are read to find out what it is a further name of.
    var directoriesToName: Int {
        guard case .furtherName(let first) = self.content else { return 0 }
        return 1 + first.count { $0 == UInt8(ascii: "/") }
    }
}

extension SnapshotContent {
    /// An entry with the content of the thing of which it is a further name.
    ///
    /// - Parameter entry: of this snapshot.
    /// - Returns: the entry, which is no further name.
    /// - Throws: `.integrity` if that is none, and what reading fails with.
    package func resolved(_ entry: Entry) throws(FerryError) -> Entry {
        guard case .furtherName(let first) = entry.content else { return entry }
        let named = try self.entry(at: first)
        switch named.content {
        case .directory, .furtherName:
            throw FerryError(.integrity, "\(Escaping.escape(first)) is no first name")
        case .segments, .recipe, .link, .special: break
        }
        var resolved = entry
        resolved.content = named.content
        return resolved
    }
}
