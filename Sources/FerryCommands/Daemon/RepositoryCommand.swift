import ArgumentParser
import FerryCatalog
import FerryErrors
import FerryServer

/// `ferryd repository`.
struct RepositoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "repository",
        abstract: "Manage the repositories that backups go to.",
        subcommands: [Create.self, List.self, Statistics.self, RebuildIndex.self, Remove.self]
    )

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a repository in a directory, and serve it under a name.",
            discussion: """
                The directory must be empty, or not there yet, or be a repository already, which is served as it is. Doing \
                the same twice succeeds. Users can back up to it once they have a grant on it, such as append.

                Example:
                  ferryd repository create laptops --path /srv/backups/laptops
                """
        )

        @OptionGroup var state: StateOptions

        @Argument(help: "Its name: a-z, 0-9, '.', '_' and '-'.", transform: { try Name($0) })
        var name: Name

        @Option(help: "Its directory, which belongs to the daemon.", completion: .directory)
        var path: String

        func run() async throws {
            let path = try SharePath.checkNew(self.path, state: self.state.path())
            _ = try await self.state.perform(.repositoryAdd(name: self.name, path: path))
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the repositories.")

        @OptionGroup var state: StateOptions

        @Flag(help: "Print JSON.")
        var json = false

        func run() async throws {
            guard case .shares(let repositories) = try await self.state.perform(.repositoryList) else {
                throw StateOptions.unexpected()
            }
            try AdminOutput.write(repositories, asJSON: self.json, titles: ["REPOSITORY", "PATH"]) { repository in
                [repository.name.text, repository.path]
            }
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Stop serving a repository, and drop the grants on it; its files stay."
        )

        @OptionGroup var state: StateOptions

        @Argument(help: "Its name.", transform: { try Name($0) })
        var name: Name

        func run() async throws {
            _ = try await self.state.perform(.repositoryRemove(name: self.name))
        }
    }

    struct Statistics: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "stats", abstract: "Show what a repository holds.")

        @OptionGroup var state: StateOptions

        @Flag(help: "Print JSON.")
        var json = false

        @Argument(help: "Its name.", transform: { try Name($0) })
        var name: Name

        func run() async throws {
            guard case .statistics(let facts) = try await self.state.perform(.repositoryStatistics(name: self.name))
            else {
                throw StateOptions.unexpected()
            }
            if self.json { return try AdminOutput.write(JSONLine.encode(facts)) }
            try AdminOutput.write(
                """
                snapshots: \(facts.snapshots)
                packs:     \(facts.packs), \(Amounts.bytes(facts.storedBytes))
                chunks:    \(facts.chunks)
                nodes:     \(facts.nodes)
                content:   \(Amounts.bytes(facts.rawBytes)) before compression, each chunk once
                """
            )
        }
    }

    struct RebuildIndex: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "rebuild-index",
            abstract: "Make the index of a repository anew, from its packs.",
            discussion: "It is made by itself where it is missing. Nothing in the packs is changed."
        )

        @OptionGroup var state: StateOptions

        @Argument(help: "Its name.", transform: { try Name($0) })
        var name: Name

        func run() async throws {
            _ = try await self.state.perform(.repositoryRebuildIndex(name: self.name))
        }
    }
}

/// `ferryd verify`.
struct DaemonVerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Look for damage in a repository.",
        discussion: """
            Checks that all packs are there and list what the index says, and that every snapshot can be read; with \
            --read-data every byte, or those of a share of the packs chosen by chance. What is found damaged is no longer \
            taken for stored, so that the next backup of a machine that still has it brings it back. Exit status 7 if \
            something is damaged.

            Examples:
              ferryd verify laptops
              ferryd verify laptops --sample 10
            """
    )

    @OptionGroup var state: StateOptions

    @Flag(help: "Print JSON.")
    var json = false

    @Flag(help: "Read every byte.")
    var readData = false

    @Option(help: ArgumentHelp("Read so many packs of a hundred, chosen by chance.", valueName: "percent"))
    var sample: Int?

    @Argument(help: "The repository's name.", transform: { try Name($0) })
    var name: Name

    func validate() throws {
        guard self.sample.map({ (1...100).contains($0) }) ?? true else {
            throw ValidationError("--sample is a number from 1 to 100.")
        }
    }

    func run() async throws {
        let percent = self.readData ? 100 : self.sample
        let response = try await self.state.perform(.repositoryVerify(name: self.name, percent: percent))
        guard case .verified(let outcome) = response else { throw StateOptions.unexpected() }
        if self.json { try AdminOutput.write(JSONLine.encode(outcome)) } else { try self.write(outcome) }
        guard !outcome.isClean else { return }
        throw FerryError(
            .integrity,
            "the repository \(self.name) is damaged: \(Amounts.count(outcome.findingCount, "finding")), "
                + "\(outcome.touchedCount) of \(Amounts.count(outcome.snapshots, "snapshot")) cannot be restored as a whole",
            remedy: "back up again what still is there: what was found to be missing is sent again"
        )
    }

    private func write(_ outcome: VerifyOutcome) throws(FerryError) {
        for finding in outcome.findings { try AdminOutput.write(finding) }
        for touched in outcome.touched {
            for path in touched.paths { try AdminOutput.write("snapshot \(touched.id.prefix(8)): \(path)") }
            if touched.morePaths > 0 {
                try AdminOutput.write("snapshot \(touched.id.prefix(8)): and \(touched.morePaths) more")
            }
        }
        try AdminOutput.write(
            "\(Amounts.count(outcome.packs, "pack")), \(Amounts.count(outcome.snapshots, "snapshot")); read "
                + "\(Amounts.count(outcome.blocks, "block")), \(Amounts.bytes(outcome.bytes)): \(outcome.isClean ? "all is well" : "damaged")"
        )
    }
}
