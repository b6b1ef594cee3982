import ArgumentParser
import FerryErrors
import FerryServer
import FoundationEssentials

/// `ferryd config`.
struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Check and explain the configuration.",
        subcommands: [ConfigCheckCommand.self, ConfigReferenceCommand.self]
    )
}

/// `ferryd config check`.
struct ConfigCheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Read the configuration as `ferryd serve` would, and print every setting and where it comes from.",
        discussion: """
            Ends with 64 and the file, line, setting and reason if something is wrong, the certificate's files included. Nothing is started or changed.
            """
    )

    @OptionGroup var state: StateOptions

    @Option(help: "Configuration file; ferryd.yaml in the state directory if it is there.")
    var config: String?

    func run() throws {
        let environment = ProcessInfo.processInfo.environment
        let state = try self.state.path(environment: environment)
        let loaded = try DaemonSettings.load(
            file: self.config,
            state: StatePaths(root: state),
            environment: environment
        )
        // The key must be readable, and private, for the daemon's user, whoever asks.
        try LocalSystem.acting(asOwnerOf: state) { () throws(FerryError) in try DaemonSettings.checkCertificate(loaded)
        }
        for line in SettingsReference.effective(loaded) { try StandardOutput.write(line: line) }
    }
}

/// `ferryd config reference`.
struct ConfigReferenceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reference",
        abstract: "Print all settings as a table in Markdown: default, range, environment variable and meaning."
    )

    func run() throws { try StandardOutput.write(SettingsReference.markdown.utf8) }
}
