import ArgumentParser
import FerryClient
import FerryErrors
import FerryFiles
import FerryTransfer
import FerryWire

/// `ferry restore`.
struct RestoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Fetch files and directories from a snapshot.",
        usage: "ferry restore [OPTION ...] SERVER:REPOSITORY@SNAPSHOT/PATH TARGET",
        discussion: """
            SNAPSHOT is `latest`, the beginning of an id, a day or a moment (2026-01-31, 2026-01-31T12:00, UTC; the last \
            one up to then), `yesterday`, or a tag. A directory becomes the target, also if that exists: what is the same \
            there stays, and what is only there unless --delete is given. Anything else goes into a directory that exists, or gets \
            the target's name; a link that has that name is replaced itself.

            Examples:
              ferry restore nas:laptops@latest/etc/ssh ./out
              ferry restore nas:laptops@yesterday/home/ann/thesis.odt .
            """
    )

    @OptionGroup var transfer: BackupOptions
    @OptionGroup var filters: FilterOptions
    @OptionGroup var metadata: MetadataOptions

    @Flag(help: "Remove from the target what is not in the snapshot. What a filter leaves out stays.")
    var delete = false

    @Option(help: ArgumentHelp("Delete nothing if that would be more things than this.", valueName: "count"))
    var maxDelete: UInt64?

    @Flag(help: "Compare content even where size and time of modification are equal.")
    var checksum = false

    @Flag(name: [.customShort("n"), .long], help: "Change nothing; print what would be changed, and why.")
    var dryRun = false

    @Argument(help: ArgumentHelp("A place in a snapshot.", valueName: "source"))
    var source: String

    @Argument(help: ArgumentHelp("A local directory, or the file's name.", valueName: "target"))
    var target: String

    func validate() throws {
        if self.maxDelete != nil, !self.delete { throw ValidationError("--max-delete goes with --delete.") }
    }

    func run() async throws {
        var wishes = TreeWishes()
        wishes.deletes = self.delete
        wishes.maxDelete = self.maxDelete
        wishes.isDryRun = self.dryRun
        wishes.reports = self.dryRun || self.transfer.output.verbose
        wishes.metadata = self.metadata.policy
        try await self.transfer.running(.auto, trees: wishes, self.filters, comparesContent: self.checksum) { servers in
            let source = try SnapshotOperand.parse(self.source)
            guard case .local(let target) = try Operand(self.target) else {
                throw FerryError(
                    .usage,
                    "the target is not on this machine",
                    remedy: "name a local directory, such as `./out`"
                )
            }
            let entry = try await servers.connection(to: source.server).stat(source)
            guard entry.kind != .directory else { return [PullTreeTransfer(source: source, target: target)] }
            var kind = try PullCommand.kind(of: target)
            // What is no file itself may take the place of another such thing.
            if kind == .other, entry.kind != .file { kind = .file }
            return try PullPlan([source], to: target, kind: kind).items.map(PullCommand.transfer)
        }
    }
}

/// `ferry dump`.
struct DumpCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dump",
        abstract: "Write a file of a snapshot to standard output.",
        discussion: """
            Each part is verified before it is written; if the transfer breaks, the end is missing: look at the exit status.

            Examples:
              ferry dump nas:laptops@3f2a/db.sql > db.sql
            """
    )

    @OptionGroup var transfer: BackupOptions

    @Argument(help: ArgumentHelp("A file in a snapshot.", valueName: "source"))
    var source: String

    func validate() throws {
        if self.transfer.output.json { throw ValidationError("--json and the file both want standard output.") }
    }

    func run() async throws {
        try await self.transfer.running(.auto, trees: TreeWishes(), nil) { _ in
            let source = try SnapshotOperand.parse(self.source)
            return try PullPlan([source], to: nil, kind: .other).items.map { PullTransfer(item: $0) }
        }
    }
}
