import ArgumentParser
import FerryClient

/// `ferry rm`.
struct RemoveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rm",
        abstract: "Remove files and empty directories on a server.",
        discussion: "A link is removed itself, not what it points to. What is removed is gone for good."
    )

    @OptionGroup var output: OutputOptions

    @Argument(help: ArgumentHelp("Paths on servers.", valueName: "path"))
    var operands: [String]

    func run() async throws {
        try await PathsCommand.running(self.operands, self.output) { path, connection in
            try await connection.remove(path)
            try self.output.done("removed", path)
        }
    }
}
