import FerryChunking
import FerryClient
import FerryErrors
import FerryFiles
import FerryProtocol
import FerryTransfer
import FerryWire
import Synchronization

/// Something in a snapshot that is no directory, with all that belongs to it, as a tree brings it.
struct PullEntryTransfer: Transfer {
    let source: RemotePath
    let target: LocalPath

    var label: TransferLabel {
        TransferLabel(direction: .pull, local: self.target.bytes, remote: self.source.description)
    }

    var server: String { self.source.server }

    var usesStandardOutput: Bool { false }

    func size(on servers: Servers) async -> UInt64? {
        guard let connection = try? await servers.connection(to: self.server) else { return nil }
        return try? await connection.stat(self.source).size
    }

    /// What is told while it is on its way.
    private struct Told {
        var change: TreeChange?
        var failure: FerryError?
    }

    func run(on connection: ClientConnection, _ context: TransferContext) async throws -> TransferSummary {
        guard let name = self.target.fileName else { throw FerryError(.usage, "`\(self.target)` names no file") }
        // Through the name: what a link leads to is not replaced, and is not to be a device either.
        if let info = try? Directories.info(self.target.bytes), info.kind == .other,
            try await connection.stat(self.source).kind == .file
        {
            throw FerryError(.notAFile, "cannot write \(self.target): it is no regular file")
        }
        var options = TreeReceiver.Options()
        options.comparesContent = !context.skipsUnchanged
        options.isDryRun = context.trees.isDryRun
        options.reports = true
        options.metadata = context.trees.metadata
        options.metadata.specials = true
        options.single = name
        let (directory, reporter) = (self.target.directory, context.reporter)
        let told = Mutex(Told())
        let events: TreeEvents = { event in
            switch event {
            case .sized(let bytes): reporter.sized(bytes)
            case .progressed(let summary): reporter.progressed(summary)
            case .failed(_, let error): told.withLock { $0.failure = $0.failure ?? error }
            case .changed(let change): told.withLock { $0.change = change }
            case .skipped: break
            }
        }
        let further = options.isDryRun ? 0 : connection.further(context.furtherConnections)
        let request = PullTreeRequest(
            path: self.source.wirePath,
            options: context.singleOptions,
            compression: context.compression,
            single: true,
            connections: further
        ) { () throws(FerryError) in
            TreeReceiver(
                try RootDirectory(path: directory.bytes).openTree(.root),
                options: options,
                limits: FrameLimits(),
                onEvent: events
            )
        }
        var summary = try await connection.perform(request, further: further, onJoin: context.onJoin)
        let (change, failure) = told.withLock { ($0.change, $0.failure) }
        if let failure { throw failure }
        if let change, context.trees.reports { try reporter.changed(change, isVerification: false) }
        if options.isDryRun {
            let moved = change.flatMap { $0.movesContent ? $0 : nil }
            var counts = TreeCounts()
            (counts.files, counts.changed) = (1, moved == nil ? 0 : 1)
            (summary.isDryRun, summary.tree) = (true, counts)
            (summary.bytes, summary.savedBytes) = (moved?.size ?? 0, 0)
            return summary
        }
        summary.tree = nil
        if change == nil { summary = .unchanged(try await connection.stat(self.source).size) }
        // Links and special files have none.
        let isFile = try RootDirectory(path: directory.bytes).openTree(.root).info(name)?.kind == .file
        if context.wantsSHA256, isFile { summary.sha256 = try self.sum() }
        return summary
    }

    /// The SHA-256 of the file in its place.
    private func sum() throws(FerryError) -> String {
        let file = try SourceFile(local: self.target.bytes)
        var digest = StreamDigest()
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            let count = try file.read(into: buffer)
            guard count > 0 else { return digest.finalize() }
            digest.update(UnsafeRawBufferPointer(rebasing: buffer.prefix(count)))
        }
    }
}
