import FerryErrors
import FerryServer
import FoundationEssentials
import Logging
import Synchronization
import Testing

@Suite struct LineLogHandlerTests {
    private final class Written: Sendable {
        private let lines = Mutex<[String]>([])
        var text: String { self.lines.withLock { $0.joined() } }

        func logger(_ format: LineLogHandler.Format, level: Logger.Level = .info) -> Logger {
            Logger(label: "test") { _ in
                LineLogHandler(
                    format: format,
                    level: level,
                    clock: { "2026-01-01T00:00:00Z" },
                    write: { line in self.lines.withLock { $0.append(line) } }
                )
            }
        }
    }

    private struct Event: Decodable, Equatable {
        let time: String
        let level: String
        let message: String
        let path: String
    }

    private let written = Written()

    @Test func aLineOfTextHasItsKeysInOrder() {
        self.written.logger(.text).info("push", metadata: ["user": "alice", "bytes": "12", "path": "inbox/a b"])
        #expect(self.written.text == "2026-01-01T00:00:00Z info push bytes=12 path=\"inbox/a b\" user=alice\n")
    }

    @Test func anEventWithoutValues() {
        self.written.logger(.text).warning("stopped")
        #expect(self.written.text == "2026-01-01T00:00:00Z warning stopped\n")
    }

    @Test func belowTheLevelNothingIsWritten() {
        let logger = self.written.logger(.text, level: .notice)
        logger.info("no")
        logger.notice("yes")
        #expect(self.written.text == "2026-01-01T00:00:00Z notice yes\n")
    }

    @Test func aLoggersOwnValuesComeWithEachLineAndTheEventsWin() {
        var logger = self.written.logger(.text)
        logger[metadataKey: "session"] = "1"
        logger[metadataKey: "user"] = "nobody"
        logger.info("x", metadata: ["user": "alice"])
        #expect(logger[metadataKey: "session"] == "1")
        #expect(self.written.text == "2026-01-01T00:00:00Z info x session=1 user=alice\n")
    }

    /// Values, and how they stand in a line of text.
    @Test(arguments: [
        ("", #""""#), ("plain", "plain"), ("a b", #""a b""#), ("a=b", #""a=b""#), (#"say "hi""#, #""say \"hi\"""#),
        ("a\nb", #"a\x0Ab"#), ("\u{1B}[2J", #"\x1B[2J"#), ("\u{9B}2J", #"\u{9b}2J"#), ("\u{202E}x", #"\u{202e}x"#),
        ("\u{2028}", #"\u{2028}"#), ("\u{7F}", #"\x7F"#), ("Grüße", "Grüße"),
        // What was escaped before stays as it is, also beside what was not.
        (#"a\x0Ab"#, #"a\x0Ab"#), ("a\\x0Ab\n", #"a\x0Ab\x0A"#),
        // A quote that a combining mark makes part of a larger character still is one.
        ("x\"\u{301} user=root", "\"x\\\"\u{301} user=root\""),
    ])
    func valuesAsText(_ value: String, _ shown: String) {
        self.written.logger(.text).info("x", metadata: ["key": "\(value)"])
        #expect(self.written.text == "2026-01-01T00:00:00Z info x key=\(shown)\n")
    }

    @Test(arguments: [
        "plain", "", "say \"hi\"", "a\nb\u{0}\u{1F}\u{7F}", "back\\slash", "\u{9B}\u{2028}\u{202E}", "漢字 😀",
    ])
    func jsonReadsBackAndIsOneHarmlessLine(_ value: String) throws {
        self.written.logger(.json).info("push", metadata: ["path": "\(value)"])
        let text = self.written.text
        let event = try JSONDecoder().decode(Event.self, from: Data(text.utf8))
        #expect(event == Event(time: "2026-01-01T00:00:00Z", level: "info", message: "push", path: value))
        #expect(text.dropLast().unicodeScalars.allSatisfy { $0 == "\\" || Escaping.escape("\($0)") == "\($0)" })
        #expect(text.hasSuffix("}\n"))
    }

    @Test func messagesAreEscapedToo() {
        self.written.logger(.text).info("a\nb")
        self.written.logger(.json).info("a\nb")
        #expect(
            self.written.text == """
                2026-01-01T00:00:00Z info a\\x0Ab
                {"time":"2026-01-01T00:00:00Z","level":"info","message":"a\\u000ab"}

                """
        )
    }
}
