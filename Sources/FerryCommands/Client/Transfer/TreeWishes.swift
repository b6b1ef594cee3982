import FerryFiles
import FerryWire

/// How a command wants trees to be transferred.
struct TreeWishes: Sendable {
    var filter = WireFilter()
    var deletes = false
    var maxDelete: UInt64?
    var isDryRun = false
    /// Whether the content of both sides is compared, and nothing changed.
    var verifies = false
    /// Whether each change is shown.
    var reports = false
    var metadata = MetadataPolicy()
}
