import ArgumentParser
import FerryErrors
import FerryTransfer

/// What push and pull have in common.
struct TransferOptions: ParsableArguments {
    @Option(help: "auto, off, fast or best. auto compresses what is compressible while the link is the slower part.")
    var compress = Compression.auto

    @Flag(help: "Also compute each file's SHA-256 and print it as sha256sum does.")
    var sha256 = false

    @Flag(
        help: "Compare content even where size and time of modification are equal, which is taken for unchanged else."
    )
    var checksum = false

    @Option(
        help: ArgumentHelp("Bytes per second at most, each way: 500000, 512KiB or 10M.", valueName: "rate"),
        transform: { try RateArgument($0, least: 8 << 10) }
    )
    var limitRate: RateArgument?

    @Option(
        help: ArgumentHelp(
            "Connections that share a transfer, 1 to 16: faster over links with much delay or loss.",
            valueName: "count"
        )
    )
    var connections = 1

    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (1...16).contains(self.connections) else {
            throw ValidationError("--connections is a number from 1 to 16.")
        }
    }

    /// Runs the transfers that `plan` finds to be made.
    ///
    /// - Parameters:
    ///   - trees: how trees are transferred.
    ///   - filters: which part of them.
    ///   - metadata: what of them besides their content.
    ///   - plan: what to move; asked for once signals are taken care of.
    /// - Throws: the status, unless all is done.
    func running(
        trees: TreeWishes = TreeWishes(),
        _ filters: FilterOptions? = nil,
        _ metadata: MetadataOptions? = nil,
        _ plan: (Servers) async throws -> [any Transfer]
    ) async throws {
        try await self.output.running {
            var trees = trees
            if let filters { trees.filter = try filters.wire() }
            if let metadata { trees.metadata = metadata.policy }
            let reporter = self.output.reporter
            let interruption = try Interruption(self.output.messages)
            _ = try interruption.guarding({ reporter }, cleanup: { $0.interrupted() })
            return try await Servers.with(self.output, rate: self.limitRate?.bytes) { servers in
                let transfers = try await plan(servers)
                for transfer in transfers { try servers.check(transfer.server) }
                if self.sha256, transfers.contains(where: { $0 is PushTreeTransfer || $0 is PullTreeTransfer }) {
                    throw FerryError(
                        .usage,
                        "`--sha256` is of single files, and this is a directory",
                        remedy: "leave it out: every chunk is verified by its SHA-256 anyway"
                    )
                }
                if self.output.json, transfers.contains(where: \.usesStandardOutput) {
                    throw FerryError(.usage, "`--json` and `-` both want standard output", remedy: "choose one of them")
                }
                let context = TransferContext(
                    compression: self.compress,
                    wantsSHA256: self.sha256,
                    comparesContent: self.checksum,
                    trees: trees,
                    furtherConnections: self.connections - 1,
                    onJoin: self.onJoin,
                    reporter: reporter,
                    interruption: interruption
                )
                let job = Job(
                    transfers: transfers,
                    servers: servers,
                    context: context,
                    printsSums: self.sha256 && !self.output.json
                )
                return try await job.run()
            }
        }
    }
}

extension TransferOptions {
    /// Tells of a further connection, if that is wished for.
    private var onJoin: @Sendable (Result<String, FerryError>) -> Void {
        guard self.output.verbose else { return { _ in } }
        return { joined in
            switch joined {
            case .success(let session): StandardError.write("ferry: session \(session) has joined")
            case .failure(let error): StandardError.write("ferry: a further connection did not join: \(error.message)")
            }
        }
    }
}

extension Compression: ExpressibleByArgument {}
