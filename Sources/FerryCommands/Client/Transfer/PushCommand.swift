import ArgumentParser
import FerryClient
import FerryErrors
import FerryFiles
import FerryWire

/// `ferry push`.
struct PushCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "push",
        abstract: "Send files, standard input or a command's output to a server.",
        usage: """
            ferry push [OPTION ...] SOURCE ... SERVER:SHARE/PATH
            ferry push [OPTION ...] -r DIRECTORY SERVER:SHARE/DIRECTORY
            ferry push [OPTION ...] - SERVER:SHARE/FILE
            ferry push [OPTION ...] --from-command SERVER:SHARE/FILE -- COMMAND [ARGUMENT ...]
            """,
        discussion: """
            A target that ends with a slash is a directory, made if it is missing; one that exists as a directory takes \
            the files into it; any other is the name of the one file. A file appears there whole or not at all, is \
            durable when this command ends, and keeps its mode and time. With -r the target is what the directory becomes, \
            also if it exists: what it has already does not travel, and what is only there stays. A name with a colon before its first slash is a \
            server's: write ./a:b for a local file.

            Examples:
              ferry push report.pdf disk.img nas:inbox/2026/
              ferry push -r ~/photos nas:media/photos
              ferry push - nas:inbox/db.sql < dump
              ferry push --from-command nas:inbox/db.sql -- pg_dump db
            """
    )

    @OptionGroup var options: TransferOptions
    @OptionGroup var filters: FilterOptions
    @OptionGroup var metadata: MetadataOptions

    @Flag(name: .shortAndLong, help: "Send directories with all that is in them.")
    var recursive = false

    @Flag(help: "Send what a command prints; if the command fails, no file appears.")
    var fromCommand = false

    @Argument(help: ArgumentHelp("Local files or `-`, then the target.", valueName: "path"))
    var operands: [String]

    func validate() throws {
        guard self.operands.count >= 2 else {
            throw ValidationError(
                self.fromCommand ? "Name the target file, then `--` and the command." : "Name a source and a target."
            )
        }
    }

    func run() async throws {
        try await self.options.running(self.filters, self.metadata) { servers in
            let (sources, target) = try self.parse()
            let trees = self.recursive ? Self.directories(sources) : []
            if !trees.isEmpty { return try Self.plan(sources, trees, target) }
            let plan = try PushPlan(sources, to: target, kind: await self.kind(of: target, servers))
            return plan.items.map { PushTransfer(item: $0, makeParents: plan.makeParents) }
        }
    }

    /// Those of the sources that are directories.
    private static func directories(_ sources: [PushPlan.Source]) -> Set<PushPlan.Source> {
        Set(
            sources.filter { source in
                if case .file(let path) = source {
                    (try? Directories.info(path.bytes))?.kind == .directory
                } else {
                    false
                }
            }
        )
    }

    private static func plan(
        _ sources: [PushPlan.Source],
        _ trees: Set<PushPlan.Source>,
        _ target: RemotePath
    ) throws(FerryError) -> [any Transfer] {
        let isInside = try TreePlan.goesInside(sources.count, isDirectory: target.isDirectory, target: "\(target)")
        if !isInside, case .file(let path) = sources[0] {
            return [PushTreeTransfer(source: path, target: target, makeParents: false)]
        }
        let plan = try PushPlan(sources, to: target, kind: .directory)
        return plan.items.map { item in
            guard trees.contains(item.source), case .file(let path) = item.source else {
                return PushTransfer(item: item, makeParents: true)
            }
            return PushTreeTransfer(source: path, target: item.target, makeParents: true)
        }
    }

    private func parse() throws(FerryError) -> ([PushPlan.Source], RemotePath) {
        if self.fromCommand {
            let command = self.operands.dropFirst().map(RawArguments.bytes)
            return ([.command(command)], try Operand.remote(self.operands[0]))
        }
        let target = try Operand.remote(self.operands[self.operands.count - 1])
        var sources: [PushPlan.Source] = []
        for text in self.operands.dropLast() {
            switch try Operand(text) {
            case .stream: sources.append(.standardInput)
            case .local(let path): sources.append(.file(path))
            case .remote(let path):
                throw FerryError(
                    .usage,
                    "\(path) is on a server, and push takes what is here",
                    remedy: "`ferry pull` fetches it; for a local file write `./` in front of it"
                )
            }
        }
        return (sources, target)
    }

    private func kind(of target: RemotePath, _ servers: Servers) async throws -> PushPlan.Kind {
        guard PushPlan.mustLook(at: target) else { return .directory }
        let connection = try await servers.connection(to: target.server)
        do {
            let entry = try await connection.stat(target)
            return entry.kind == .directory || entry.kind == .share ? .directory : .other
        } catch let error as FerryError where error.origin == .remote && connection.isOpen {
            // Who may only write is not told; the push itself says what else is wrong.
            return error.code == .notFound ? .missing : .unknown
        }
    }
}
