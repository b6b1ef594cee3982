import FerryChunking
import FerryCommands
import FerryErrors
import FerryFiles
import FerryProtocol
import FerryTestKit
import FerryTransfer
import FerryWire
import FoundationEssentials
import NIOCore
import Testing

/// Headers, each in a frame whose lengths are true, so that damage reaches the messages.
@Suite struct MessageFuzzTests {
    private static let tokens = ["\u{1B}[2J", "\u{202E}", "\u{61C}", "..", "/", "\0", "yreF", "\\x1B", "inbox/a"]

    @Test func aMessageThatIsReadIsWrittenAndReadTheSame() throws {
        let fuzz = try Fuzz("message", tokens: Self.tokens)
        try fuzz.run(mutants: 20_000) { header, _ in
            guard let frame = Frame.parsing(header: header), let again = try? frame.encoded() else { return }
            let second = Decoding(Array(again.readableBytesView))
            try hold(second.frames == [frame], "read again it is \(second)")
        }
    }

    /// What either side makes of a message before it acts on it.
    @Test func whatIsMadeOfAMessageIsChecked() throws {
        let fuzz = try Fuzz("message", tokens: Self.tokens)
        let trees = try TreeJudge()
        try fuzz.run(mutants: 20_000) { header, _ in
            guard let frame = Frame.parsing(header: header) else { return }
            switch frame.body {
            case .hello(let hello): try Self.judge(hello.limits)
            case .welcome(let welcome): try Self.judge(welcome.limits)
            case .failure(let failure): try Self.judge(failure)
            case .push(let push): try Self.judge(push.metadata)
            case .pull(let pull): try Self.judge(pull.oldMetadata)
            case .pushTree(let push): try trees.judge(push.options)
            case .pullTree(let pull): try trees.judge(pull.options)
            case .ready(let ready): try Self.judge(ready.metadata)
            case .entries(let entries): for entry in entries.entries { try Self.judge(entry) }
            case .names(let names):
                try Self.judge(ids: names.ids)
                for note in names.notes {
                    if note.hasFailure { try Self.judge(note.failure) }
                    try Self.judge(note.metadata)
                }
            case .wants(let wants): try Self.judge(ids: wants.ids)
            case .block(let block): try Self.judge(ids: block.ids)
            case .items(let items):
                try trees.judge(items)
                for note in items.notes where note.hasFailure { try Self.judge(note.failure) }
            case .needs(let needs): try trees.judge(needs)
            case .problems(let problems):
                for problem in problems.problems {
                    try Self.judge(problem.failure)
                    try Shown.judge(Escaping.escape(problem.path), "the path of a problem")
                }
            case .changes(let changes): for change in changes.changes { try trees.judge(change) }
            case .findings(let findings): try Self.judge(findings)
            case .differences(let differences): try Self.judge(differences)
            default: break
            }
        }
    }

    private static func judge(_ message: WireLimits) throws {
        do {
            let limits = try FrameLimits(peer: message)
            try hold(limits.header == WireConstants.headerLimit, "headers of \(limits.header) bytes would be sent")
            try hold(limits.payload == WireConstants.payloadLimit, "payloads of \(limits.payload) would be sent")
            try hold((16...(1 << 16)).contains(limits.nameWindow), "\(limits.nameWindow) names would be outstanding")
            try hold(((1 << 20)...(64 << 20)).contains(limits.blockWindow), "a window of \(limits.blockWindow)")
        } catch let error as FerryError {
            try hold(error.code == .limit, "limits are refused with \(error.code)")
        }
    }

    /// A failure's text is shown to people, and its code decides how a program ends.
    private static func judge(_ failure: WireFailure) throws {
        let error = FerryError(peer: failure)
        try Shown.judge("\(error)", "the failure's text")
        try Shown.judge(error.details, "the failure's details")
        try hold(
            error.message.unicodeScalars.count <= 10_000,
            "a message of \(error.message.utf8.count) bytes is shown"
        )
        try hold(error.code.rawValue.allSatisfy { $0 == "-" || ("a"..."z").contains($0) }, "the code \(error.code)")
        try hold(error.origin == .remote, "a peer's failure is taken for this side's")
        try hold(ExitStatus(error) != .done, "a failure ends with success")
        _ = try Frame.failure(error).encoded()
    }

    private static func judge(_ metadata: WireMetadata) throws {
        do {
            try hold(try metadata.modified().nanoseconds < 1_000_000_000, "a second has more nanoseconds")
        } catch let error as FerryError {
            try hold(error.code == .violation, "a time is refused with \(error.code)")
        }
    }

    private static func judge(_ entry: WireEntry) throws {
        let text = EntryText(entry)
        for line in [text.short, text.long, text.json(), text.json(path: "nas:inbox")] {
            try Shown.judge(line, "a line of a listing")
        }
        for line in text.full("nas:inbox").split(separator: "\n") {
            try Shown.judge(String(line), "a line about a file")
        }
    }

    /// Put together in every way, and kept as few at a time as there may be.
    private static func judge(_ findings: WireFindings) throws {
        let ways = [FoundVersions(.versions), FoundVersions(.versions, limit: 1), FoundVersions(.snapshots, limit: 1)]
        for way in ways {
            do {
                try self.judge(findings.findings, way)
            } catch let error as FerryError {
                try hold(error.code == .tooLarge, "what was found is refused with \(error.code)")
            }
        }
    }

    private static func judge(_ findings: [WireFinding], _ way: FoundVersions) throws {
        var versions = way
        for finding in findings { try self.take(finding, &versions) }
        try versions.finish(write: self.show)
    }

    private static func take(_ finding: WireFinding, _ versions: inout FoundVersions) throws {
        switch finding.what {
        case .searched(let searched): try versions.begin(searched, write: self.show)
        case .found(let found): try versions.add(found, write: self.show)
        case .gone(let path): versions.remove(path)
        case .problem(let problem): try self.judge(problem.failure)
        case nil: break
        }
    }

    private static func show(_ version: FoundVersion) throws(FerryError) {
        let text = FoundText(version)
        do {
            try Shown.judge(text.line, "a line about what was found")
            try Shown.judge(text.json, "an event about what was found")
        } catch { throw FerryError(.internalError, "\(error)") }
    }

    private static func judge(_ differences: WireDifferences) throws {
        var totals = DifferenceTotals()
        for difference in differences.differences {
            let text = DifferenceText(difference)
            totals.add(text)
            for line in [text.line(isLong: true), text.line(isLong: false), text.json] {
                try Shown.judge(line, "a line about a difference")
            }
        }
        try Shown.judge(totals.text, "the sum of differences")
    }

    private static func judge(ids: Data) throws {
        do {
            try hold(ChunkID.pack(try ChunkID.unpack(ids)) == ids, "ids are packed differently")
        } catch let error as FerryError {
            try hold(error.code == .violation && !ids.count.isMultiple(of: 32), "\(ids.count) bytes are refused")
        }
    }
}
