import ArgumentParser
import FerryChunking
import FerryClient
import FerryErrors
import FerryFiles
import FerryTransfer
import FerryWire
import FoundationEssentials
import Synchronization

/// `ferry find`.
struct FindCommand: AsyncParsableCommand {
    /// What `--type` may be.
    enum Kind: String, ExpressibleByArgument, CaseIterable {
        case file, dir, link, other

        var bit: UInt32 {
            switch self {
            case .file: 1
            case .dir: 2
            case .link: 4
            case .other: 8
            }
        }
    }

    static let configuration = CommandConfiguration(
        commandName: "find",
        abstract: "Find files and directories in snapshots by their names.",
        usage: """
            ferry find [OPTION ...] SERVER:REPOSITORY PATTERN ...
            ferry find [OPTION ...] SERVER:REPOSITORY@SNAPSHOT[/PATH] PATTERN ...
            """,
        discussion: """
            Patterns are those of --exclude (Docs/filters.md): one without a slash is for the name, at any depth; others count \
            from the top, as in '/etc/**/sshd_config'. Of several the last that matches decides, and `!` before one takes \
            back. Without @SNAPSHOT all snapshots are looked through that the user may see. Each version of a file is one \
            line: the newest snapshot that has it, how many have it, its size and time. If nothing is found the exit status \
            is 6. Times are UTC.

            Examples:
              ferry find nas:laptops sshd_config
              ferry find nas:laptops@yesterday/home/carol -i '*.odt' --newer-than 30d
              ferry restore nas:laptops@3f2a81c0/etc/ssh/sshd_config .
            """
    )

    @Flag(name: .shortAndLong, help: "Upper and lower case are the same.")
    var ignoreCase = false

    @Option(
        name: [.customShort("t"), .customLong("type")],
        help: ArgumentHelp("Only this kind: file, dir, link or other; may be given several times.", valueName: "kind")
    )
    var kinds: [Kind] = []

    @Option(
        help: ArgumentHelp("Only files of this size or more: 500, 64KiB or 10M.", valueName: "size"),
        transform: FilterOptions.size
    )
    var minSize: Int64?

    @Option(help: ArgumentHelp("Only files up to this size.", valueName: "size"), transform: FilterOptions.size)
    var maxSize: Int64?

    @Option(
        help: ArgumentHelp(
            "Only files changed since then: a span such as 7d or 12h, or a time as of a snapshot: yesterday, 2026-01-31T12:00.",
            valueName: "time"
        ),
        transform: { try MomentArgument($0).past }
    )
    var newerThan: Int64?

    @Option(
        help: ArgumentHelp("Only files changed before then.", valueName: "time"),
        transform: { try MomentArgument($0).past }
    )
    var olderThan: Int64?

    @Flag(help: "Print what is found in each snapshot, not each version once.")
    var all = false

    @OptionGroup var labels: SnapshotLabels
    @OptionGroup var output: OutputOptions

    @Argument(help: ArgumentHelp("SERVER:REPOSITORY or a directory of a snapshot", valueName: "place"))
    var operand: String

    @Argument(help: ArgumentHelp("What names are like, as in .gitignore", valueName: "pattern"))
    var patterns: [String]

    func run() async throws {
        try await self.output.running {
            let target = try Operand.remote(self.operand)
            let request = try self.request(target)
            return try await Servers.with(self.output) { servers in
                let connection = try await servers.connection(to: target.server)
                let style: FoundVersions.Style = self.all ? .snapshots : target.snapshot == nil ? .versions : .stream
                let printer = Mutex(FoundPrinter(style, self.output))
                try await connection.find(request) { findings throws(FerryError) in
                    try printer.withLock { printer throws(FerryError) in
                        for finding in findings { try printer.take(finding) }
                    }
                }
                return try printer.withLock { printer throws(FerryError) in try printer.finish() }
            }
        }
    }

    private func request(_ target: RemotePath) throws(FerryError) -> WireFind {
        if target.snapshot == nil {
            guard target.path.isRoot else {
                throw FerryError(
                    .usage,
                    "\(target) names no snapshot",
                    remedy:
                        "write SERVER:REPOSITORY@latest/PATH, or SERVER:REPOSITORY and a pattern such as '/etc/**/x'"
                )
            }
        } else if !self.labels.isEmpty {
            throw FerryError(.usage, "`--host`, `--path` and `--tag` choose snapshots, and \(target) names one")
        }
        let patterns = self.patterns.map { RawArguments.bytes($0) }
        // What is wrong with them is said here, before anything travels.
        _ = try SearchQuery(patterns, ignoresCase: self.ignoreCase)
        var request = WireFind()
        request.path = target.wirePath
        request.patterns = patterns.map { Data($0) }
        request.ignoreCase = self.ignoreCase
        request.kinds = self.kinds.reduce(0) { $0 | $1.bit }
        if let size = self.minSize { request.minSize = UInt64(clamping: size) }
        if let size = self.maxSize { request.maxSize = UInt64(clamping: size) }
        if let time = self.newerThan { request.newerThan = time }
        if let time = self.olderThan { request.olderThan = time }
        if let host = self.labels.host { request.host = Data(RawArguments.bytes(host)) }
        if let path = self.labels.path { request.backedUp = Data(RawArguments.bytes(path)) }
        if let tag = self.labels.tag { request.tag = tag }
        return request
    }
}

/// Takes what a search finds, and prints it.
private struct FoundPrinter {
    private var versions: FoundVersions
    private let output: OutputOptions
    private let lines: FoundLines
    private var failed = 0

    init(_ style: FoundVersions.Style, _ output: OutputOptions) {
        self.versions = FoundVersions(style)
        self.output = output
        self.lines = FoundLines(output)
    }

    mutating func take(_ finding: WireFinding) throws(FerryError) {
        let lines = self.lines
        switch finding.what {
        case .searched(let searched): try self.versions.begin(searched, write: lines.write)
        case .found(let found): try self.versions.add(found, write: lines.write)
        case .gone(let path): self.versions.remove(path)
        case .problem(let problem):
            self.failed += 1
            self.output.report(problem, in: self.versions.snapshot)
        case nil: break
        }
    }

    mutating func finish() throws(FerryError) -> ExitStatus {
        let lines = self.lines
        try self.versions.finish(write: lines.write)
        if self.failed > 0 { return .partial }
        guard !self.versions.hasFound else { return .done }
        let snapshots = self.versions.snapshots
        throw FerryError(
            .notFound,
            "nothing that matches was found in \(snapshots) snapshot\(snapshots == 1 ? "" : "s")",
            origin: .remote
        )
    }
}

/// Prints lines, the titles before the first.
private final class FoundLines {
    private let output: OutputOptions
    private var hasTitles = false

    init(_ output: OutputOptions) { self.output = output }

    func write(_ version: FoundVersion) throws(FerryError) {
        let text = FoundText(version)
        if self.output.json { return try StandardOutput.write(line: text.json) }
        if !self.hasTitles {
            self.hasTitles = true
            if !self.output.quiet { try StandardOutput.write(line: FoundText.titles) }
        }
        try StandardOutput.write(line: text.line)
    }
}
