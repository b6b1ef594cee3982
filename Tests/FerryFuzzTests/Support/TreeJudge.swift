import FerryCommands
import FerryErrors
import FerryFiles
import FerryProtocol
import FerryTestKit
import FerryTransfer
import FerryWire
import Foundation

/// What either side makes of one message of a tree, with a small tree to tell of and an empty one to compare with.
final class TreeJudge {
    // SAFETY: used by the test's thread only.
    private final class Events: @unchecked Sendable {
        var changed: [TreeChange] = []
        var failed: [(path: [UInt8], error: FerryError)] = []
    }

    private let directory = try? TemporaryDirectory()
    private let source: OpenDirectory
    private let target: OpenDirectory

    init() throws {
        let path = try self.directory?.path ?? { throw Broken(description: "there is no room for a tree") }()
        for name in ["source/a", "target"] {
            try FileManager.default.createDirectory(atPath: "\(path)/\(name)", withIntermediateDirectories: true)
        }
        for name in ["a/one", "two", "three"] { TreeFixture.write("\(path)/source/\(name)", Array(name.utf8)) }
        self.source = try RootDirectory(path: path + "/source").openTree(.root)
        self.target = try RootDirectory(path: path + "/target").openTree(.root)
    }

    /// A receiver that changes nothing refuses what leads elsewhere, and tells only of what lies in the tree.
    func judge(_ items: WireItems) throws {
        var options = TreeReceiver.Options()
        (options.isDryRun, options.reports, options.tellsPeer) = (true, true, true)
        let events = Events()
        let onEvent: TreeEvents = { event in
            if case .changed(let change) = event { events.changed.append(change) }
            if case .failed(let path, let error) = event { events.failed.append((path, error)) }
        }
        let receiver = TreeReceiver(self.target, options: options, limits: FrameLimits(), onEvent: onEvent)
        let sink = Sink()
        do throws(FerryError) {
            try receiver.received(Frame(.items(items)), sink: sink)
            while try receiver.proceed(sink: sink) == .more {}
        } catch {
            receiver.abandoned(error)
            try hold([.violation, .limit].contains(error.code), "items are refused with \(error)")
            try Shown.judge("\(error)", "the refusal")
        }
        for change in events.changed { try Self.judge(path: change.path) }
        for (path, error) in events.failed {
            try Self.judge(path: path)
            try Shown.judge("\(error)", "what failed")
        }
        for frame in sink.frames { _ = try frame.encoded() }
    }

    private static func judge(path: [UInt8]) throws {
        for name in path.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) where !path.isEmpty {
            let isName = (1...255).contains(name.count) && !name.contains(0) && !name.elementsEqual("..".utf8)
            try hold(isName && !name.elementsEqual(".".utf8), "\(Escaping.escape(path)) is taken for a path")
        }
    }

    /// A sender reads only files that it told of, each once.
    func judge(_ needs: WireNeeds) throws {
        let sender = TreeSender(TreeWalk(self.source), compression: .off, limits: FrameLimits())
        let sink = Sink()
        for _ in 0..<10 where try sender.proceed(sink: sink) == .more {}
        let modes = sink.frames.flatMap { frame -> [UInt32] in
            if case .items(let items) = frame.body { items.modes } else { [] }
        }
        do throws(FerryError) {
            try sender.received(Frame(.needs(needs)))
            for _ in 0..<10 where try sender.proceed(sink: sink) == .more {}
        } catch {
            return try hold(error.code == .violation, "needs are refused with \(error)")
        }
        try hold(needs.decided <= modes.count, "\(needs.decided) of \(modes.count) things are decided")
        try hold(zip(needs.items, needs.items.dropFirst()).allSatisfy { $0 < $1 }, "\(needs.items) are needed")
        for item in needs.items {
            let isFile = item < needs.decided && modes[Int(item)] & 0o170000 == 0o100000
            try hold(isFile, "the content of what is no file is needed")
        }
        for frame in sink.frames { _ = try frame.encoded() }
    }

    /// What the receiver changes is shown, and told again as it was.
    func judge(_ change: WireChange) throws {
        let known = TreeChange(change)
        if known.path.count <= 48 << 10 { try hold(TreeChange(known.wire) == known, "it is told as \(known.wire)") }
        let lines = JSONLines(messages: Messages(program: "ferry")) { line throws(FerryError) in
            do { try Shown.judge(line, "a change in JSON") } catch { throw FerryError(.internalError, "\(error)") }
        } error: { _ in
        }
        for isVerification in [false, true] {
            let line = ChangeText.line(known, isVerification: isVerification)
            try Shown.judge(line, "a line about a change")
            try lines.changed(known, isVerification: isVerification)
        }
    }

    func judge(_ options: WireTreeOptions) throws {
        do throws(FerryError) { _ = try TreeFilter(options.filter) } catch {
            try hold([.usage, .configuration].contains(error.code), "a filter is refused with \(error.code)")
            try Shown.judge("\(error)", "the refusal of a filter")
        }
    }
}
