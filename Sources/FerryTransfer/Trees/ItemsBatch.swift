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

    mutating func append(_ item: ToldItem) {
        let told = item.told
        self.items.names.append(contentsOf: item.name)
        self.items.nameLengths.append(UInt32(item.name.count))
        self.items.modes.append(item.isOnlyNamed ? 1 : told.posixMode)
        self.items.sizes.append(item.size)
        self.items.seconds.append(item.modified.seconds)
        self.items.nanoseconds.append(item.modified.nanoseconds)
        if self.tellsOwners {
            self.items.users.append(told.user.map { self.place(of: $0) } ?? 0)
            self.items.groups.append(told.group.map { self.place(of: $0) } ?? 0)
        }
        self.bytes += item.name.count
        let hasMore = !told.attributes.isEmpty || told.device != 0 && told.isDevice
        guard
            hasMore || item.firstName != nil || !item.linkText.isEmpty || item.failure != nil || item.isLeftOut
                || item.isSparse
        else {
            return
        }
        var note = WireItemNote()
        note.item = UInt32(self.count - 1)
        note.target = Data(item.linkText)
        note.leftOut = item.isLeftOut
        note.sparse = item.isSparse
        note.firstName = Data(item.firstName ?? [])
        // As long as the texts may be: few of these fit.
        if let failure = item.failure {
            note.failure = WireFailure(failure)
            self.bytes += 8 << 10
        }
        if told.isDevice { note.device = told.device }
        // A further name has what the first has.
        if item.firstName == nil, !item.isSkipped { self.append(told, to: &note) }
        self.bytes += 16 + item.linkText.count + (item.firstName?.count ?? 0)
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
