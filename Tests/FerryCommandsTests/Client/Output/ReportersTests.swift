import FerryCommands
import FerryErrors
import FerryProtocol
import Foundation
import Synchronization
import Testing

@Suite struct ReportersTests {
    private final class Output: Sendable {
        private let written = Mutex("")
        let time = Mutex(0.0)

        var text: String { self.written.withLock { $0 } }

        func write(_ text: String) { self.written.withLock { $0 += text } }
    }

    private let output = Output()
    private let messages = Messages(program: "ferry")
    private let label = TransferLabel(direction: .push, local: Array("dir/a".utf8), remote: "nas:inbox/a")
    private let lost = FerryError(.connection, "nas closed the connection")

    private func summary(_ bytes: UInt64, _ wireBytes: UInt64) -> TransferSummary {
        var summary = TransferSummary()
        summary.bytes = bytes
        summary.wireBytes = wireBytes
        return summary
    }

    private func progressLine() -> ProgressLine {
        let output = self.output
        return ProgressLine(
            messages: self.messages,
            clock: { output.time.withLock { $0 } },
            columns: { 80 },
            write: { output.write($0) }
        )
    }

    /// A size is what the daemon says it is.
    @Test func sizesBeyondAllNumbersAreShownAndDoNotTrap() throws {
        let line = self.progressLine()
        line.began(files: 3, bytes: nil)
        for index in 0..<3 {
            self.output.time.withLock { $0 = Double(index) }
            line.started(self.label)
            line.sized(.max)
            line.progressed(self.summary(1000, 1000))
            line.failed(self.label, self.lost)
        }
        #expect(self.output.text.contains("nas closed the connection"))
    }

    @Test func plainLinesNameFilesAndJob() throws {
        let output = self.output
        let lines = PlainLines(messages: self.messages) { output.write($0 + "\n") }
        try lines.finished(self.label, self.summary(2_000_000, 1_000_000), seconds: 0.5)
        lines.failed(self.label, self.lost)
        var totals = JobTotals()
        totals.add(self.summary(2_000_000, 1_000_000))
        totals.seconds = 0.5
        try lines.ended(totals)
        totals.failed = 1
        try lines.ended(totals)
        #expect(
            output.text == """
                dir/a -> nas:inbox/a: 2.0 MB in 500 ms, 4.0 MB/s, ratio 2.00
                ferry: dir/a: nas closed the connection
                1 file, 1 failed: 2.0 MB in 500 ms, 4.0 MB/s, ratio 2.00

                """
        )
    }

    @Test func aFailureThatNamesTheFileIsNotDoubled() {
        let output = self.output
        let lines = QuietLines(messages: self.messages) { output.write($0 + "\n") }
        lines.failed(self.label, FerryError(.notFound, "cannot read dir/a: no such file"))
        lines.failed(nil, self.lost)
        #expect(output.text == "ferry: cannot read dir/a: no such file\nferry: nas closed the connection\n")
    }

    @Test func theLineIsRewrittenTenTimesASecond() throws {
        let line = self.progressLine()
        line.began(files: 1, bytes: 1000)
        line.started(self.label)
        line.sized(1000)
        for step in 1...50 {
            self.output.time.withLock { $0 = Double(step) / 64 }
            line.progressed(self.summary(UInt64(step * 10), UInt64(step * 10)))
        }
        let drawings = self.output.text.split(separator: "\r")
        #expect(drawings.count == 8)
        #expect(drawings.allSatisfy { $0.hasSuffix("\u{1B}[K") && $0.hasPrefix("a  ") })
        #expect(drawings.last == "a  49%  490 B of 1.0 kB  640 B/s  ETA 0:01  ratio 1.00\u{1B}[K")
        try line.finished(self.label, self.summary(1000, 1000), seconds: 1)
        #expect(
            self.output.text.hasSuffix(
                "\r\u{1B}[Kdir/a -> nas:inbox/a: 1.0 kB in 1.00 s, 1.0 kB/s, ratio 1.00\n"
            )
        )
        // What is erased is not erased again.
        let text = self.output.text
        line.interrupted()
        try line.ended(JobTotals())
        #expect(self.output.text == text)
    }

    @Test func nothingIsDrawnAfterAnInterruption() {
        let line = self.progressLine()
        line.began(files: 1, bytes: 1000)
        line.started(self.label)
        line.interrupted()
        self.output.time.withLock { $0 = 1 }
        line.progressed(self.summary(10, 10))
        line.ticked()
        #expect(self.output.text.hasSuffix("\u{1B}[K\r\u{1B}[K"))
    }

    @Test func failuresStandOnLinesOfTheirOwn() throws {
        let line = self.progressLine()
        line.began(files: 2, bytes: 2000)
        line.started(self.label)
        line.sized(1000)
        line.failed(self.label, self.lost)
        #expect(self.output.text.hasSuffix("\r\u{1B}[Kferry: dir/a: nas closed the connection\n"))
        line.started(self.label)
        // The failed file counts as done with, so that the line still reaches 100%, and not as moved.
        #expect(self.output.text.hasSuffix("\r[2/2] a  50%  1.0 kB of 2.0 kB  0 B/s  ratio -\u{1B}[K"))
    }

    @Test func linesOfJSONAreComplete() throws {
        let output = self.output
        let lines = JSONLines(
            messages: self.messages,
            output: { line throws(FerryError) in output.write(line + "\n") },
            error: { output.write("error: \($0)\n") }
        )
        let odd = TransferLabel(direction: .pull, local: [0x61, 0xFF, 0x5C], remote: "nas:inbox/x")
        try lines.finished(odd, self.summary(3, 0), seconds: 0.1234567)
        lines.failed(odd, FerryError(.notFound, "no \"x\"", remedy: "look", origin: .remote))
        try lines.ended(JobTotals())
        #expect(
            output.text == #"""
                {"bytes":3,"direction":"pull","event":"transfer","local":"a\\xFF\\\\","path":"nas:inbox/x",\#
                "savedBytes":0,"seconds":0.123457,"unchanged":false,"wireBytes":0}
                error: ferry: nas:inbox/x: no "x"; look
                {"code":"not-found","event":"error","exit":6,"local":"a\\xFF\\\\","message":"no \"x\"",\#
                "origin":"remote","path":"nas:inbox/x","remedy":"look"}
                {"bytes":0,"event":"summary","failed":0,"files":0,"savedBytes":0,"seconds":0,"wireBytes":0}

                """#
        )
    }
}
