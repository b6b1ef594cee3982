package import FerryErrors
package import FerryProtocol

/// One line on standard error for each file and one for the job: for logs and pipes.
package struct PlainLines: Reporter {
    private let messages: Messages
    private let write: @Sendable (String) -> Void

    /// - Parameters:
    ///   - messages: how failures are worded.
    ///   - write: prints a line.
    package init(messages: Messages, write: @escaping @Sendable (String) -> Void) {
        self.messages = messages
        self.write = write
    }

    package func finished(_ label: TransferLabel, _ summary: TransferSummary, seconds: Double) throws(FerryError) {
        self.write(FileText.line(label, summary, seconds: seconds))
    }

    package func skipped(_ label: TransferLabel) { self.write(SkippedText.line(label)) }

    package func failed(_ label: TransferLabel?, _ error: FerryError) {
        self.write(FailureText.line(label, error, self.messages))
    }

    package func ended(_ totals: JobTotals) throws(FerryError) {
        if let line = FileText.line(totals) { self.write(line) }
    }
}

/// Failures only.
package struct QuietLines: Reporter {
    private let messages: Messages
    private let write: @Sendable (String) -> Void

    /// - Parameters:
    ///   - messages: how failures are worded.
    ///   - write: prints a line.
    package init(messages: Messages, write: @escaping @Sendable (String) -> Void) {
        self.messages = messages
        self.write = write
    }

    package func finished(_ label: TransferLabel, _ summary: TransferSummary, seconds: Double) throws(FerryError) {}

    package func skipped(_ label: TransferLabel) {}

    package func failed(_ label: TransferLabel?, _ error: FerryError) {
        self.write(FailureText.line(label, error, self.messages))
    }

    package func ended(_ totals: JobTotals) throws(FerryError) {}
}
