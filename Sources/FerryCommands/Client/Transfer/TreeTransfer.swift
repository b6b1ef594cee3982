import FerryClient
import FerryErrors
import FerryFiles
import FerryProtocol
import FerryTransfer
import FerryWire
import NIOCore
import Synchronization

/// A directory to a server, with all that is in it.
struct PushTreeTransfer: Transfer {
    let source: LocalPath
    let target: RemotePath
    let makeParents: Bool

    var label: TransferLabel {
        TransferLabel(direction: .push, local: self.source.bytes, remote: self.target.description)
    }

    var server: String { self.target.server }

    var usesStandardOutput: Bool { false }

    func size(on servers: Servers) async -> UInt64? { nil }

    func run(on connection: ClientConnection, _ context: TransferContext) async throws -> TransferSummary {
        OpenFiles.raise()
        let filter = context.trees.filter
        // The daemon needs it only to know what not to delete.
        let isFiltered = context.trees.deletes || context.trees.verifies
        if isFiltered { try FilterOptions.check(filter) }
        let shown = ShownChanges(context)
        let further = context.movesTrees ? connection.further(context.furtherConnections) : 0
        let request = PushTreeRequest(
            TreeWalk(
                try RootDirectory(path: self.source.bytes).openTree(.root),
                filter: try TreeFilter(filter),
                staysOnFileSystem: filter.oneFileSystem,
                tellsLeftOut: isFiltered
            ),
            path: self.target.wirePath,
            options: context.treeOptions(filtered: isFiltered),
            makeParents: self.makeParents,
            compression: context.compression,
            connections: further,
            limits: try connection.peerLimits(),
            onEvent: self.events(context.reporter, shown)
        )
        var summary: TransferSummary
        do {
            summary = try await connection.perform(request, further: further, onJoin: context.onJoin)
        } catch var error as FerryError where error.origin == .remote && error.code == .notFound {
            if !context.trees.verifies { error.remedy = "`ferry mkdir -p` makes the directory above it" }
            throw error
        }
        if context.trees.verifies { summary.countNothing() }
        if context.trees.isDryRun { shown.plan(&summary) }
        try shown.check()
        return summary
    }
}

/// A directory from a server, with all that is in it.
struct PullTreeTransfer: Transfer {
    let source: RemotePath
    let target: LocalPath

    var label: TransferLabel {
        TransferLabel(direction: .pull, local: self.target.bytes, remote: self.source.description)
    }

    var server: String { self.source.server }

    var usesStandardOutput: Bool { false }

    func size(on servers: Servers) async -> UInt64? { nil }

    func run(on connection: ClientConnection, _ context: TransferContext) async throws -> TransferSummary {
        OpenFiles.raise()
        var options = TreeReceiver.Options()
        options.comparesContent = context.comparesContent
        // More of them wait for each other in the file system's journal.
        options.writers = min(System.coreCount, 4)
        options.openDirectories = min(1024, OpenFiles.limit / 4)
        options.deletes = context.trees.deletes
        options.maxDelete = context.trees.maxDelete
        options.isDryRun = context.trees.isDryRun
        options.reports = context.trees.reports
        if context.trees.verifies {
            (options.verifies, options.isDryRun, options.deletes, options.reports) = (true, true, true, true)
        }
        options.filter = try TreeFilter(context.trees.filter)
        options.metadata = context.trees.metadata
        try FilterOptions.check(context.trees.filter)
        let shown = ShownChanges(context)
        let (target, events, isDryRun) = (self.target, self.events(context.reporter, shown), options.isDryRun)
        let further = context.movesTrees ? connection.further(context.furtherConnections) : 0
        let request = PullTreeRequest(
            path: self.source.wirePath,
            options: context.treeOptions(filtered: true),
            compression: context.compression,
            connections: further
        ) { () throws(FerryError) in
            var options = options
            let there = try Self.top(target, isDryRun: isDryRun)
            options.isMissing = there == nil
            let top: OpenDirectory
            if let there { top = there } else { top = try RootDirectory(path: target.directory.bytes).openTree(.root) }
            return TreeReceiver(
                top,
                options: options,
                limits: FrameLimits(),
                onEvent: events
            )
        }
        var summary = try await connection.perform(request, further: further, onJoin: context.onJoin)
        if context.trees.verifies { summary.countNothing() }
        if context.trees.isDryRun { shown.plan(&summary) }
        try shown.check()
        return summary
    }

