package import ArgumentParser

/// `ferryd`: the daemon and its administration.
package struct DaemonCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "ferryd",
        abstract: "The Ferry daemon: serves shares of files, encrypted, verified and durable.",
        discussion: """
            Examples:
              ferryd serve
              ferryd share add inbox /srv/inbox
              ferryd user add alice --grant inbox=read,write --host nas.example.org
            """,
        version: Version.text,
        subcommands: [
            ServeCommand.self, ShareCommand.self, RepositoryCommand.self, DaemonVerifyCommand.self, UserCommand.self,
            TokenCommand.self,
            GrantCommand.self,
            RevokeCommand.self, FingerprintCommand.self, StatusCommand.self, ReloadCommand.self,
            ConfigCommand.self,
        ]
    )

    package init() {}
}
