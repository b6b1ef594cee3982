import FerryCommands
import FerryErrors
import FoundationEssentials
import Testing

@Suite struct ExitStatusTests {
    // swift-testing has an ExitStatus of its own.
    typealias Status = FerryCommands.ExitStatus
    typealias Code = FerryError.Code

    @Test func theNumbersAreFixed() {
        #expect(Status.allCases.map(\.rawValue) == [0, 1, 3, 4, 5, 6, 7, 8, 64, 130])
    }

    @Test(arguments: [
        (Code.usage, Status.usage, Status.refused),
        (.invalidPath, .usage, .refused),
        (.configuration, .usage, .refused),
        (.notFound, .failed, .refused),
        (.exists, .failed, .refused),
        (.notAFile, .failed, .refused),
        (.notADirectory, .failed, .refused),
        (.notEmpty, .failed, .refused),
        (.permission, .failed, .refused),
        (.readOnly, .failed, .refused),
        (.noSpace, .failed, .refused),
        (.inputOutput, .failed, .refused),
        (.sourceChanged, .failed, .refused),
        (.busy, .failed, .refused),
        (.authentication, .authentication, .authentication),
        (.denied, .failed, .refused),
        (.locked, .failed, .refused),
        (.newerState, .failed, .refused),
        (.wrongPin, .authentication, .authentication),
        (.violation, .connection, .connection),
        (.limit, .connection, .refused),
        (.tooLarge, .failed, .refused),
        (.integrity, .integrity, .integrity),
        (.unsupported, .failed, .refused),
        (.connection, .connection, .connection),
        (.timeout, .connection, .connection),
        (.shuttingDown, .connection, .connection),
        (.cancelled, .cancelled, .connection),
        (.internalError, .failed, .refused),
        (Code(rawValue: "from-the-future"), .failed, .refused),
    ])
    func followsCodeAndOrigin(_ code: Code, _ local: Status, _ remote: Status) {
        #expect(Status(FerryError(code, "x")) == local)
        #expect(Status(FerryError(code, "x", origin: .remote)) == remote)
    }

    @Test func otherErrorsFailHere() {
        struct Unknown: Error {}
        #expect(Status(Unknown()) == .failed)
        #expect(Status(CancellationError()) == .cancelled)
    }

    @Test func thePageHoldsTheTable() throws {
        let page = URL(filePath: #filePath).appending(path: "../../../Docs/exit-codes.md").standardized
        let text = try String(contentsOf: page, encoding: .utf8)
        let parts = text.components(separatedBy: "<!-- codes -->\n")
        #expect(parts.count == 3)
        #expect(parts.dropFirst().first == Status.markdown)
    }
}
