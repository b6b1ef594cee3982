import ArgumentParser
import FerryServer

/// `ferryd reload`.
struct ReloadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reload",
        abstract: "Have the running daemon read its configuration and certificate again, and say what changed.",
        discussion: """
            SIGHUP does the same. Running transfers go on. If anything is wrong, all stays as it was, and the reason is \
            told here and in the daemon's log.
            """
    )

    @OptionGroup var state: StateOptions

    @Flag(help: "Print JSON.")
    var json = false

    func run() async throws {
        guard case .reloaded(let report) = try await self.state.perform(.reload) else {
            throw StateOptions.unexpected()
        }
        if self.json { return try AdminOutput.write(JSONLine.encode(report)) }
        for line in report.changed { try AdminOutput.write(line) }
        if let fingerprint = report.fingerprint {
            try AdminOutput.write("certificate=\(fingerprint)")
            StandardError.write("ferryd: the certificate is another one: clients log in again (ferryd token add)")
        }
        for line in report.needRestart { StandardError.write("ferryd: counts after a restart: \(line)") }
    }
}
