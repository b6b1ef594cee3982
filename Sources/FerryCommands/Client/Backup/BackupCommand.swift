import ArgumentParser
import FerryClient
import FerryErrors
import FerryFiles
import FerryTransfer

/// `ferry backup`.
struct BackupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Keep a snapshot of files and directories in a repository.",
        usage: """
            ferry backup [OPTION ...] PATH ... SERVER:REPOSITORY
            ferry backup [OPTION ...] --stdin NAME SERVER:REPOSITORY
            ferry backup [OPTION ...] --from-command NAME SERVER:REPOSITORY -- COMMAND [ARGUMENT ...]
            """,
        discussion: """
            What the repository has already does not travel. The snapshot is there once all of it is durable, or not at \
            all; what had arrived of an interrupted one is not sent again. In the snapshot, paths are those of this machine.

            Examples:
              ferry backup ~ /etc nas:laptops --exclude-caches --tag nightly
              ferry backup --from-command db.sql nas:laptops -- pg_dumpall
            """
    )

    /// What is stored stays as it is, so that the link decides nothing.
    enum Density: String, CaseIterable, ExpressibleByArgument {
        case off, fast, best

        var compression: Compression {
            switch self {
            case .off: .off
            case .fast: .fast
            case .best: .best
            }
        }
    }

    @Option(help: "off, fast or best: how what is stored is compressed, where it is compressible.")
    var compress = Density.fast

    @OptionGroup var transfer: BackupOptions
    @OptionGroup var filters: FilterOptions

    @Option(help: ArgumentHelp("A label of the snapshot; may be given several times.", valueName: "text"))
    var tag: [String] = []

    @Option(help: ArgumentHelp("The machine's name in the snapshot, if not its own.", valueName: "name"))
    var host: String?

    @Flag(name: [.customShort("n"), .long], help: "Send nothing; say how much would be sent.")
    var dryRun = false

    @Option(help: ArgumentHelp("Back up standard input as a file of this name.", valueName: "name"))
    var stdin: String?

    @Option(help: ArgumentHelp("Back up a command's output as a file of this name.", valueName: "name"))
    var fromCommand: String?

    @Argument(help: ArgumentHelp("What to back up, then the repository.", valueName: "path"))
    var operands: [String]

    func validate() throws {
        let fewest = self.stdin != nil ? 1 : 2
        guard self.operands.count >= fewest, self.stdin == nil || self.operands.count == 1 else {
            throw ValidationError("Name what to back up and a repository, as in `ferry backup ~ nas:laptops`.")
        }
        if self.stdin != nil, self.fromCommand != nil {
            throw ValidationError("--stdin and --from-command exclude each other.")
        }
        for tag in self.tag
        where tag.isEmpty || tag.utf8.count > 64
            || tag.utf8.contains(where: { $0 <= 0x20 || [0x2F, 0x40, 0x7F].contains($0) })
        {
            throw ValidationError("A tag has 1 to 64 bytes, without blanks, `/` and `@`.")
        }
    }

    func run() async throws {
        var wishes = TreeWishes()
        wishes.isDryRun = self.dryRun
        wishes.metadata.specials = true
        try await self.transfer.running(self.compress.compression, trees: wishes, self.filters) { _ in
            let (source, target) = try self.parse()
            guard target.snapshot == nil, target.path.isRoot else {
                throw FerryError(
                    .usage,
                    "\(target) is no repository",
                    remedy: "write SERVER:REPOSITORY; paths in a snapshot are those of this machine"
                )
            }
            return [
                BackupTransfer(source: source, target: target, host: try self.hostName(), tags: self.tag)
            ]
        }
    }

    private func parse() throws(FerryError) -> (BackupTransfer.Source, RemotePath) {
        if let name = self.stdin {
            return (.standardInput(name: try Self.fileName(name)), try Operand.remote(self.operands[0]))
        }
        if let name = self.fromCommand {
            let command = self.operands.dropFirst().map(RawArguments.bytes)
            return (.command(command, name: try Self.fileName(name)), try Operand.remote(self.operands[0]))
        }
        let target = try Operand.remote(self.operands[self.operands.count - 1])
        var paths: [LocalPath] = []
        for text in self.operands.dropLast() {
            guard case .local(let path) = try Operand(text) else {
                throw FerryError(
                    .usage,
                    "`\(RawArguments.shown(text))` is not a path on this machine",
                    remedy: "--stdin backs up standard input; for a local file with a colon write `./` in front of it"
                )
            }
            paths.append(path)
        }
        return (.paths(paths), target)
    }

    private static func fileName(_ text: String) throws(FerryError) -> [UInt8] {
        let name = RawArguments.bytes(text)
        let path = try RelativePath(name)
        guard path.bytes == name, !name.contains(UInt8(ascii: "/")) else {
            throw FerryError(.usage, "`\(Escaping.escape(name))` is no file's name", remedy: "write it without slashes")
        }
        return name
    }

    private func hostName() throws(FerryError) -> [UInt8] {
        if let host = self.host { return RawArguments.bytes(host) }
        let name = try Directories.readFile("/proc/sys/kernel/hostname", limit: 256)
        return name.filter { $0 > 0x20 }
    }
}
