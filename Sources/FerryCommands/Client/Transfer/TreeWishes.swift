import FerryWire

/// How a command wants trees to be transferred.
struct TreeWishes: Sendable {
    var filter = WireFilter()
    var deletes = false
    var maxDelete: UInt64?
    var isDryRun = false
    /// Whether each change is shown.
    var reports = false
}
