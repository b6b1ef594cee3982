import ArgumentParser
import FerryCatalog
import FerryServer

/// `ferryd share`.
struct ShareCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "share",
        abstract: "Manage the directories that are served.",
        subcommands: [Add.self, List.self, Remove.self]
    )

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Serve a directory under a name.",
            discussion: "Adding the same share twice succeeds. Users see it once they have a grant on it."
        )

        @OptionGroup var state: StateOptions

        @Argument(help: "Its name: a-z, 0-9, '.', '_' and '-'.", transform: { try Name($0) })
        var name: Name

        @Argument(help: "An existing directory.", completion: .directory)
        var path: String

        @Flag(help: "Refuse every change, whatever is granted.")
        var readOnly = false

        func run() async throws {
            let path = try SharePath.check(self.path, state: self.state.path())
            let share = ShareRecord(name: self.name, path: path, readOnly: self.readOnly)
            _ = try await self.state.perform(.shareAdd(share: share))
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the shares.")

        @OptionGroup var state: StateOptions

        @Flag(help: "Print JSON.")
        var json = false

        func run() async throws {
            guard case .shares(let shares) = try await self.state.perform(.shareList) else {
                throw StateOptions.unexpected()
            }
            try AdminOutput.write(shares, asJSON: self.json, titles: ["SHARE", "PATH", "MODE"]) { share in
                [share.name.text, share.path, share.readOnly ? "read-only" : "read-write"]
            }
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Stop serving a directory, and drop the grants on it; its files stay."
        )

        @OptionGroup var state: StateOptions

        @Argument(help: "Its name.", transform: { try Name($0) })
        var name: Name

        func run() async throws {
            _ = try await self.state.perform(.shareRemove(name: self.name))
        }
    }
}
