import ArgumentParser
import FerryServer

/// `ferryd fingerprint`.
struct FingerprintCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fingerprint",
        abstract: "Print the fingerprint of the daemon's certificate, which clients pin."
    )

    @OptionGroup var state: StateOptions

    func run() async throws {
        guard case .fingerprint(let text) = try await self.state.perform(.fingerprint) else {
            throw StateOptions.unexpected()
        }
        try AdminOutput.write(text)
    }
}
