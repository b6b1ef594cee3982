import ArgumentParser
import FerryClient

/// `ferry mkdir`.
struct MakeDirectoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mkdir",
        abstract: "Make directories on a server.",
        discussion: "A directory that exists already is no error."
    )

    @Flag(name: .shortAndLong, help: "Also make missing directories above.")
    var parents = false

    @OptionGroup var output: OutputOptions

    @Argument(help: ArgumentHelp("Paths on servers.", valueName: "path"))
    var operands: [String]

    func run() async throws {
        try await PathsCommand.running(self.operands, self.output) { path, connection in
            try await connection.makeDirectory(path, makeParents: self.parents)
            try self.output.done("made", path)
        }
    }
}
