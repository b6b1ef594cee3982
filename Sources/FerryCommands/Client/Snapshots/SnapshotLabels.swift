import ArgumentParser

/// Which snapshots are meant, by what was stated when they were made.
struct SnapshotLabels: ParsableArguments {
    @Option(help: ArgumentHelp("Only snapshots of this machine.", valueName: "name"))
    var host: String?

    @Option(help: ArgumentHelp("Only snapshots that were asked for this path.", valueName: "path"))
    var path: String?

    @Option(help: ArgumentHelp("Only snapshots with this label.", valueName: "text"))
    var tag: String?

    /// Whether all are meant.
    var isEmpty: Bool { self.host == nil && self.path == nil && self.tag == nil }
}
