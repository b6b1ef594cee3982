import FerryClient
import FerryErrors

/// What commands that do one thing to each of several remote paths have in common.
enum PathsCommand {
    /// Does `work` to each path; what fails is named, and the rest goes on.
    ///
    /// - Parameters:
    ///   - operands: remote paths, all parsed before anything is done.
    ///   - output: how failures are told.
    ///   - work: one path's.
    /// - Throws: the status, unless all is done.
    static func running(
        _ operands: [String],
        _ output: OutputOptions,
        _ work: (RemotePath, ClientConnection) async throws -> Void
    ) async throws {
        try await output.running {
            let paths = try operands.map(Operand.remote)
            return try await Servers.with(output) { servers in
                for path in paths { try servers.check(path.server) }
                var done = 0
                var firstFailure: FerryError?
                for path in paths {
                    do {
                        try await work(path, try await servers.connection(to: path.server))
                        done += 1
                    } catch {
                        let error = FerryError.shaping(error)
                        output.report(error, about: path)
                        firstFailure = firstFailure ?? error
                    }
                }
                guard let firstFailure else { return .done }
                return done > 0 ? .partial : ExitStatus(firstFailure)
            }
        }
    }
}

extension OutputOptions {
    /// Tells one path's failure on standard error, and with `--json` on standard output.
    fileprivate func report(_ error: FerryError, about path: RemotePath) {
        var named = error
        if !error.message.contains("\(path)") { named.message = "\(path): \(error.message)" }
        StandardError.write(self.messages.text(for: named))
        // Standard output may be what failed; standard error has the reason then.
        if self.json { try? StandardOutput.write(line: JSONLine.encode(ErrorEvent(error, path: "\(path)"))) }
    }

    /// With `--json`, tells that something was done to a path.
    func done(_ event: String, _ path: RemotePath) throws(FerryError) {
        if self.json { try StandardOutput.write(line: JSONLine.encode(["event": event, "path": "\(path)"])) }
    }
}
