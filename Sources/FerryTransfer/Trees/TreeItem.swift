import FerryErrors
import FerryFiles
import FerryWire

/// A thing of a tree as the sender tells of it, checked.
struct TreeItem {
    enum Kind { case file, directory, symlink, special, other, end }

    /// Empty for the top.
    private(set) var name: [UInt8]
    let kind: Kind
    /// Kind, permission bits, owner, attributes.
    let told: ToldMetadata
    /// Bytes.
    let size: UInt64
    let modified: Timestamp
    let target: [UInt8]
    let firstName: [UInt8]
    let failure: FerryError?
    /// The sender leaves it out: whatever has this name here stays as it is; of a directory, what is in it.
    let isLeftOut: Bool
    /// A file has holes at the sender.
    let isSparse: Bool
    /// A FIFO, a socket or a device node, and nothing of which only the name was told.
    var isSpecial: Bool { self.kind == .special || self.kind == .other && self.told.kind != 0 }

    /// Checks a frame of things.
    ///
    /// - Parameter items: from the peer.
    /// - Returns: the things in order.
    /// - Throws: `.violation` if it is malformed, or a name could lead elsewhere.
    static func parse(_ items: WireItems) throws(FerryError) -> [TreeItem] {
        let count = items.modes.count
        guard items.nameLengths.count == count, items.sizes.count == count, items.seconds.count == count,
            items.nanoseconds.count == count, count <= WireConstants.itemWindow,
            items.accounts.count <= WireConstants.accountsPerFrame, items.users.count == items.groups.count,
            items.users.isEmpty || items.users.count == count
        else {
            throw FerryError(.violation, "a frame of items has lists of different lengths")
        }
        let accounts = items.accounts.map { Account(id: $0.id, name: [UInt8]($0.name), isGroup: $0.isGroup) }
        var result: [TreeItem] = []
        result.reserveCapacity(count)
        var rest = items.names[...]
        var notes = items.notes[...]
        for index in 0..<count {
            let length = Int(items.nameLengths[index])
            guard length <= rest.count else { throw FerryError(.violation, "a frame of items lacks names") }
            let name = [UInt8](rest.prefix(length))
            rest = rest.dropFirst(length)
            var note = WireItemNote()
            if let next = notes.first, next.item == index { note = notes.removeFirst() }
            var told = ToldMetadata(posixMode: items.modes[index])
            if !items.users.isEmpty {
                told.user = try Self.account(items.users[index], of: accounts)
                told.group = try Self.account(items.groups[index], of: accounts)
            }
            if !note.attributes.isEmpty {
                told.attributes = try Self.attributes(note)
                told.keepAccounts(of: accounts)
            }
            told.device = note.device
            result.append(
                try TreeItem(
                    name: name,
                    told: told,
                    size: items.sizes[index],
                    seconds: items.seconds[index],
                    nanoseconds: items.nanoseconds[index],
                    note: note
                )
            )
        }
        guard rest.isEmpty, notes.isEmpty else { throw FerryError(.violation, "a frame of items tells of none") }
        return result
    }

    /// The same thing under another name.
    func renamed(to name: [UInt8]) -> TreeItem {
        var renamed = self
        renamed.name = name
        return renamed
    }

    private static func account(_ place: UInt32, of accounts: [Account]) throws(FerryError) -> Account? {
        guard place > 0 else { return nil }
        guard place <= accounts.count else { throw FerryError(.violation, "an item belongs to nobody that is told") }
        return accounts[Int(place) - 1]
    }

    private static func attributes(_ note: WireItemNote) throws(FerryError) -> [ExtendedAttribute] {
        var attributes: [ExtendedAttribute] = []
        for wire in note.attributes {
            let attribute = ExtendedAttribute(name: [UInt8](wire.name), value: [UInt8](wire.value))
            // What a daemon keeps beside its files, nobody may write but itself.
            guard ExtendedAttribute.isPortable(attribute.name), !KeptMetadata.isOwn(attribute.name),
                attribute.name.count <= ExtendedAttribute.nameLimit, !attribute.name.contains(0),
                attributes.last.map({ $0.name.lexicographicallyPrecedes(attribute.name) }) ?? true
            else { throw FerryError(.violation, "an item has an attribute that may not be told") }
            attributes.append(attribute)
        }
        guard attributes.reduce(0, { $0 + $1.name.count + $1.value.count }) <= ExtendedAttribute.sizeLimit else {
            throw FerryError(.violation, "an item has more than \(ExtendedAttribute.sizeLimit) bytes of attributes")
        }
        return attributes
    }

    private init(
        name: [UInt8],
        told: ToldMetadata,
        size: UInt64,
        seconds: Int64,
        nanoseconds: UInt32,
        note: WireItemNote
    ) throws(FerryError) {
        self.kind =
            switch told.kind {
            case _ where told.posixMode == 0: .end
            case 0o100000: .file
            case 0o040000: .directory
            case 0o120000: .symlink
            case _ where told.isDevice || told.isFIFO: .special
            default: .other
            }
        guard self.kind != .end || name.isEmpty && note == WireItemNote() else {
            throw FerryError(.violation, "the end of a directory has a name or a note")
        }
        guard nanoseconds < 1_000_000_000, size <= UInt64(Int64.max) else {
            throw FerryError(.violation, "an item has a time or a size that no file has")
        }
        self.name = name
        self.told = told
        self.size = size
        self.modified = Timestamp(seconds: seconds, nanoseconds: nanoseconds)
        self.target = [UInt8](note.target)
        self.firstName = [UInt8](note.firstName)
        self.isLeftOut = note.leftOut
        self.isSparse = note.sparse
        self.failure = note.hasFailure ? FerryError(peer: note.failure) : nil
    }
}
