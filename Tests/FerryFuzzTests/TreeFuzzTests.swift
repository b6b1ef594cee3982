import Dispatch
import FerryChunking
import FerryErrors
import FerryFiles
import FerryProtocol
import FerryTestKit
import FerryTransfer
import FerryWire
import Foundation
import Glibc
import NIOCore
import Testing

/// What one side's frames of a tree, damaged, make of the other side.
@Suite struct TreeFuzzTests {
    // SAFETY: used by the test's thread only, but for the semaphore.
    private final class WakingSink: FrameSink, @unchecked Sendable {
        var frames: [Frame] = []
        let queuedBytes = 0
        let drainRate: Double? = nil
        private let woken = DispatchSemaphore(value: 0)

        func send(_ frame: Frame) { self.frames.append(frame) }
        func wake() { self.woken.signal() }
        func awaitWake() -> Bool { self.woken.wait(timeout: .now() + 10) == .success }

        func take() -> [Frame] {
            defer { self.frames = [] }
            return self.frames
        }
    }

    /// What is asked for: content and what belongs to it as ever, or all that a request may say besides.
    enum Wishes: CaseIterable {
        case plain, every

        var filter: TreeFilter {
            var filter = TreeFilter()
            guard self == .every, (try? filter.exclude("*.o".utf8)) != nil else { return filter }
            filter.minSize = 1
            return filter
        }

        var metadata: MetadataPolicy {
            var policy = MetadataPolicy()
            // A daemon keeps beside files what it may not set, so that no device comes into being here.
            (policy.isDaemon, policy.specials) = (self == .every, self == .every)
            return policy
        }
    }

    /// A directory with a source, a target and a file outside of both.
    private final class Place {
        let path = NSTemporaryDirectory() + "ferry-tree-fuzz-\(UUID().uuidString)"

        init() throws {
            for name in ["source/a/b", "source/c", "targets", "outside"] {
                try FileManager.default.createDirectory(
                    atPath: "\(self.path)/\(name)",
                    withIntermediateDirectories: true
                )
            }
            var noise = SeededGenerator(seed: 1)
            for (number, name) in ["a/one", "a/b/two", "c/three", "four", "empty", "large"].enumerated() {
                let count = name == "empty" ? 0 : name == "large" ? 400_000 : 100 + number
                TreeFixture.write("\(self.path)/source/\(name)", noise.bytes(count))
            }
            try FileManager.default.createSymbolicLink(
                atPath: "\(self.path)/source/link",
                withDestinationPath: "../outside"
            )
            try FileManager.default.linkItem(atPath: "\(self.path)/source/a/one", toPath: "\(self.path)/source/c/again")
            TreeFixture.write("\(self.path)/outside/file", [1])
            TreeFixture.write("\(self.path)/source/skip.o", [1])
            for (name, attribute, value) in [
                ("four", "user.x", [1, 2]), ("a", "user.y", []),
                ("a/b", TreeFixture.standardList, TreeFixture.list(user: 7)),
                ("c/three", TreeFixture.accessList, TreeFixture.list(user: 8)),
            ] { TreeFixture.setAttribute(Array("\(self.path)/source/\(name)".utf8), attribute, value) }
            try hold(mkfifo("\(self.path)/source/pipe", 0o644) == 0, "there is no FIFO")
        }

        deinit { try? FileManager.default.removeItem(atPath: self.path) }

        func target(_ number: UInt64, _ wishes: Wishes) throws -> String {
            let path = "\(self.path)/targets/\(number)"
            try FileManager.default.createDirectory(atPath: path + "/extra", withIntermediateDirectories: true)
            guard wishes == .every else { return path }
            for name in ["extra/file", "four", "gone", "skip.o"] { TreeFixture.write("\(path)/\(name)", [7]) }
            return path
        }

        func sender(_ wishes: Wishes) throws -> TreeSender {
            let top = try RootDirectory(path: "\(self.path)/source").openTree(.root)
            return TreeSender(
                TreeWalk(top, filter: wishes.filter, tellsLeftOut: wishes == .every),
                compression: .off,
                limits: FrameLimits(),
                metadata: wishes.metadata
            )
        }

