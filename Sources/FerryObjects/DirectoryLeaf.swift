package import FerryErrors

/// Entries of a directory, as one node holds them: all of a small one, neighbours of a large one.
package struct DirectoryLeaf: Equatable, Sendable {
    /// Bytes of one name.
    package static let nameLimit = 255
    /// Bytes of a path or of what a link says: the largest that Linux takes is 4095; a path from the top may be longer.
    package static let pathLimit = 64 << 10
    /// Bytes of one attribute's value, and of all of one entry.
    package static let attributeLimit = 64 << 10
    private static let accountNameLimit = 256

    package let entries: [Entry]

    package init(_ entries: [Entry]) { self.entries = entries }

    package var node: Node {
        var writer = LeafWriter()
        for entry in self.entries { writer.append(entry) }
        return writer.node
    }

    /// Reads the entries of a node.
    ///
    /// - Parameter node: its id is the caller's to check.
    /// - Throws: `.integrity` if it is no part of a directory.
    package init(_ node: Node) throws(FerryError) {
        var reader = ByteReader(node.content[...], "a directory")
        guard try reader.fixed(UInt8.self) == NodeForm.directory.rawValue else { throw reader.damaged("it is none") }
        let accounts = try Self.accounts(&reader)
        let count = try reader.varint(upTo: Node.maximumLength)
        var entries: [Entry] = []
        for _ in 0..<count {
            let entry = try Self.entry(&reader, node.refs, accounts)
            guard entries.last.map({ $0.name.lexicographicallyPrecedes(entry.name) }) ?? true else {
                throw reader.damaged("its names are not in order")
            }
            entries.append(entry)
        }
        try reader.end()
        self.init(entries)
        guard self.node == node else { throw reader.damaged("it could be written in another way") }
    }

    private static func accounts(_ reader: inout ByteReader) throws(FerryError) -> [EntryAccount] {
        let count = try reader.varint(upTo: reader.count)
        var accounts: [EntryAccount] = []
        for _ in 0..<count {
            let isGroup = try reader.varint(upTo: 1) == 1
            let id = UInt32(try reader.varint(upTo: Int(UInt32.max)))
            accounts.append(
                EntryAccount(id: id, name: try reader.counted(upTo: Self.accountNameLimit), isGroup: isGroup)
            )
        }
        return accounts
    }

    private static func account(
        _ reader: inout ByteReader,
        _ accounts: [EntryAccount]
    ) throws(FerryError) -> EntryAccount? {
        let place = try reader.varint(upTo: accounts.count)
        return place == 0 ? nil : accounts[place - 1]
    }

    private static func entry(
        _ reader: inout ByteReader,
        _ refs: [ObjectKey],
        _ accounts: [EntryAccount]
    ) throws(FerryError) -> Entry {
        let name = try reader.counted(upTo: Self.nameLimit)
        guard !name.isEmpty, !name.contains(0), !name.contains(UInt8(ascii: "/")), name != [0x2E], name != [0x2E, 0x2E]
        else { throw reader.damaged("a name is none") }
        let mode = UInt32(try reader.varint(upTo: 0o177777))
        let seconds = try reader.signed()
        let nanoseconds = UInt32(try reader.varint(upTo: 999_999_999))
        let user = try Self.account(&reader, accounts)
        let group = try Self.account(&reader, accounts)
        let flags = try reader.varint(upTo: 1)
        let attributes = try Self.attributes(&reader)
        let named = try Self.named(&reader, accounts, hasAttributes: !attributes.isEmpty)
        var entry = Entry(
            name: name,
            mode: mode,
            seconds: seconds,
            nanoseconds: nanoseconds,
            content: try Self.content(&reader, refs)
        )
        (entry.user, entry.group, entry.isIncomplete) = (user, group, flags == 1)
        (entry.attributes, entry.accounts) = (attributes, named)
        guard entry.fits else { throw reader.damaged("an entry's mode is not that of its kind") }
        return entry
    }

    private static func attributes(_ reader: inout ByteReader) throws(FerryError) -> [EntryAttribute] {
        let count = try reader.varint(upTo: reader.count)
        var attributes: [EntryAttribute] = []
        for _ in 0..<count {
            let name = try reader.counted(upTo: Self.nameLimit)
            attributes.append(EntryAttribute(name: name, value: try reader.counted(upTo: Self.attributeLimit)))
        }
        return attributes
    }

    private static func named(
        _ reader: inout ByteReader,
        _ accounts: [EntryAccount],
        hasAttributes: Bool
    ) throws(FerryError) -> [EntryAccount] {
        guard hasAttributes else { return [] }
        let count = try reader.varint(upTo: accounts.count)
        var named: [EntryAccount] = []
        for _ in 0..<count {
            guard let account = try Self.account(&reader, accounts) else { throw reader.damaged("an account is none") }
            named.append(account)
        }
        return named
    }

    private static func content(
        _ reader: inout ByteReader,
        _ refs: [ObjectKey]
    ) throws(FerryError) -> Entry.Content {
        switch EntryForm(rawValue: try reader.fixed(UInt8.self)) {
        case .segments:
            let count = try reader.varint(upTo: Entry.inlineSegments)
            var segments: [Segment] = []
            var size: UInt64 = 0
            for _ in 0..<count {
                let segment = try SegmentCoding.read(&reader, refs)
                size = size.addingReportingOverflow(segment.length).partialValue
                guard size <= Int64.max else { throw reader.damaged("a file is too large") }
                segments.append(segment)
            }
            return .segments(segments)
        case .recipe:
            let id = try reader.cited(reader.varint(upTo: refs.count), .node, refs)
            let size = try reader.varint()
            guard size <= Int64.max else { throw reader.damaged("a file is too large") }
            return .recipe(id, size: size)
        case .directory: return .directory(try reader.cited(reader.varint(upTo: refs.count), .node, refs))
        case .link: return .link(try reader.counted(upTo: Self.pathLimit))
        case .special: return .special(device: try reader.varint())
        case .furtherName: return .furtherName(try reader.counted(upTo: Self.pathLimit))
        case nil: throw reader.damaged("an entry is of an unknown form")
        }
    }
}

/// What an entry is, in its encoding.
enum EntryForm: UInt8 {
    case segments = 1
    case recipe = 2
    case directory = 3
    case link = 4
    case special = 5
    case furtherName = 6
}

extension Entry {
    /// Whether the mode's kind is that of the content.
    fileprivate var fits: Bool {
        let kind = self.mode & 0o170000
        return switch self.content {
        case .segments, .recipe: kind == 0o100000
        case .directory: kind == 0o040000
        case .link: kind == 0o120000
        case .special: [0o010000, 0o020000, 0o060000, 0o140000].contains(kind)
        case .furtherName: kind != 0o040000
        }
    }
}