    /// The directory that gets the tree: made if it is missing, in one that exists; nil for a dry run that would make it.
    private static func top(_ target: LocalPath, isDryRun: Bool) throws(FerryError) -> OpenDirectory? {
        do throws(FerryError) {
            return try RootDirectory(path: target.bytes).openTree(.root)
        } catch  where error.code == .notFound {
            guard let name = target.fileName else { throw error }
            if isDryRun { return nil }
            let parent = try RootDirectory(path: target.directory.bytes)
            try parent.makeDirectory(RelativePath(name), parents: false)
            return try RootDirectory(path: target.bytes).openTree(.root)
        }
    }
}

/// Shows what is changed; that nobody got it is an error once the work is done.
private final class ShownChanges: Sendable {
    private let reporter: any Reporter
    let isVerification: Bool
    private let state = Mutex(State())

    private struct State {
        var count = 0
        var failure: FerryError?
        /// What would be transferred.
        var (files, bytes): (Int, UInt64) = (0, 0)
    }

    init(_ context: TransferContext) {
        self.reporter = context.reporter
        self.isVerification = context.trees.verifies
    }

    func show(_ change: TreeChange) {
        let hasFailed = self.state.withLock { state in
            state.count += 1
            if change.movesContent {
                state.files += 1
                state.bytes = state.bytes.addingReportingOverflow(change.size).partialValue
            }
            return state.failure != nil
        }
        guard !hasFailed else { return }
        do throws(FerryError) {
            try self.reporter.changed(change, isVerification: self.isVerification)
        } catch {
            self.state.withLock { $0.failure = error }
        }
    }

    /// What would be done, in place of what was.
    func plan(_ summary: inout TransferSummary) {
        let (files, bytes) = self.state.withLock { ($0.files, $0.bytes) }
        summary.isDryRun = true
        summary.tree?.changed = files
        (summary.bytes, summary.wireBytes, summary.savedBytes) = (bytes, 0, 0)
    }

    func check() throws {
        let (count, failure) = self.state.withLock { ($0.count, $0.failure) }
        if let failure { throw failure }
        guard self.isVerification, count > 0 else { return }
        throw FerryError(.integrity, "the two sides differ in \(count) \(count == 1 ? "thing" : "things")")
    }
}

extension Transfer {
    /// Shows what happens in a tree.
    fileprivate func events(_ reporter: any Reporter, _ shown: ShownChanges) -> TreeEvents {
        let label = self.label
        return { event in
            switch event {
            case .sized(let bytes): reporter.sized(bytes)
            case .progressed(let summary): reporter.progressed(summary)
            case .failed(let path, let error): reporter.failedInside(label.inside(path), error)
            case .changed(let change): shown.show(change)
            case .skipped(let path): if !shown.isVerification { reporter.skipped(label.inside(path)) }
            }
        }
    }
}

extension TransferSummary {
    /// Nothing was transferred.
    fileprivate mutating func countNothing() {
        (self.bytes, self.savedBytes) = (0, 0)
        self.tree?.changed = 0
    }
}

extension TransferContext {
    /// Whether the content of trees travels.
    fileprivate var movesTrees: Bool { !self.trees.isDryRun && !self.trees.verifies }

    /// For one thing that comes alone: it was named, so that no filter is about it, and special files are wanted.
    var singleOptions: WireTreeOptions {
        var options = self.treeOptions(filtered: false)
        (options.delete, options.specials) = (false, true)
        options.clearMaxDelete()
        return options
    }

    fileprivate func treeOptions(filtered isFiltered: Bool) -> WireTreeOptions {
        var options = WireTreeOptions()
        options.checksum = self.comparesContent
        options.delete = self.trees.deletes
        if let limit = self.trees.maxDelete { options.maxDelete = limit }
        options.dryRun = self.trees.isDryRun
        options.report = self.trees.reports
        options.verify = self.trees.verifies
        options.noOwner = !self.trees.metadata.owners
        options.noAttributes = !self.trees.metadata.attributes
        options.numericIds = self.trees.metadata.isNumeric
        options.specials = self.trees.metadata.specials
        if isFiltered { options.filter = self.trees.filter }
        return options
    }
}

extension TransferLabel {
    /// Something in the tree.
    fileprivate func inside(_ path: [UInt8]) -> TransferLabel {
        guard !path.isEmpty else { return self }
        let slash = [UInt8(ascii: "/")]
        let local = self.local.last == slash[0] ? self.local + path : self.local + slash + path
        return TransferLabel(direction: self.direction, local: local, remote: "\(self.remote)/\(Escaping.escape(path))")
    }
}
