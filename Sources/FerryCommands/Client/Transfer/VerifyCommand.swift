import ArgumentParser
import FerryClient
import FerryErrors
import FerryFiles
import FerryTransfer

/// `ferry verify`.
struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Compare a local directory with one on a server, by content.",
        usage: """
            ferry verify [OPTION ...] DIRECTORY SERVER:SHARE/DIRECTORY
            ferry verify [OPTION ...] SERVER:REPOSITORY@SNAPSHOT DIRECTORY
            """,
        discussion: """
            Both sides read and hash every file; nothing but names and hashes travels, and nothing is changed. What differs is \
            printed: `missing` on the server, `extra` there, or `differs`. The exit status is 7 if anything does. Times, modes \
            and owners are not compared: `ferry sync --dry-run` does that. Of a snapshot it is what was backed up of the \
            directory, unless a path in the snapshot is given; `extra` and `missing` are of the local side then.

            Examples:
              ferry verify ~/photos nas:media/photos
              ferry verify nas:laptops@latest ~
            """
    )

    @OptionGroup var options: BackupOptions
    @OptionGroup var filters: FilterOptions

    @Argument(help: ArgumentHelp("A local directory, and one on a server.", valueName: "path"))
    var operands: [String]

    func validate() throws {
        guard self.operands.count == 2 else { throw ValidationError("Name a local directory and one on a server.") }
    }

    func run() async throws {
        var wishes = TreeWishes()
        wishes.verifies = true
        try await self.options.running(.auto, trees: wishes, self.filters) { _ in
            switch (try Operand(self.operands[0]), try Operand(self.operands[1])) {
            case (.local(let local), .remote(let remote)) where remote.snapshot != nil,
                (.remote(let remote), .local(let local)) where remote.snapshot != nil:
                let source = try remote.path.isRoot ? remote.beneath(SnapshotOperand.absolute(local)) : remote
                return [PullTreeTransfer(source: source, target: local)]
            case (.local(let source), .remote(let target)), (.remote(let target), .local(let source)):
                return [PushTreeTransfer(source: source, target: target, makeParents: false)]
            default:
                throw FerryError(
                    .usage,
                    "one side must be a local directory, and the other one on a server",
                    remedy: "as in `ferry verify ~/photos nas:media/photos`"
                )
            }
        }
    }
}
