package import ArgumentParser

/// `ferry`: the client.
package struct FerryCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "ferry",
        abstract: "Move files to and from a Ferry daemon: encrypted, verified and durable.",
        discussion: """
            Paths on a server read SERVER:SHARE/PATH. Names are shown escaped: \\\\ for a backslash, \\xNN for control \
            characters and for bytes that are not UTF-8.

            Examples:
              \(examples)

            Exit status: \(statuses)
            """,
        version: Version.text,
        subcommands: [
            PushCommand.self, PullCommand.self, SyncCommand.self, VerifyCommand.self, BackupCommand.self,
            SnapshotsCommand.self, FindCommand.self, DiffCommand.self, RestoreCommand.self, DumpCommand.self,
            ListCommand.self, StatCommand.self,
            RemoveCommand.self, MakeDirectoryCommand.self, ServersCommand.self, LoginCommand.self,
            LogoutCommand.self,
        ]
    )

    private static let examples = """
        ferry login --name nas < link
          ferry push report.pdf disk.img nas:inbox/2026/
          ferry pull nas:inbox/2026/report.pdf .
          ferry push -r ~/photos nas:media/photos
          ferry sync ~/site nas:www/site --delete --dry-run
          ferry ls -l nas:inbox/2026
          ferry backup ~ /etc nas:laptops
          ferry find nas:laptops sshd_config
          ferry diff nas:laptops@yesterday nas:laptops@latest
          ferry restore nas:laptops@latest/etc/ssh ./out
        """

    private static var statuses: String {
        "0 done, 3 partly done, 1 failed here, 4 login refused, 5 connection, 6 refused by the server, 7 data differ, "
            + "8 too many deletions, "
            + "64 usage, 130 cancelled."
    }

    package init() {}

    package func run() async throws {
        try StandardOutput.write(
            line: """
                ferry moves files to and from a Ferry daemon.

                  \(Self.examples)

                `ferry --help` lists the commands, `ferry push --help` explains one.
                """
        )
    }
}
