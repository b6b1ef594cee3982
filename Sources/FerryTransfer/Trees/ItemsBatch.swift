import FerryErrors
import FerryFiles
import FerryWire
import FoundationEssentials

/// A frame of a tree's items being filled.
struct ItemsBatch {
    /// Bytes of names and notes; the numbers take at most 30 for each item besides.
    private static let byteLimit = 24 << 10
    private static let countLimit = 512

    private var items = WireItems()
    private var bytes = 0

    var count: Int { self.items.modes.count }
    var isFull: Bool { self.count >= Self.countLimit || self.bytes >= Self.byteLimit }

    mutating func append(_ entry: TreeEntry, firstName: [UInt8]?) {
        self.items.names.append(contentsOf: entry.name)
        self.items.nameLengths.append(UInt32(entry.name.count))
        // What takes no part is only named.
        let isNamed = entry.isLeftOut && entry.opened == nil
        self.items.modes.append(isNamed ? 1 : entry.info.posixMode)
        self.items.sizes.append(entry.info.kind == .file && !isNamed ? UInt64(clamping: entry.info.size) : 0)
        self.items.seconds.append(entry.info.modified.seconds)
        self.items.nanoseconds.append(entry.info.modified.nanoseconds)
        self.bytes += entry.name.count
        let isSparse = entry.info.isSparse && !isNamed
        guard firstName != nil || !entry.linkText.isEmpty || entry.failure != nil || entry.isLeftOut || isSparse else {
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
        self.bytes += 16 + entry.linkText.count + (firstName?.count ?? 0)
        self.items.notes.append(note)
    }

    /// The directory that was entered last ends.
    mutating func appendEnd() {
        self.items.nameLengths.append(0)
        self.items.modes.append(0)
        self.items.sizes.append(0)
        self.items.seconds.append(0)
        self.items.nanoseconds.append(0)
    }

    mutating func frame(isLast: Bool) -> Frame {
        self.items.last = isLast
        defer { self = ItemsBatch() }
        return Frame(.items(self.items))
    }
}
