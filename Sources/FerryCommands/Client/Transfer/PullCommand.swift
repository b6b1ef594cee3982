import ArgumentParser
import FerryClient
import FerryErrors
import FerryFiles
import FerryWire

/// `ferry pull`.
struct PullCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pull",
        abstract: "Fetch files from a server.",
        usage: """
            ferry pull [OPTION ...] SERVER:SHARE/FILE ... TARGET
            ferry pull [OPTION ...] -r SERVER:SHARE/DIRECTORY DIRECTORY
            ferry pull [OPTION ...] SERVER:SHARE/FILE -
            """,
        discussion: """
            The target is an existing directory, or the name of the one file; `-` is standard output. A file appears whole \
            or not at all: until it is complete, an old one stays as it was. To standard output each part is verified \
            before it is written, but the end of a broken transfer is missing: look at the exit status. With -r the target is \
            what the directory becomes, also if it exists; one that ends with a slash takes it by its name.

            Examples:
              ferry pull nas:inbox/2026/report.pdf .
              ferry pull -r nas:media/photos ./photos
              ferry pull nas:inbox/db.sql - | psql
            """
    )

    @OptionGroup var options: TransferOptions
    @OptionGroup var filters: FilterOptions
    @OptionGroup var metadata: MetadataOptions

    @Flag(name: .shortAndLong, help: "Fetch directories with all that is in them.")
    var recursive = false

    @Argument(help: ArgumentHelp("Files on servers, then the local target.", valueName: "path"))
    var operands: [String]

    func validate() throws {
        guard self.operands.count >= 2 else {
            throw ValidationError("Name a file on a server and a target, such as `.`.")
        }
    }

    func run() async throws {
        try await self.options.running(self.filters, self.metadata) { servers in
            let target: LocalPath?
            switch try Operand(self.operands[self.operands.count - 1]) {
            case .stream: target = nil
            case .local(let path): target = path
            case .remote(let path):
                throw FerryError(
                    .usage,
                    "the target \(path) is on a server, and pull writes here",
                    remedy: "name a local file or directory, such as `.`"
                )
            }
            let sources = try self.operands.dropLast().map(Operand.remote)
            let trees = self.recursive ? try await Self.directories(sources, servers) : []
            if !trees.isEmpty { return try Self.plan(sources, trees, target) }
            let plan = try PullPlan(sources, to: target, kind: try Self.kind(of: target))
            let directories = plan.items.compactMap { item in
                if case .file(let path) = item.target { path.directory } else { nil }
            }
            for directory in Set(directories) { LocalPlace.sweep(directory) }
            return plan.items.map(Self.transfer)
        }
    }

    /// What is in a snapshot comes with all that belongs to it.
    static func transfer(_ item: PullPlan.Item) -> any Transfer {
        guard item.source.snapshot != nil, case .file(let target) = item.target else { return PullTransfer(item: item) }
        return PullEntryTransfer(source: item.source, target: target)
    }

    /// Those of the sources that are directories or shares.
    private static func directories(_ sources: [RemotePath], _ servers: Servers) async throws -> Set<RemotePath> {
        var trees: Set<RemotePath> = []
        for source in sources {
            let entry = try await servers.connection(to: source.server).stat(source)
            if entry.kind == .directory || entry.kind == .share { trees.insert(source) }
        }
        return trees
    }

    private static func plan(
        _ sources: [RemotePath],
        _ trees: Set<RemotePath>,
        _ target: LocalPath?
    ) throws(FerryError) -> [any Transfer] {
        guard let target else { throw FerryError(.usage, "standard output takes one file only") }
        let isInside = try TreePlan.goesInside(sources.count, isDirectory: target.isDirectory, target: "\(target)")
        guard isInside else { return [PullTreeTransfer(source: sources[0], target: target)] }
        return try sources.map { source throws(FerryError) in
            let place = target.appending(source.path.lastComponent ?? Array(source.share.utf8))
            guard trees.contains(source) else {
                return Self.transfer(PullPlan.Item(source: source, target: .file(place)))
            }
            return PullTreeTransfer(source: source, target: place)
        }
    }

    static func kind(of target: LocalPath?) throws(FerryError) -> PullPlan.Kind {
        guard let target else { return .other }
        do throws(FerryError) {
            switch try Directories.info(target.bytes).kind {
            case .directory: return .directory
            case .file: return .file
            case .symlink, .other: return .other
            }
        } catch  where error.code == .notFound {
            return .missing
        }
    }
}
