import ArgumentParser
import FerryErrors
import FerryTransfer

/// What commands that move data to and from repositories, or compare, have in common.
struct BackupOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("Bytes per second at most, each way: 500000, 512KiB or 10M.", valueName: "rate"),
        transform: { try RateArgument($0, least: 8 << 10) }
    )
    var limitRate: RateArgument?

    @OptionGroup var output: OutputOptions

    /// Runs the transfers that `plan` finds to be made.
    ///
    /// - Parameters:
    ///   - compression: of the blocks.
    ///   - trees: how trees are transferred.
    ///   - filters: which part of them.
    ///   - comparesContent: whether content is compared where size and time of modification are equal.
    ///   - plan: what to move.
    /// - Throws: the status, unless all is done.
    func running(
        _ compression: Compression,
        trees: TreeWishes,
        _ filters: FilterOptions?,
        comparesContent: Bool = false,
        _ plan: (Servers) async throws -> [any Transfer]
    ) async throws {
        try await self.output.running {
            var trees = trees
            if let filters { trees.filter = try filters.wire() }
            let reporter = self.output.reporter
            let interruption = try Interruption(self.output.messages)
            _ = try interruption.guarding({ reporter }, cleanup: { $0.interrupted() })
            return try await Servers.with(self.output, rate: self.limitRate?.bytes) { servers in
                let transfers = try await plan(servers)
                for transfer in transfers { try servers.check(transfer.server) }
                let context = TransferContext(
                    compression: compression,
                    wantsSHA256: false,
                    comparesContent: comparesContent,
                    trees: trees,
                    furtherConnections: 0,
                    onJoin: { _ in },
                    reporter: reporter,
                    interruption: interruption
                )
                return try await Job(
                    transfers: transfers,
                    servers: servers,
                    context: context,
                    printsSums: false
                ).run()
            }
        }
    }
}
