package import FerryChunking

/// Where a file's bytes are, in their order.
package enum Segment: Equatable, Sendable {
    /// A chunk, and its bytes.
    case chunk(ChunkID, length: Int)
    /// So many zeros that take no room.
    case hole(UInt64)

    package var length: UInt64 {
        switch self {
        case .chunk(_, let length): UInt64(clamping: length)
        case .hole(let length): length
        }
    }
}

/// A user or a group as the machine knows it that was backed up.
package struct EntryAccount: Hashable, Sendable {
    package let id: UInt32
    /// Empty if the number has none.
    package let name: [UInt8]
    package let isGroup: Bool

    package init(id: UInt32, name: [UInt8], isGroup: Bool) {
        (self.id, self.name, self.isGroup) = (id, name, isGroup)
    }
}

/// An extended attribute or a POSIX ACL.
package struct EntryAttribute: Hashable, Sendable {
    package let name: [UInt8]
    package let value: [UInt8]

    package init(name: [UInt8], value: [UInt8]) { (self.name, self.value) = (name, value) }
}

/// Something in a directory of a snapshot.
package struct Entry: Equatable, Sendable {
    /// What it is, and what belongs to that.
    package enum Content: Equatable, Sendable {
        /// A file of few chunks.
        case segments([Segment])
        /// A file of `size` bytes, the chunks of which the node lists.
        case recipe(ChunkID, size: UInt64)
        /// A directory; its node.
        case directory(ChunkID)
        /// What a symbolic link says.
        case link([UInt8])
        /// A FIFO, a socket or a device node, with the numbers that Linux keeps in st_rdev.
        case special(device: UInt64)
        /// A further name of the thing that has this one, from the top of the snapshot.
        case furtherName([UInt8])
    }

    /// Segments up to which a file needs no node of its own.
    package static let inlineSegments = 8

    package var name: [UInt8]
    /// Kind and permission bits as in POSIX's st_mode.
    package var mode: UInt32
    /// Of the last modification, since 1970-01-01 UTC.
    package var seconds: Int64
    package var nanoseconds: UInt32
    package var user: EntryAccount?
    package var group: EntryAccount?
    /// In the order of their names.
    package var attributes: [EntryAttribute] = []
    /// Whom ACLs among them name.
    package var accounts: [EntryAccount] = []
    /// A file changed while it was read, or of a directory something could not be read.
    package var isIncomplete = false
    package var content: Content

    package init(name: [UInt8], mode: UInt32, seconds: Int64, nanoseconds: UInt32, content: Content) {
        self.name = name
        self.mode = mode
        self.seconds = seconds
        self.nanoseconds = nanoseconds
        self.content = content
    }

    /// Bytes of a file; else 0.
    package var size: UInt64 {
        switch self.content {
        case .segments(let segments): segments.reduce(0) { $0.addingReportingOverflow($1.length).partialValue }
        case .recipe(_, let size): size
        default: 0
        }
    }

    package var isDirectory: Bool { if case .directory = self.content { true } else { false } }
}
