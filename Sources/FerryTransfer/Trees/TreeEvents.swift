package import FerryErrors
package import FerryProtocol

/// What happens in a transfer of a tree, for whoever shows it.
package enum TreeEvent: Sendable {
    /// All was looked at: the files that have to be transferred have so many bytes.
    case sized(UInt64)
    /// Something could not be transferred: its path from the top of the tree, and why. The rest goes on.
    case failed([UInt8], FerryError)
    /// Something is changed, or would be.
    case changed(TreeChange)
    /// A FIFO, a socket or a device node, by its path from the top of the tree, was left out, for nobody asked for those.
    case skipped([UInt8])
    case progressed(TransferSummary)
}

package typealias TreeEvents = @Sendable (TreeEvent) -> Void
