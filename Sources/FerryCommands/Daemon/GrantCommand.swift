import ArgumentParser
import FerryCatalog
import FerryServer

/// `ferryd grant`.
struct GrantCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "grant",
        abstract: "Let a user use a share or a repository.",
        discussion: """
            Rights are read and write; for a repository, append lets a user back up and see the own snapshots alone. Rights \
            that the user has already stay.

            Examples:
              ferryd grant alice inbox=read,write
              ferryd grant carol laptops=append
            """
    )

    @OptionGroup var state: StateOptions

    @Argument(help: "The user's name.", transform: { try Name($0) })
    var user: Name

    @Argument(
        help: ArgumentHelp("The share or repository, and the rights to add.", valueName: "name=rights"),
        transform: { try GrantArgument.full($0) }
    )
    var grant: GrantRecord

    func run() async throws {
        let request = AdminRequest.grant(user: self.user, share: self.grant.share, rights: self.grant.rights)
        _ = try await self.state.perform(request)
    }
}

/// `ferryd revoke`.
struct RevokeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke",
        abstract: "Take rights on a share or a repository away from a user, and end the user's connections.",
        discussion:
            "Examples: ferryd revoke alice inbox=write; without rights, all are taken: ferryd revoke alice inbox."
    )

    @OptionGroup var state: StateOptions

    @Argument(help: "The user's name.", transform: { try Name($0) })
    var user: Name

    @Argument(
        help: ArgumentHelp("The share or repository, and the rights to take.", valueName: "name[=rights]"),
        transform: { try GrantArgument($0) }
    )
    var grant: GrantArgument

    func run() async throws {
        let request = AdminRequest.revoke(
            user: self.user,
            share: self.grant.share,
            rights: self.grant.rights ?? .ofRepositories
        )
        _ = try await self.state.perform(request)
    }
}
