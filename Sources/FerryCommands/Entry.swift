package import ArgumentParser
import CLinux
import FerryErrors
import FerryTransport
import Glibc

/// How both programs start and end: parse, run, report one line, exit with the documented status.
package enum Entry {
    /// Runs `ferryd` with this process's arguments.
    package static func ferryd() async -> Never {
        await self.run(DaemonCommand.self, program: "ferryd")
    }

    /// Runs `ferry` with this process's arguments, whose bytes need not be UTF-8.
    package static func ferry() async -> Never {
        // A reader of standard output that goes away is an error to report, not a reason to die.
        signal(SIGPIPE, SIG_IGN)
        await self.run(FerryCommand.self, program: "ferry", arguments: RawArguments.current)
    }

    /// Runs a program.
    ///
    /// - Parameters:
    ///   - root: its root command.
    ///   - program: its name, for messages.
    ///   - arguments: without the program's name; nil for the process's.
    package static func run(
        _ root: (some AsyncParsableCommand).Type,
        program: String,
        arguments: [String]? = nil
    ) async -> Never {
        ferry_fill_standard_descriptors()
        ferry_tune_allocator()
        do {
            let words = arguments ?? Array(CommandLine.arguments.dropFirst())
            try self.checkHelp(words)
            try self.checkCommand(words, root, program: program)
            var command = try root.parseAsRoot(arguments)
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

    /// Refuses a word such as `-hello`, in which the parser sees a request for help among other flags: a script that pushes a
    /// file of this name would take the help, and its status 0, for success.
    private static func checkHelp(_ words: [String]) throws(FerryError) {
        let word = words.prefix { $0 != "--" }.first { word in
            word.hasPrefix("-") && !word.hasPrefix("--") && word.utf8.count > 2 && word.contains("h")
        }
        guard let word else { return }
        let shown = RawArguments.shown(word)
        throw FerryError(
            .usage,
            "`\(shown)` asks for help among other things",
            remedy: "write `-h` alone for help, `./\(shown)` for a file of that name"
        )
    }

    /// Suggests what a mistyped command was meant to be, which the parser does for options only.
    private static func checkCommand(
        _ arguments: [String],
        _ root: (some AsyncParsableCommand).Type,
        program: String
    ) throws(FerryError) {
        let names = root.configuration.subcommands.map { command in command._commandName }
        guard let word = arguments.first, !word.hasPrefix("-"), word != "help", !names.contains(word) else { return }
        let near = Suggestion.nearest(to: word, among: names)
        throw FerryError(
            .usage,
            "`\(RawArguments.shown(word))` is no command of \(program)",
            remedy: near.map { "did you mean `\(program) \($0)`?" } ?? "`\(program) --help` lists them"
        )
    }
}
