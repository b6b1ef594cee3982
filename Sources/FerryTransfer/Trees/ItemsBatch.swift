import FerryErrors
import FerryFiles
import FerryWire
import FoundationEssentials

/// A frame of a tree's items being filled.
struct ItemsBatch {
    /// Bytes of names and notes; the numbers take at most 36 for each item besides.
    private static let byteLimit = 16 << 10
    private static let countLimit = 512

    private let tellsOwners: Bool
    private var items = WireItems()
    private var bytes = 0
    /// Places of those that the frame names, counted from 1.
    private var accounts: [Account: UInt32] = [:]

    init(tellsOwners: Bool) { self.tellsOwners = tellsOwners }

    var count: Int { self.items.modes.count }
    var isFull: Bool { self.count >= Self.countLimit || self.bytes >= Self.byteLimit }

    /// - Parameters:
    ///   - entry: as the walk found it.
    ///   - told: what is told of it besides.
    ///   - firstName: if it is a further name of a file, that one's first.
    ///   - isSkipped: whether it is left out because of its kind, of which the receiver is to know.
    mutating func append(_ entry: TreeEntry, _ told: ToldMetadata, firstName: [UInt8]?, isSkipped: Bool) {
        self.items.names.append(contentsOf: entry.name)
        self.items.nameLengths.append(UInt32(entry.name.count))
        // What takes no part is only named.
        let isNamed = entry.isLeftOut && entry.opened == nil && !isSkipped
        self.items.modes.append(isNamed ? 1 : told.posixMode)
        self.items.sizes.append(entry.info.kind == .file && !isNamed ? UInt64(clamping: entry.info.size) : 0)
        self.items.seconds.append(entry.info.modified.seconds)
        self.items.nanoseconds.append(entry.info.modified.nanoseconds)
        if self.tellsOwners {
            self.items.users.append(told.user.map { self.place(of: $0) } ?? 0)
            self.items.groups.append(told.group.map { self.place(of: $0) } ?? 0)
        }
        self.bytes += entry.name.count
        let hasMore = !told.attributes.isEmpty || told.device != 0 && told.isDevice
        let isSparse = entry.info.isSparse && told.isFile && !isNamed
        guard
            hasMore || firstName != nil || !entry.linkText.isEmpty || entry.failure != nil || entry.isLeftOut
                || isSparse
        else {
            return
        }
        var note = WireItemNote()
        note.item = UInt32(self.count - 1)
        note.target = Data(entry.linkText)
        note.leftOut = entry.isLeftOut
        note.sparse = isSparse
        note.firstName = Data(firstName ?? [])
        // As long as the texts may be: few of these fit.
        if let failure = entry.failure {
            note.failure = WireFailure(failure)
            self.bytes += 8 << 10
        }
        if told.isDevice { note.device = told.device }
        // A further name has what the first has.
        if firstName == nil, !isSkipped { self.append(told, to: &note) }
        self.bytes += 16 + entry.linkText.count + (firstName?.count ?? 0)
        self.items.notes.append(note)
    }

    private mutating func append(_ told: ToldMetadata, to note: inout WireItemNote) {
        for account in told.accounts { _ = self.place(of: account) }
        for attribute in told.attributes {
            var wire = WireAttribute()
            wire.name = Data(attribute.name)
            wire.value = Data(attribute.value)
            note.attributes.append(wire)
            self.bytes += attribute.name.count + attribute.value.count + 8
        }
    }

    private mutating func place(of account: Account) -> UInt32 {
        if let place = self.accounts[account] { return place }
        var wire = WireAccount()
        wire.id = account.id
        wire.name = Data(account.name)
        wire.isGroup = account.isGroup
        self.items.accounts.append(wire)
        self.bytes += account.name.count + 16
        let place = UInt32(self.items.accounts.count)
        self.accounts[account] = place
        return place
    }

    /// The directory that was entered last ends.
    mutating func appendEnd() {
        if self.tellsOwners {
            self.items.users.append(0)
            self.items.groups.append(0)
        }
        self.items.nameLengths.append(0)
        self.items.modes.append(0)
        self.items.sizes.append(0)
        self.items.seconds.append(0)
        self.items.nanoseconds.append(0)
    }

    mutating func frame(isLast: Bool) -> Frame {
        self.items.last = isLast
        defer { self = ItemsBatch(tellsOwners: self.tellsOwners) }
        return Frame(.items(self.items))
    }
}
