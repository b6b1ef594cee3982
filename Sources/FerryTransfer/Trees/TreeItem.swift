import FerryErrors
import FerryFiles
import FerryWire

/// A thing of a tree as the sender tells of it, checked.
struct TreeItem {
    enum Kind { case file, directory, symlink, other, end }

    /// Empty for the top.
    let name: [UInt8]
    let kind: Kind
    /// Permission bits.
    let mode: UInt32
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

    /// Checks a frame of things.
    ///
    /// - Parameter items: from the peer.
    /// - Returns: the things in order.
    /// - Throws: `.violation` if it is malformed, or a name could lead elsewhere.
    static func parse(_ items: WireItems) throws(FerryError) -> [TreeItem] {
        let count = items.modes.count
        guard items.nameLengths.count == count, items.sizes.count == count, items.seconds.count == count,
            items.nanoseconds.count == count, count <= WireConstants.itemWindow
        else {
            throw FerryError(.violation, "a frame of items has lists of different lengths")
        }
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
            result.append(
                try TreeItem(
                    name: name,
                    posixMode: items.modes[index],
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

    private init(
        name: [UInt8],
        posixMode: UInt32,
        size: UInt64,
        seconds: Int64,
        nanoseconds: UInt32,
        note: WireItemNote
    ) throws(FerryError) {
        self.kind =
            switch posixMode & 0o170000 {
            case _ where posixMode == 0: .end
            case 0o100000: .file
            case 0o040000: .directory
            case 0o120000: .symlink
            default: .other
            }
        guard self.kind != .end || name.isEmpty && note == WireItemNote() else {
            throw FerryError(.violation, "the end of a directory has a name or a note")
        }
        guard nanoseconds < 1_000_000_000, size <= UInt64(Int64.max) else {
            throw FerryError(.violation, "an item has a time or a size that no file has")
        }
        self.name = name
        self.mode = posixMode & 0o7777
        self.size = size
        self.modified = Timestamp(seconds: seconds, nanoseconds: nanoseconds)
        self.target = [UInt8](note.target)
        self.firstName = [UInt8](note.firstName)
        self.isLeftOut = note.leftOut
        self.isSparse = note.sparse
        self.failure = note.hasFailure ? FerryError(peer: note.failure) : nil
    }
}
