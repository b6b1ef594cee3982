import FerryCommands
import FerryErrors
import Testing

@Suite struct MessagesTests {
    private let error = FerryError(
        .notFound,
        "cannot read inbox/x: no such file",
        remedy: "see `ferry ls nas:inbox`",
        cause: FerryError(.inputOutput, "the disk says no"),
        origin: .remote
    )

    @Test func isOneLine() {
        let text = Messages(program: "ferry").text(for: self.error)
        #expect(text == "ferry: cannot read inbox/x: no such file; see `ferry ls nas:inbox`")
        let bare = Messages(program: "ferryd").text(for: FerryError(.busy, "it is busy"))
        #expect(bare == "ferryd: it is busy")
    }

    @Test func namesTheSubjectEscaped() {
        let text = Messages(program: "ferry").text(for: FerryError(.busy, "busy"), about: "a\u{1B}[2J\nb")
        #expect(text == "ferry: a\\x1B[2J\\x0Ab: busy")
    }

    @Test func verboseAddsCodePlaceAndCauses() {
        let lines = Messages(program: "ferry", isVerbose: true).text(for: self.error).split(separator: "\n")
        #expect(lines.count == 3)
        #expect(lines[1].hasPrefix("  code not-found at FerryCommandsTests/MessagesTests.swift:"))
        #expect(lines[2] == "  caused by: the disk says no")
    }

    @Test func jsonIsOneObject() {
        let text = Messages(program: "ferry", isJSON: true).text(for: self.error, about: "x\"\n")
        #expect(
            text == """
                {"error":{"code":"not-found","exit":6,"message":"cannot read inbox/x: no such file","origin":"remote",\
                "program":"ferry","remedy":"see `ferry ls nas:inbox`","subject":"x\\"\\\\x0A"}}
                """
        )
        let bare = Messages(program: "ferry", isJSON: true).text(for: FerryError(.busy, "busy"))
        #expect(
            bare == #"{"error":{"code":"busy","exit":1,"message":"busy","origin":"local","program":"ferry"}}"#
        )
        let verbose = Messages(program: "ferry", isVerbose: true, isJSON: true).text(for: self.error)
        #expect(!verbose.contains("\n"))
        #expect(verbose.contains(#""details":"code not-found at "#))
    }

    @Test func shapesOtherErrors() {
        struct Odd: Error, CustomStringConvertible { let description = "two\nlines" }
        let messages = Messages(program: "ferry")
        #expect(messages.text(for: Odd()) == "ferry: two\\x0Alines")
        #expect(messages.text(for: CancellationError()) == "ferry: cancelled")
    }
}
