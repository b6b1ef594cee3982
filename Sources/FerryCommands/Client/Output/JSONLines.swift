import FerryChunking
package import FerryErrors
package import FerryProtocol
package import FerryTransfer

/// One JSON object a line on standard output for each file, each failure and the job; failures also go to standard
/// error, for whoever reads only that.
package struct JSONLines: Reporter {
    private let messages: Messages
    private let output: @Sendable (String) throws(FerryError) -> Void
    private let error: @Sendable (String) -> Void

    /// - Parameters:
    ///   - messages: how failures are worded on standard error.
    ///   - output: prints a line on standard output.
    ///   - error: prints a line on standard error.
    package init(
        messages: Messages,
        output: @escaping @Sendable (String) throws(FerryError) -> Void,
        error: @escaping @Sendable (String) -> Void
    ) {
        self.messages = messages
        self.output = output
        self.error = error
    }

    package func finished(_ label: TransferLabel, _ summary: TransferSummary, seconds: Double) throws(FerryError) {
        let event = TransferEvent(
            event: "transfer",
            direction: label.direction.rawValue,
            path: label.remote,
            local: Escaping.escape(label.local),
            bytes: summary.bytes,
            wireBytes: summary.wireBytes,
            savedBytes: summary.savedBytes,
            ratio: Amounts.ratio(bytes: summary.bytes, wireBytes: summary.wireBytes).map(Self.rounded),
            seconds: Self.rounded(seconds),
            digest: summary.digest?.description,
            sha256: summary.sha256,
            unchanged: summary.isUnchanged,
            files: summary.tree?.files,
            changed: summary.tree?.changed,
            failed: summary.tree?.failed,
            deleted: summary.tree?.deleted,
            snapshot: summary.snapshot?.description,
            dryRun: summary.isDryRun ? true : nil
        )
        try self.output(JSONLine.encode(event))
    }

    package func changed(_ change: TreeChange, isVerification: Bool) throws(FerryError) {
        let event = ChangeEvent(
            event: "change",
            path: Escaping.escape(change.path),
            kind: ChangeText.kind(change, isVerification: isVerification),
            reasons: ChangeText.reasons(change),
            bytes: change.size,
            directory: change.isDirectory
        )
        try self.output(JSONLine.encode(event))
    }

    package func skipped(_ label: TransferLabel) {
        // Whether this can be written is seen with what follows.
        try? self.output(
            JSONLine.encode(
                SkippedEvent(event: "skipped", path: label.remote, local: Escaping.escape(label.local))
            )
        )
    }

    package func failed(_ label: TransferLabel?, _ error: FerryError) {
        self.error(FailureText.line(label, error, self.messages))
        // Standard output may be what failed; standard error has the reason then.
        try? self.output(
            JSONLine.encode(ErrorEvent(error, path: label?.remote, local: label.map { Escaping.escape($0.local) }))
        )
    }

    package func ended(_ totals: JobTotals) throws(FerryError) {
        let event = SummaryEvent(
            event: "summary",
            files: totals.files,
            failed: totals.failed,
            bytes: totals.bytes,
            wireBytes: totals.wireBytes,
            savedBytes: totals.savedBytes,
            seconds: Self.rounded(totals.seconds),
            dryRun: totals.isDryRun ? true : nil
        )
        try self.output(JSONLine.encode(event))
    }

    /// Microseconds are enough.
    private static func rounded(_ value: Double) -> Double { (value * 1e6).rounded() / 1e6 }

    private struct TransferEvent: Encodable {
        let event: String
        let direction: String
        let path: String
        let local: String
        let bytes: UInt64
        let wireBytes: UInt64
        let savedBytes: UInt64
        let ratio: Double?
        let seconds: Double
        let digest: String?
        let sha256: String?
        let unchanged: Bool
        let files: Int?
        let changed: Int?
        let failed: Int?
        let deleted: Int?
        let snapshot: String?
        let dryRun: Bool?
    }

    private struct ChangeEvent: Encodable {
        let event: String
        let path: String
        let kind: String
        let reasons: [String]
        let bytes: UInt64
        let directory: Bool
    }

    private struct SkippedEvent: Encodable {
        let event: String
        let path: String
        let local: String
    }

    private struct SummaryEvent: Encodable {
        let event: String
        let files: Int
        let failed: Int
        let bytes: UInt64
        let wireBytes: UInt64
        let savedBytes: UInt64
        let seconds: Double
        let dryRun: Bool?
    }
}

/// A failure as a line of JSON.
struct ErrorEvent: Encodable {
    let event = "error"
    let code: String
    let exit: Int32
    let local: String?
    let message: String
    let origin: String
    let path: String?
    let remedy: String?

    private enum CodingKeys: String, CodingKey { case event, code, exit, local, message, origin, path, remedy }

    init(_ error: FerryError, path: String?, local: String? = nil) {
        self.code = error.code.rawValue
        self.exit = ExitStatus(error).rawValue
        self.local = local
        self.message = error.message
        self.origin = error.origin == .local ? "local" : "remote"
        self.path = path
        self.remedy = error.remedy
    }
}
