import ArgumentParser
import FerryClient
import FerryErrors
import FerryWire
import FoundationEssentials
import Synchronization

/// `ferry diff`.
struct DiffCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff",
        abstract: "Compare two snapshots of a repository, or directories or files in them.",
        usage: "ferry diff [OPTION ...] SERVER:REPOSITORY@OLD[/PATH] SERVER:REPOSITORY@NEW[/PATH]",
        discussion: """
            Prints what is otherwise in the second one: `+` what is only there, `-` what is only in the first one, `M` files and \
            links with another content, `m` what has another mode, owner, time or other attributes, `T` what is of another \
            kind. Times of directories are not compared. What was renamed is removed and added. The exit status is 0 whether \
            or not anything differs, unless --exit-code is given.

            Examples:
              ferry diff nas:laptops@yesterday nas:laptops@latest
              ferry diff --long nas:laptops@3f2a81c0/etc nas:laptops@latest/etc
            """
    )

    @Flag(name: .shortAndLong, help: "Also print sizes, modes and times, the old and the new ones.")
    var long = false

    @Flag(name: .shortAndLong, help: "Compare content only: not mode, owner, time and attributes.")
    var contentOnly = false

    @Flag(help: "Print a directory that was added or removed alone, and how much is in it.")
    var collapse = false

    @Flag(help: "End with status 7 if anything differs.")
    var exitCode = false

    @OptionGroup var output: OutputOptions

    @Argument(help: ArgumentHelp("The old one, and the new one.", valueName: "place"))
    var operands: [String]

    func validate() throws {
        guard self.operands.count == 2 else { throw ValidationError("Name two places in snapshots.") }
    }

    func run() async throws {
        try await self.output.running {
            let old = try SnapshotOperand.parse(self.operands[0])
            let new = try SnapshotOperand.parse(self.operands[1])
            guard old.server == new.server, old.share == new.share else {
                throw FerryError(.usage, "\(old) and \(new) are not in one repository")
            }
            return try await Servers.with(self.output) { servers in
                let connection = try await servers.connection(to: old.server)
                var request = WireDiff()
                (request.old, request.new) = (old.wirePath, new.wirePath)
                (request.contentOnly, request.collapse) = (self.contentOnly, self.collapse)
                let printer = Mutex(DifferencePrinter(self.output, isLong: self.long))
                try await connection.diff(request) { differences throws(FerryError) in
                    try printer.withLock { printer throws(FerryError) in
                        for difference in differences { try printer.take(difference) }
                    }
                }
                return try printer.withLock { printer throws(FerryError) in
                    try printer.finish()
                    if printer.failed > 0 { return .partial }
                    return self.exitCode && !printer.totals.isEmpty ? .integrity : .done
                }
            }
        }
    }
}

/// Prints differences as they come.
private struct DifferencePrinter {
    private let output: OutputOptions
    private let isLong: Bool
    private(set) var totals = DifferenceTotals()
    private(set) var failed = 0

    init(_ output: OutputOptions, isLong: Bool) { (self.output, self.isLong) = (output, isLong) }

    mutating func take(_ difference: WireDifference) throws(FerryError) {
        guard !difference.hasFailure else {
            self.failed += 1
            return self.output.report(FerryError(peer: difference.failure), path: difference.path)
        }
        let text = DifferenceText(difference)
        self.totals.add(text)
        try StandardOutput.write(line: self.output.json ? text.json : text.line(isLong: self.isLong))
    }

    func finish() throws(FerryError) {
        if self.output.json {
            try StandardOutput.write(line: self.totals.json(failed: self.failed))
        } else if !self.output.quiet {
            StandardError.write(self.totals.text)
        }
    }
}
