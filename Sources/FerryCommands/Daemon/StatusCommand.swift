import ArgumentParser
import FerryServer

/// `ferryd status`.
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Say how the running daemon is; fails if none runs."
    )

    @OptionGroup var state: StateOptions

    @Flag(help: "Print JSON.")
    var json = false

    func run() async throws {
        guard case .status(let status) = try await self.state.perform(.status) else { throw StateOptions.unexpected() }
        if self.json { return try AdminOutput.write(JSONLine.encode(status)) }
        let rows = [
            ["version", status.version], ["uptime", "\(status.uptime) s"], ["connections", "\(status.sessions)"],
        ]
        let listening =
            status.stopping
            ? [["stopping", "waits for running transfers"]] : status.listeners.map { ["listening", $0] }
        try AdminOutput.write(AdminOutput.table(rows + listening))
    }
}
