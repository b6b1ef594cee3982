import Dispatch
import FerryChunking
import FerryErrors
import FerryFiles
import FerryProtocol
import FerryTestKit
import FerryTransfer
import FerryWire
import Foundation
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
        }

        deinit { try? FileManager.default.removeItem(atPath: self.path) }

        func target(_ number: UInt64) throws -> String {
            let path = "\(self.path)/targets/\(number)"
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            return path
        }

        func sender() throws -> TreeSender {
            let top = try RootDirectory(path: "\(self.path)/source").openTree(.root)
            return TreeSender(TreeWalk(top), compression: .off, limits: FrameLimits())
        }

        func receiver(_ path: String, deletes: Bool = false) throws -> TreeReceiver {
            var options = TreeReceiver.Options()
            options.deletes = deletes
            return TreeReceiver(
                try RootDirectory(path: path).openTree(.root),
                options: options,
                limits: FrameLimits()
            )
        }
    }

    /// Runs a transfer; returns what each side sent.
    private static func record(_ place: Place) throws -> (sender: [Frame], receiver: [Frame]) {
        let (sender, receiver) = (try place.sender(), try place.receiver(place.target(0)))
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

    @Test func aReceiverPutsNothingElsewhereAndNeverTraps() throws {
        let place = try Place()
        let script = try Script(Self.record(place).sender)
        var finished = 0
        var number: UInt64 = 0
        try Script.run(400) { generator in
            number += 1
            let target = try place.target(number)
            defer { try? FileManager.default.removeItem(atPath: target) }
            let receiver = try place.receiver(target, deletes: generator.oneIn(2))
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

    @Test func aSenderNeverTraps() throws {
        let place = try Place()
        let script = try Script(Self.record(place).receiver)
        try Script.run(2000) { generator in
            let sender = try place.sender()
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
