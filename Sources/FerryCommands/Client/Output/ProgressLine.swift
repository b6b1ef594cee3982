package import FerryErrors
package import FerryProtocol
package import FerryTransfer
import Synchronization

/// One line on a terminal that is rewritten while the job runs, ten times a second at most, and replaced by its result.
package final class ProgressLine: Reporter {
    /// Seconds between two drawings.
    private static let interval = 0.1

    private struct State {
        var files = 0
        var total: UInt64?
        var isTotalGiven = false
        /// Of files that have ended: how many, what no longer is to do, what was moved, and what travelled.
        var doneFiles = 0
        var doneBytes: UInt64 = 0
        var movedBytes: UInt64 = 0
        var wireBytes: UInt64 = 0
        var savedBytes: UInt64 = 0
        var name = ""
        var size: UInt64?
        var current = TransferSummary()
        var meter = RateMeter()
        var drawnAt = -Double.infinity
        var isDrawn = false
        /// Nothing is drawn any more: the process ends.
        var isOver = false

        /// The file has ended; what it lacked counts as done, so that the line still ends at 100%.
        mutating func end(_ summary: TransferSummary) {
            self.doneFiles += 1
            self.doneBytes = self.doneBytes.adding(max(self.size ?? 0, summary.bytes))
            self.movedBytes += summary.bytes
            self.wireBytes += summary.wireBytes
            self.savedBytes += summary.savedBytes
            self.current = TransferSummary()
            self.size = nil
        }
    }

    private let messages: Messages
    private let clock: @Sendable () -> Double
    private let columns: @Sendable () -> Int
    private let write: @Sendable (String) -> Void
    private let state = Mutex(State())

    /// - Parameters:
    ///   - messages: how failures are worded.
    ///   - clock: seconds, never going back.
    ///   - columns: of the window, now.
    ///   - write: prints text as it is, without a line end.
    package init(
        messages: Messages,
        clock: @escaping @Sendable () -> Double,
        columns: @escaping @Sendable () -> Int,
        write: @escaping @Sendable (String) -> Void
    ) {
        self.messages = messages
        self.clock = clock
        self.columns = columns
        self.write = write
    }

    package var isLive: Bool { true }

    package func began(files: Int, bytes: UInt64?) {
        self.state.withLock { state in
            state.files = files
            state.total = bytes
            state.isTotalGiven = bytes != nil
            state.meter.add(0, at: self.clock())
        }
    }

    package func started(_ label: TransferLabel) {
        self.state.withLock { state in
            state.name = label.name
            self.draw(&state)
        }
    }

    package func sized(_ bytes: UInt64) {
        self.state.withLock { state in
            state.size = bytes
            if !state.isTotalGiven, state.files == 1 { state.total = bytes }
        }
    }

    package func progressed(_ summary: TransferSummary) {
        self.state.withLock { state in
            state.current = summary
            self.draw(&state)
        }
    }

    package func ticked() {
        self.state.withLock { state in self.draw(&state) }
    }

    package func finished(_ label: TransferLabel, _ summary: TransferSummary, seconds: Double) throws(FerryError) {
        self.state.withLock { state in
            state.end(summary)
            self.erase(&state)
            // The line of a single file stays as its result; of many there is only the job's.
            if state.files == 1 { self.write(FileText.line(label, summary, seconds: seconds) + "\n") }
        }
    }

    package func failed(_ label: TransferLabel?, _ error: FerryError) {
        self.state.withLock { state in
            if label != nil { state.end(state.current) }
            self.erase(&state)
            self.write(FailureText.line(label, error, self.messages) + "\n")
        }
    }

    package func changed(_ change: TreeChange, isVerification: Bool) throws(FerryError) {
        self.state.withLock { self.erase(&$0) }
        try StandardOutput.write(line: ChangeText.line(change, isVerification: isVerification))
    }

    package func skipped(_ label: TransferLabel) {
        self.state.withLock { state in
            self.erase(&state)
            self.write(SkippedText.line(label) + "\n")
        }
    }

    package func failedInside(_ label: TransferLabel, _ error: FerryError) {
        self.state.withLock { state in
            self.erase(&state)
            self.write(FailureText.line(label, error, self.messages) + "\n")
        }
    }

    package func ended(_ totals: JobTotals) throws(FerryError) {
        self.state.withLock { state in
            self.erase(&state)
            if let line = FileText.line(totals) { self.write(line + "\n") }
        }
    }

    package func interrupted() {
        self.state.withLock { state in
            self.erase(&state)
            state.isOver = true
        }
    }

    private func draw(_ state: inout State) {
        let now = self.clock()
        guard !state.isOver, now - state.drawnAt >= Self.interval else { return }
        state.drawnAt = now
        state.isDrawn = true
        let done = state.doneBytes.adding(state.current.bytes)
        let moved = state.movedBytes + state.current.bytes
        state.meter.add(moved, at: now)
        let text = ProgressText(
            name: state.name,
            index: min(state.doneFiles + 1, state.files),
            count: state.files,
            bytes: done,
            total: state.total,
            rate: state.meter.rate(moved, at: now),
            remaining: state.total.flatMap { state.meter.remaining($0 > done ? $0 - done : 0, from: moved, at: now) },
            ratio: Amounts.ratio(bytes: moved, wireBytes: state.wireBytes + state.current.wireBytes),
            saved: state.savedBytes + state.current.savedBytes
        )
        self.write("\r" + text.line(columns: self.columns()) + "\u{1B}[K")
    }

    private func erase(_ state: inout State) {
        guard state.isDrawn else { return }
        state.isDrawn = false
        state.drawnAt = -Double.infinity
        self.write("\r\u{1B}[K")
    }
}

extension UInt64 {
    /// The sum, or the largest number: a size is what a peer says it is.
    fileprivate func adding(_ other: UInt64) -> UInt64 {
        let (sum, overflow) = self.addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
