import ArgumentParser
import FerryClient

/// `ferry stat`.
struct StatCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stat",
        abstract: "Show what is known about files and directories on a server.",
        discussion: "Links are followed. Times are UTC."
    )

    @OptionGroup var output: OutputOptions

    @Argument(help: ArgumentHelp("Paths on servers.", valueName: "path"))
    var operands: [String]

    func run() async throws {
        try await PathsCommand.running(self.operands, self.output) { path, connection in
            let text = EntryText(try await connection.stat(path))
            try StandardOutput.write(line: self.output.json ? text.json(path: "\(path)") : text.full("\(path)"))
        }
    }
}
