import ArgumentParser
import FerryChunking
import FerryClient
import FerryErrors
import FerryFiles
import FerryObjects
import FerryProtocol
import FerryWire
import FoundationEssentials
import Synchronization

/// `ferry snapshots`.
struct SnapshotsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "snapshots",
        abstract: "List the snapshots in a repository, the oldest first.",
        discussion: """
            Who may only append to the repository sees their own. Times are UTC, by the server's clock. FAILED counts what could \
            not be read, or changed while it was read, when the snapshot was made.

            Examples:
              ferry snapshots nas:laptops --tag nightly
            """
    )

    @OptionGroup var labels: SnapshotLabels
    @OptionGroup var output: OutputOptions

    @Argument(help: ArgumentHelp("SERVER:REPOSITORY", valueName: "repository"))
    var operand: String

    func run() async throws {
        try await self.output.running {
            let target = try Operand.remote(self.operand)
            guard target.path.isRoot, target.snapshot == nil else {
                throw FerryError(.usage, "\(target) is no repository", remedy: "write SERVER:REPOSITORY")
            }
            return try await Servers.with(self.output) { servers in
                let connection = try await servers.connection(to: target.server)
                let rows = Mutex<[SnapshotRow]>([])
                let damaged = Mutex<[ChunkID]>([])
                try await connection.snapshots(of: target.share) { list throws(FerryError) in
                    for snapshot in list.snapshots {
                        let row = SnapshotRow(snapshot)
                        if self.takes(row) { rows.withLock { $0.append(row) } }
                    }
                    let ids = try ChunkID.unpack(list.damaged)
                    damaged.withLock { $0 += ids }
                }
                let (found, lost) = (rows.withLock { $0 }, damaged.withLock { $0 })
                try self.write(found)
                guard lost.isEmpty else {
                    self.report(lost, in: target)
                    return .partial
                }
                if found.isEmpty, !self.output.json, !self.output.quiet {
                    StandardError.write(
                        self.labels.isEmpty
                            ? "ferry: there is no snapshot yet; `ferry backup` makes one"
                            : "ferry: no snapshot is like that; without --host, --path and --tag all are listed"
                    )
                }
                return .done
            }
        }
    }

    /// Tells which snapshots cannot be listed, whatever they are of.
    private func report(_ damaged: [ChunkID], in target: RemotePath) {
        let ids = damaged.prefix(10).map { $0.description.prefix(8) }.joined(separator: ", ")
        let error = FerryError(
            .integrity,
            "\(target): \(Amounts.count(damaged.count, "snapshot")) cannot be read: \(ids)\(damaged.count > 10 ? ", …" : "")",
            remedy: "run `ferryd verify \(target.share)` on the daemon's machine",
            origin: .remote
        )
        StandardError.write(self.output.messages.text(for: error))
        // Standard output may be what failed; standard error has the reason then.
        if self.output.json { try? StandardOutput.write(line: JSONLine.encode(ErrorEvent(error, path: "\(target)"))) }
    }

    private func takes(_ row: SnapshotRow) -> Bool {
        (self.labels.host.map { Escaping.escape(RawArguments.bytes($0)) == row.host } ?? true)
            && (self.labels.path.map { row.paths.contains(Escaping.escape(RawArguments.bytes($0))) } ?? true)
            && (self.labels.tag.map { row.tags.contains($0) } ?? true)
    }

    private func write(_ rows: [SnapshotRow]) throws(FerryError) {
        if self.output.json {
            for row in rows { try StandardOutput.write(line: JSONLine.encode(row)) }
            return
        }
        guard !rows.isEmpty else { return }
        let titles = ["ID", "TIME", "HOST", "OWNER", "FILES", "FAILED", "SIZE", "TAGS", "PATHS"]
        let cells = rows.map { row in
            [
                String(row.id.prefix(8)), row.time, row.host, row.owner, String(row.files),
                row.failed > 0 ? String(row.failed) : "-", Amounts.bytes(row.bytes), row.tags.joined(separator: ","),
                row.paths.joined(separator: " "),
            ]
        }
        try StandardOutput.write(line: AdminOutput.table([titles] + cells))
    }
}

/// A snapshot, in words and as JSON. Everything in it comes from the daemon, and is escaped.
struct SnapshotRow: Encodable, Sendable {
    let event = "snapshot"
    let id: String
    let time: String
    let owner: String
    let host: String
    let paths: [String]
    let tags: [String]
    let files: UInt64
    let bytes: UInt64
    /// Things that could not be read.
    let failed: UInt64

    private enum CodingKeys: String, CodingKey { case event, id, time, owner, host, paths, tags, files, bytes, failed }

    init(_ snapshot: WireSnapshotEntry) {
        // Another client may have stated anything: one that states nonsense does not hide the snapshots of others.
        let note = (try? SnapshotNote([UInt8](snapshot.note))) ?? SnapshotNote()
        self.id = ChunkID(bytes: snapshot.id)?.description ?? ""
        self.time = Date(timeIntervalSince1970: Double(snapshot.seconds)).formatted(.iso8601)
        self.owner = Escaping.escape(Array(snapshot.owner.utf8))
        self.host = Escaping.escape(note.host)
        self.paths = note.paths.map { Escaping.escape($0) }
        self.tags = note.tags.map { Escaping.escape(Array($0.utf8)) }
        self.files = note.files
        self.bytes = note.bytes
        self.failed = note.failed
    }
}
