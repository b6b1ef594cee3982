import ArgumentParser
import FerryClient
import FerryErrors
import FerryFiles

/// `ferry sync`.
struct SyncCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sync",
        abstract: "Make a directory on the other side what it is on this one.",
        usage: """
            ferry sync [OPTION ...] DIRECTORY SERVER:SHARE/DIRECTORY
            ferry sync [OPTION ...] SERVER:SHARE/DIRECTORY DIRECTORY
            """,
        discussion: """
            The target becomes what the source is. What is only in the target stays, unless --delete is given: then it goes \
            when everything else has arrived, and stays if anything of the source could not be read.

            Examples:
              ferry sync ~/site nas:www/site --delete --dry-run
              ferry sync nas:www/site ./mirror --delete --max-delete 100
            """
    )

    @OptionGroup var options: TransferOptions
    @OptionGroup var filters: FilterOptions
    @OptionGroup var metadata: MetadataOptions

    @Flag(help: "Remove from the target what is not in the source. What a filter leaves out stays.")
    var delete = false

    @Option(help: ArgumentHelp("Delete nothing if that would be more things than this.", valueName: "count"))
    var maxDelete: UInt64?

    @Flag(name: [.customShort("n"), .long], help: "Change nothing; print what would be changed, and why.")
    var dryRun = false

    @Argument(help: ArgumentHelp("Source and target: a local directory and one on a server.", valueName: "path"))
    var operands: [String]

    func validate() throws {
        guard self.operands.count == 2 else { throw ValidationError("Name a source and a target.") }
        if self.maxDelete != nil, !self.delete { throw ValidationError("--max-delete goes with --delete.") }
    }

    func run() async throws {
        var wishes = TreeWishes()
        wishes.deletes = self.delete
        wishes.maxDelete = self.maxDelete
        wishes.isDryRun = self.dryRun
        wishes.reports = self.dryRun || self.options.output.verbose
        try await self.options.running(trees: wishes, self.filters, self.metadata) { _ in
            switch (try Operand(self.operands[0]), try Operand(self.operands[1])) {
            case (.local(let source), .remote(let target)):
                return [PushTreeTransfer(source: source, target: target, makeParents: false)]
            case (.remote(let source), .local(let target)):
                return [PullTreeTransfer(source: source, target: target)]
            default:
                throw FerryError(
                    .usage,
                    "one side must be a local directory, and the other one on a server",
                    remedy: "as in `ferry sync ~/site nas:www/site`"
                )
            }
        }
    }
}
