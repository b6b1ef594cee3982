import FerryErrors
import FerryFiles
package import FerryWire
import FoundationEssentials

/// What the receiver of a tree changes, or would change.
package struct TreeChange: Sendable, Equatable {
    package enum Kind: Sendable { case new, changed, deleted }

    /// Why something is not as it is to be.
    package struct Reasons: OptionSet, Sendable {
        package let rawValue: UInt32

        package init(rawValue: UInt32) { self.rawValue = rawValue }

        package static let size = Reasons(rawValue: 1)
        package static let time = Reasons(rawValue: 2)
        /// It is to be compared by content.
        package static let content = Reasons(rawValue: 4)
        package static let mode = Reasons(rawValue: 8)
        /// Another kind of thing has its name.
        package static let kind = Reasons(rawValue: 16)
        /// A symbolic link says something else.
        package static let target = Reasons(rawValue: 32)
        package static let owner = Reasons(rawValue: 64)
        /// Extended attributes or ACLs.
        package static let attributes = Reasons(rawValue: 128)
    }

    /// From the top of the tree.
    package let path: [UInt8]
    package let kind: Kind
    package let reasons: Reasons
    /// Bytes of a file.
    package let size: UInt64
    package let isDirectory: Bool

    package init(path: [UInt8], kind: Kind, reasons: Reasons = [], size: UInt64 = 0, isDirectory: Bool = false) {
        self.path = path
        self.kind = kind
        self.reasons = reasons
        self.size = size
        self.isDirectory = isDirectory
    }

    /// Whether something that is no directory comes anew, with its content.
    package var movesContent: Bool {
        guard !self.isDirectory else { return false }
        return switch self.kind {
        case .new: true
        case .changed: !self.reasons.isDisjoint(with: [.size, .time, .content, .kind, .target])
        case .deleted: false
        }
    }

    /// What a peer tells.
    package init(_ wire: WireChange) {
        self.path = [UInt8](wire.path)
        self.kind =
            switch wire.kind {
            case .changed: .changed
            case .deleted: .deleted
            case .new, .UNRECOGNIZED: .new
            }
        self.reasons = Reasons(rawValue: wire.reasons)
        self.size = wire.size
        self.isDirectory = wire.isDirectory
    }

    package var wire: WireChange {
        var wire = WireChange()
        // What does not fit a frame is left out.
        wire.path = Data(self.path.prefix(48 << 10))
        wire.kind =
            switch self.kind {
            case .new: .new
            case .changed: .changed
            case .deleted: .deleted
            }
        wire.reasons = self.reasons.rawValue
        wire.size = self.size
        wire.isDirectory = self.isDirectory
        return wire
    }
}
