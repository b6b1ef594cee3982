package import ArgumentParser
import FerryErrors
import Glibc

/// How both programs start and end: parse, run, report one line, exit with the documented status.
package enum Entry {
    /// Runs `ferryd` with this process's arguments.
    package static func ferryd() async -> Never {
        await self.run(DaemonCommand.self, program: "ferryd")
    }

    /// Runs a program.
    ///
    /// - Parameters:
    ///   - root: its root command.
    ///   - program: its name, for messages.
    package static func run(_ root: (some AsyncParsableCommand).Type, program: String) async -> Never {
        do {
            var command = try root.parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
            exit(ExitStatus.done.rawValue)
        } catch {
            // The parser's own errors carry help, version or usage, which it prints itself.
            guard error is FerryError || error is CancellationError else { root.exit(withError: error) }
            let arguments = Set(CommandLine.arguments.dropFirst().prefix { $0 != "--" })
            let messages = Messages(
                program: program,
                isVerbose: !arguments.isDisjoint(with: ["--verbose", "-v"]),
                isJSON: arguments.contains("--json")
            )
            messages.report(error)
            exit(ExitStatus(error).rawValue)
        }
    }
}