        func receiver(_ path: String, _ wishes: Wishes, deletes: Bool) throws -> TreeReceiver {
            var options = TreeReceiver.Options()
            options.deletes = deletes
            options.filter = wishes.filter
            options.metadata = wishes.metadata
            (options.reports, options.tellsPeer) = (wishes == .every, wishes == .every)
            return TreeReceiver(
                try RootDirectory(path: path).openTree(.root),
                options: options,
                limits: FrameLimits()
            )
        }
    }

    /// Runs a transfer; returns what each side sent.
    private static func record(_ place: Place, _ wishes: Wishes) throws -> (sender: [Frame], receiver: [Frame]) {
        let sender = try place.sender(wishes)
        let receiver = try place.receiver(place.target(0, wishes), wishes, deletes: wishes == .every)
        let (out, back) = (WakingSink(), WakingSink())
        var sent: [Frame] = []
        var answered: [Frame] = []
        while true {
            let progress = try sender.proceed(sink: out)
            if progress == .finished { return (sent, answered) }
            let frames = out.take()
            for frame in frames { try receiver.received(frame, sink: back) }
            sent += frames
            while try receiver.proceed(sink: back) == .more {}
            let answers = back.take()
            for answer in answers { try sender.received(answer) }
            answered += answers
            if progress != .more, frames.isEmpty, answers.isEmpty { try hold(back.awaitWake(), "both sides wait") }
        }
    }

    @Test(arguments: Wishes.allCases) func aReceiverPutsNothingElsewhereAndNeverTraps(_ wishes: Wishes) throws {
        let place = try Place()
        let script = try Script(Self.record(place, wishes).sender)
        var finished = 0
        var number: UInt64 = 0
        try Script.run(wishes == .plain ? 400 : 250) { generator in
            number += 1
            let target = try place.target(number, wishes)
            defer { try? FileManager.default.removeItem(atPath: target) }
            let receiver = try place.receiver(target, wishes, deletes: generator.oneIn(2))
            let sink = WakingSink()
            do {
                for frame in script.damaged(&generator) {
                    try receiver.received(frame, sink: sink)
                    while try receiver.proceed(sink: sink) == .more {}
                }
                while case let progress = try receiver.proceed(sink: sink), progress == .more || progress == .working {
                    if progress == .working { try hold(sink.awaitWake(), "the receiver waits for nobody") }
                }
                if receiver.isFinished { finished += 1 }
                receiver.abandoned(FerryError(.connection, "over"))
            } catch let error as FerryError {
                receiver.abandoned(error)
                try error.judge(also: [.invalidPath, .notFound, .notADirectory])
            }
            try hold(
                try FileManager.default.contentsOfDirectory(atPath: place.path + "/outside") == ["file"],
                "something was put outside"
            )
            try hold(
                try FileManager.default.contentsOfDirectory(atPath: place.path).sorted() == [
                    "outside", "source", "targets",
                ],
                "something was put beside"
            )
        }
        #expect(finished > 0)
    }

    @Test(arguments: Wishes.allCases) func aSenderNeverTraps(_ wishes: Wishes) throws {
        let place = try Place()
        var frames = try Self.record(place, wishes).receiver
        if wishes == .every {
            let tells = frames.contains { if case .changes = $0.body { true } else { false } }
            #expect(tells, "nothing is told of changes")
            frames.insert(.problem(path: Array("a/one".utf8), FerryError(.permission, "no")), at: frames.count / 2)
        }
        let script = try Script(frames)
        try Script.run(2000) { generator in
            let sender = try place.sender(wishes)
            let sink = WakingSink()
            do {
                for frame in script.damaged(&generator) {
                    for _ in 0..<20 where try sender.proceed(sink: sink) == .more {}
                    try sender.received(frame)
                }
                for _ in 0..<20 where try sender.proceed(sink: sink) == .more {}
            } catch let error as FerryError {
                try error.judge()
            }
        }
    }
}
