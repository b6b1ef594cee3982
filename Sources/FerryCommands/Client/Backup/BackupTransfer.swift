import FerryClient
import FerryErrors
import FerryFiles
import FerryObjects
import FerryProtocol
import FerryTransfer
import FerryWire
import FoundationEssentials

/// A backup into a repository.
struct BackupTransfer: Transfer {
    enum Source: Sendable {
        case paths([LocalPath])
        case standardInput(name: [UInt8])
        case command([[UInt8]], name: [UInt8])
    }

    let source: Source
    let target: RemotePath
    let host: [UInt8]
    let tags: [String]

    var label: TransferLabel {
        let remote = self.target.description
        let dash = [UInt8(ascii: "-")]
        return switch self.source {
        case .paths(let paths):
            TransferLabel(
                direction: .backup,
                local: Array(paths.map(\.bytes).joined(separator: [UInt8(ascii: " ")])),
                remote: remote
            )
        case .standardInput:
            TransferLabel(direction: .backup, local: dash, stream: "standard input", remote: remote)
        case .command(let words, _):
            TransferLabel(direction: .backup, local: dash, stream: Escaping.escape(words.first ?? []), remote: remote)
        }
    }

    var server: String { self.target.server }
    var usesStandardOutput: Bool { false }

    func size(on servers: Servers) async -> UInt64? { nil }

    func run(on connection: ClientConnection, _ context: TransferContext) async throws -> TransferSummary {
        OpenFiles.raise()
        var note = SnapshotNote()
        note.host = self.host
        note.tags = self.tags
        note.began = Timestamp.now.seconds
        note.agent = "ferry/\(Version.number)"
        switch self.source {
        case .paths(let paths):
            let absolute = try paths.map { path throws(FerryError) in try SnapshotOperand.absolute(path) }
            note.paths = absolute
            let (filter, policy) = (context.trees.filter, context.trees.metadata)
            // Each server's repositories have ids of their own; a dry run reads all, and leaves what is remembered as it is.
            let cache =
                context.trees.isDryRun
                ? nil : UserDirectory.cache.path(environment: ProcessInfo.processInfo.environment)
            let believes = context.believesStates
            return try await self.send(note, connection, context) { repository, average throws(FerryError) in
                let walk = try BackupWalk(
                    absolute,
                    filter: try TreeFilter(filter),
                    staysOnFileSystem: filter.oneFileSystem
                )
                let states = cache.flatMap { cache in
                    FileStates(
                        in: cache + "/backups",
                        repository: repository,
                        about: absolute + [Array("\(average)".utf8)],
                        believes: believes
                    )
                }
                return .walk(walk, policy, states)
            }
        case .standardInput(let name):
            note.paths = [name]
            let source = try StreamSource.standardInput()
            return try await self.send(note, connection, context) { _, _ in .stream(source, name: name, modified: .now)
            }
        case .command(let words, let name):
            note.paths = [name]
            let (source, key) = try context.interruption.guarding {
                CommandSource(words)
            } cleanup: {
                $0.terminate()
            }
            defer {
                source.terminate()
                context.interruption.forget(key)
            }
            return try await self.send(note, connection, context) { _, _ in .stream(source, name: name, modified: .now)
            }
        }
    }

    private func send(
        _ note: SnapshotNote,
        _ connection: ClientConnection,
        _ context: TransferContext,
        _ makeSource: @escaping @Sendable ([UInt8], Int) throws(FerryError) -> BackupSender.Source
    ) async throws -> TransferSummary {
        let (label, reporter) = (self.label, context.reporter)
        let limits = try connection.peerLimits()
        let isDryRun = context.trees.isDryRun
        let request = BackupRequest(
            repository: self.target.share,
            isDryRun: isDryRun
        ) { repository, average throws(FerryError) in
            try BackupSender(
                makeSource(repository, average),
                average: average,
                note: note,
                compression: context.compression,
                limits: limits,
                isDryRun: isDryRun
            ) { event in
                switch event {
                case .progressed(let summary): reporter.progressed(summary)
                case .failed(let path, let error): reporter.failedInside(label.beneathRoot(path), error)
                case .sized, .changed, .skipped: break
                }
            }
        }
        var summary = try await connection.perform(request)
        summary.isDryRun = isDryRun
        return summary
    }
}

extension TransferLabel {
    /// Something in what is backed up.
    fileprivate func beneathRoot(_ path: [UInt8]) -> TransferLabel {
        TransferLabel(direction: self.direction, local: [UInt8(ascii: "/")] + path, remote: self.remote)
    }
}
