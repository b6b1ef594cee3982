package import FerryErrors
package import FerryFiles
package import FerryProtocol
package import FerryWire
import FoundationEssentials

extension WireMetadata {
    /// What travels of a file's status.
    package init(_ info: FileInfo) {
        self.init()
        self.mode = info.mode
        self.modifiedSeconds = info.modified.seconds
        self.modifiedNanoseconds = info.modified.nanoseconds
        if info.isSparse { self.allocated = UInt64(clamping: info.allocated) }
    }

    /// The time of modification.
    ///
    /// - Returns: the peer's time, checked.
    /// - Throws: `.violation` for nanoseconds that are a second or more.
    package func modified() throws(FerryError) -> Timestamp {
        guard self.modifiedNanoseconds < 1_000_000_000 else {
            throw FerryError(.violation, "\(self.modifiedNanoseconds) nanoseconds are more than a second")
        }
        return Timestamp(seconds: self.modifiedSeconds, nanoseconds: self.modifiedNanoseconds)
    }
}

extension FileInfo {
    /// Whether a file with this size and time of modification is taken for the same.
    package func isUnchanged(size: UInt64, modified: Timestamp) -> Bool {
        UInt64(clamping: self.size) == size && self.modified == modified
    }
}

extension TransferSummary {
    /// Of a transfer that was not necessary, because `bytes` were in place.
    package static func unchanged(_ bytes: UInt64) -> TransferSummary {
        var summary = TransferSummary()
        summary.bytes = bytes
        summary.savedBytes = summary.bytes
        summary.isUnchanged = true
        return summary
    }
}

extension WireEntry {
    /// One line of a listing.
    package init(name: [UInt8], info: FileInfo) {
        self.init()
        self.name = Data(name)
        self.size = UInt64(clamping: info.size)
        self.metadata = WireMetadata(info)
        self.kind =
            switch info.kind {
            case .file: .file
            case .directory: .directory
            case .symlink: .symlink
            case .other: .other
            }
    }
}
