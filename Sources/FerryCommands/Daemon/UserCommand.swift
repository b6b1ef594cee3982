import ArgumentParser
import FerryCatalog
import FerryErrors
import FerryServer

/// `ferryd user`.
struct UserCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "user",
        abstract: "Manage the users.",
        subcommands: [Add.self, List.self, Limit.self, Remove.self]
    )

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Add a user and print the first login link, once.",
            discussion: """
                Examples:
                  ferryd user add alice --grant inbox=read,write --host nas.example.org > link
                  ferryd user add carol --grant laptops=append

                Rights are read and write; for a repository, append lets a user back up and see the own snapshots alone.

                The link is a credential. Adding the same user again succeeds and adds the grants, but prints no link: \
                'ferryd token add' makes further ones.
                """
        )

        @OptionGroup var state: StateOptions

        @OptionGroup var link: LinkOptions

        @Argument(help: "The user's name: a-z, 0-9, '.', '_' and '-'.", transform: { try Name($0) })
        var name: Name

        @Option(
            name: .customLong("grant"),
            help: ArgumentHelp(
                "What the user may do with a share or a repository; may be repeated.",
                valueName: "name=rights"
            ),
            transform: { try GrantArgument.full($0) }
        )
        var grants: [GrantRecord] = []

        @Option(help: "What the first device is called.")
        var tokenName = "first"

        @Option(
            help: ArgumentHelp("When the link stops working: 90d, 12h, or a day.", valueName: "when"),
            transform: { try MomentArgument($0) }
        )
        var expires: MomentArgument?

        func run() async throws {
            let place = try await self.link.place(self.state, user: self.name)
            let request = AdminRequest.userAdd(
                user: self.name,
                grants: self.grants,
                tokenName: self.tokenName,
                expires: self.expires?.seconds
            )
            guard case .issued(let token, let fingerprint) = try await self.state.perform(request) else {
                throw StateOptions.unexpected()
            }
            guard let token else {
                StandardError.write(
                    "ferryd: \(self.name) exists already, so that there is no new link; "
                        + "for another device: ferryd token add \(self.name) --name DEVICE"
                )
                return
            }
            try self.link.show(token, of: self.name, fingerprint: fingerprint, at: place)
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the users and their grants.")

        @OptionGroup var state: StateOptions

        @Flag(help: "Print JSON.")
        var json = false

        func run() async throws {
            guard case .users(let users) = try await self.state.perform(.userList) else {
                throw StateOptions.unexpected()
            }
            try AdminOutput.write(users, asJSON: self.json, titles: ["USER", "CREATED", "RATE", "GRANTS"]) { user in
                let grants = user.grants.map { "\($0.share)=\($0.rights)" }.joined(separator: " ")
                return [
                    user.name.text, AdminOutput.time(user.created, none: "-"), RateArgument.shown(user.rate),
                    grants.isEmpty ? "-" : grants,
                ]
            }
        }
    }

    struct Limit: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Limit what all connections of a user together move.",
            discussion: """
                Example: ferryd user limit alice --rate 10MiB. Running transfers follow at once; 'none' takes the limit away.
                """
        )

        @OptionGroup var state: StateOptions

        @Argument(help: "The user's name.", transform: { try Name($0) })
        var name: Name

        @Option(
            help: ArgumentHelp("Bytes per second, each way: 64KiB to 1TiB, or none.", valueName: "rate"),
            transform: { try RateArgument($0, least: Catalog.rates.lowerBound, allowsNone: true) }
        )
        var rate: RateArgument

        func run() async throws {
            _ = try await self.state.perform(.userLimit(user: self.name, rate: self.rate.bytes))
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove a user with all tokens and grants, and end the user's connections."
        )

        @OptionGroup var state: StateOptions

        @Argument(help: "The user's name.", transform: { try Name($0) })
        var name: Name

        func run() async throws {
            _ = try await self.state.perform(.userRemove(user: self.name))
        }
    }
}
