import FerryClient
import FerryErrors
import FerryProtocol
import FerryTransfer

/// Moves several files, one after another: what fails is named, and the rest goes on.
struct Job {
    let transfers: [any Transfer]
    let servers: Servers
    let context: TransferContext
    /// Whether to print the files' sums as `sha256sum` does.
    let printsSums: Bool

    /// Runs the job to its end.
    ///
    /// - Returns: done, partial, or why the first file failed if none was moved.
    /// - Throws: what standard output says.
    func run() async throws -> ExitStatus {
        let reporter = self.context.reporter
        // A stalled transfer must be seen to stall.
        let ticker = reporter.isLive ? Self.ticking(reporter) : nil
        let outcome: Result<ExitStatus, any Error>
        do {
            outcome = .success(try await self.moveAll())
        } catch {
            outcome = .failure(error)
        }
        ticker?.cancel()
        await ticker?.value
        return try outcome.get()
    }

    private func moveAll() async throws -> ExitStatus {
        let reporter = self.context.reporter
        let start = ContinuousClock.now
        var totals = JobTotals()
        var firstFailure: FerryError?
        reporter.began(files: self.transfers.count, bytes: reporter.isLive ? await self.size() : nil)
        for (index, transfer) in self.transfers.enumerated() {
            let label = transfer.label
            let connection: ClientConnection
            do {
                connection = try await self.servers.connection(to: transfer.server)
            } catch {
                // Whatever keeps a connection from being made now keeps it from being made for the next file.
                let error = FerryError.shaping(error)
                self.giveUp(index, error, hasMoved: totals.files > 0)
                totals.failed += self.transfers.count - index
                firstFailure = firstFailure ?? error
                break
            }
            reporter.started(label)
            let began = ContinuousClock.now
            do {
                let summary = try await self.run(transfer, on: connection)
                totals.add(summary)
                try reporter.finished(label, summary, seconds: (ContinuousClock.now - began).inSeconds)
                if self.printsSums, let sum = summary.sha256 { try Self.print(sum, transfer) }
            } catch {
                await self.context.interruption.standAside()
                let error = FerryError.shaping(error)
                reporter.failed(label, error)
                totals.failed += 1
                firstFailure = firstFailure ?? error
            }
        }
        totals.seconds = (ContinuousClock.now - start).inSeconds
        try reporter.ended(totals)
        guard let firstFailure else { return totals.failed > 0 ? .partial : .done }
        return totals.files > 0 ? .partial : ExitStatus(firstFailure)
    }

    /// Runs a transfer; once more, believing nothing, if a backup believed too much.
    private func run(_ transfer: any Transfer, on connection: ClientConnection) async throws -> TransferSummary {
        do { return try await transfer.run(on: connection, self.context) } catch let error as FerryError {
            guard error.code == .staleStates, self.context.believesStates else { throw error }
            var context = self.context
            context.believesStates = false
            return try await transfer.run(on: try await self.servers.connection(to: transfer.server), context)
        }
    }

    /// The job ends early: where something was moved, each file that was not is named.
    private func giveUp(_ index: Int, _ error: FerryError, hasMoved: Bool) {
        let rest = self.transfers[index...]
        guard hasMoved else { return self.context.reporter.failed(nil, error) }
        for (offset, transfer) in rest.enumerated() {
            var error = error
            if offset > 0 { (error.message, error.remedy) = ("not transferred: the connection is lost", nil) }
            self.context.reporter.failed(transfer.label, error)
        }
    }

    /// Bytes of all files, or nil if one is not known.
    private func size() async -> UInt64? {
        // The daemon tells the size of a single file in time.
        if self.transfers.count == 1, self.transfers[0] is PullTransfer || self.transfers[0] is PullEntryTransfer {
            return nil
        }
        var sum: UInt64 = 0
        for transfer in self.transfers {
            guard let size = await transfer.size(on: self.servers) else { return nil }
            sum = sum.addingReportingOverflow(size).partialValue
        }
        return sum
    }

    private static func print(_ sum: String, _ transfer: any Transfer) throws(FerryError) {
        let line = SumLine.bytes(sum, transfer.label.local)
        if transfer.usesStandardOutput {
            StandardError.write(String(decoding: line, as: UTF8.self), terminator: "")
        } else {
            try StandardOutput.write(line)
        }
    }

    private static func ticking(_ reporter: any Reporter) -> Task<Void, Never> {
        Task {
            while (try? await Task.sleep(for: .milliseconds(250))) != nil { reporter.ticked() }
        }
    }
}

/// A line as `sha256sum` prints it, so that `sha256sum --check` takes it.
package enum SumLine {
    /// - Parameters:
    ///   - sum: 64 hexadecimal digits.
    ///   - name: of the file; where it holds a backslash or a line end, these are escaped and the line begins with a
    ///     backslash, as the GNU manual says.
    /// - Returns: the line with its end.
    package static func bytes(_ sum: String, _ name: [UInt8]) -> [UInt8] {
        var escaped: [UInt8] = []
        for byte in name {
            switch byte {
            case UInt8(ascii: "\\"): escaped += Array(#"\\"#.utf8)
            case UInt8(ascii: "\n"): escaped += Array(#"\n"#.utf8)
            case UInt8(ascii: "\r"): escaped += Array(#"\r"#.utf8)
            default: escaped.append(byte)
            }
        }
        let mark = escaped.count == name.count ? [] : [UInt8(ascii: "\\")]
        return mark + Array(sum.utf8) + Array("  ".utf8) + escaped + [UInt8(ascii: "\n")]
    }
}
