import ArgumentParser
import FerryCatalog
import FerryErrors
import FerryServer

/// `ferryd token`.
struct TokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Manage the users' devices: each has a token of its own.",
        subcommands: [Add.self, List.self, Remove.self]
    )

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a token for one more device and print its login link, once.",
            discussion: "Example: ferryd token add alice --name laptop --expires 90d --host nas.example.org > link"
        )

        @OptionGroup var state: StateOptions

        @OptionGroup var link: LinkOptions

        @Argument(help: "The user's name.", transform: { try Name($0) })
        var user: Name

        @Option(help: "What the device is called; unique among the user's devices.")
        var name: String

        @Option(
            help: ArgumentHelp("When the link stops working: 90d, 12h, or a day.", valueName: "when"),
            transform: { try MomentArgument($0) }
        )
        var expires: MomentArgument?

        func run() async throws {
            let place = try await self.link.place(self.state, user: self.user)
            let request = AdminRequest.tokenAdd(
                user: self.user,
                tokenName: self.name,
                expires: self.expires?.seconds
            )
            guard case .issued(let token?, let fingerprint) = try await self.state.perform(request) else {
                throw StateOptions.unexpected()
            }
            try self.link.show(token, of: self.user, fingerprint: fingerprint, at: place)
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List tokens: never their secrets.")

        @OptionGroup var state: StateOptions

        @Argument(help: "Whose; by default everyone's.", transform: { try Name($0) })
        var user: Name?

        @Flag(help: "Print JSON.")
        var json = false

        func run() async throws {
            guard case .tokens(let tokens) = try await self.state.perform(.tokenList(user: self.user)) else {
                throw StateOptions.unexpected()
            }
            let titles = ["TOKEN", "USER", "NAME", "CREATED", "LAST USED", "EXPIRES"]
            try AdminOutput.write(tokens, asJSON: self.json, titles: titles) { token in
                [
                    token.id, token.user.text, token.name, AdminOutput.time(token.created, none: "-"),
                    AdminOutput.time(token.lastUsed, none: "never"), AdminOutput.time(token.expires, none: "never"),
                ]
            }
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove a device's token and end its connections."
        )

        @OptionGroup var state: StateOptions

        @Argument(help: "The user's name.", transform: { try Name($0) })
        var user: Name

        @Argument(help: "The token's id or name, as 'ferryd token list' shows them.")
        var token: String

        func run() async throws {
            _ = try await self.state.perform(.tokenRemove(user: self.user, token: self.token))
        }
    }
}
