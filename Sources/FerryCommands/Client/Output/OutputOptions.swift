import ArgumentParser
import FerryErrors

/// How much a command says, and how: shared by the commands that talk to a server.
struct OutputOptions: ParsableArguments {
    @Flag(name: .shortAndLong, help: "Print nothing but errors and what was asked for.")
    var quiet = false

    @Flag(help: "Print one JSON object a line on standard output (Docs/json.md).")
    var json = false

    @Flag(name: .shortAndLong, help: "Also print the session's id, and the causes of errors.")
    var verbose = false

    /// How failures are worded on standard error; events for programs go to standard output.
    var messages: Messages { Messages(program: "ferry", isVerbose: self.verbose) }

    /// How a job is told.
    var reporter: any Reporter {
        let line: @Sendable (String) -> Void = { StandardError.write($0) }
        if self.json { return JSONLines(messages: self.messages, output: StandardOutput.write(line:), error: line) }
        if self.quiet { return QuietLines(messages: self.messages, write: line) }
        guard Terminal.isProgressCapable else { return PlainLines(messages: self.messages, write: line) }
        let start = ContinuousClock.now
        return ProgressLine(
            messages: self.messages,
            clock: { (ContinuousClock.now - start).inSeconds },
            columns: { Terminal.columns },
            write: { StandardError.write($0, terminator: "") }
        )
    }

    /// Runs a command's work, tells what it throws, and ends with the documented status.
    ///
    /// - Parameter work: returns the status.
    /// - Throws: the status, unless it is ``ExitStatus/done``.
    func running(_ work: () async throws -> ExitStatus) async throws {
        let status: ExitStatus
        do {
            status = try await work()
        } catch {
            let error = FerryError.shaping(error)
            let silent = QuietLines(messages: self.messages) { StandardError.write($0) }
            let reporter: any Reporter = self.json ? self.reporter : silent
            reporter.failed(nil, error)
            throw ExitCode(ExitStatus(error).rawValue)
        }
        if status != .done { throw ExitCode(status.rawValue) }
    }
}

extension FerryError {
    /// Any error in the house's shape.
    static func shaping(_ error: any Error) -> FerryError {
        switch error {
        case let error as FerryError: error
        case is CancellationError: FerryError(.cancelled, "cancelled")
        default: FerryError(.internalError, Escaping.escape("\(error)"), cause: error)
        }
    }
}

extension Duration {
    /// Seconds with their fraction.
    var inSeconds: Double {
        let (seconds, attoseconds) = self.components
        return Double(seconds) + Double(attoseconds) / 1e18
    }
}
