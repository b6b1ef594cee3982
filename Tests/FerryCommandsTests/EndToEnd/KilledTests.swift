import FerryTestKit
import FerryWire
import Foundation
import Glibc
import NIOCore
import Synchronization
import Testing

/// SIGKILL of the daemon and of the client at each stage of a push and a pull: the old file or the new one is there, whole, and
/// the same command finishes the work with what is there already.
@Suite(.serialized) struct KilledTests {
    enum Direction: String, CaseIterable, Sendable { case push, pull }

    enum Victim: String, CaseIterable, Sendable { case client, daemon }

    /// How far the transfer is when the killed process dies, by the frames that have passed.
    enum Stage: String, CaseIterable, Sendable {
        /// The login was answered, and the request does not arrive.
        case loggedIn
        /// The first block has passed, and no other.
        case begun
        /// More than half of the file has passed.
        case within
        /// All of it has passed, and what says so does not arrive: nothing is synced, nothing has its name.
        case complete
        /// The receiver knows that it has all: it syncs and renames, or has just done so.
        case publishing
        /// The new file is durable and has its name, and nobody is told.
        case unconfirmed
    }

    private static let size = 16 << 20
    /// Bytes of the longest chunk of such a file: of the last one only a part may have been written.
    private static let chunk = 256 << 10

    /// Holds back what would take the transfer past the stage.
    private static func judge(_ stage: Stage, _ direction: Direction) -> FrameRelay.Judge {
        let passed = Mutex(0)
        // Other answers than a transfer's finish, too.
        let isComplete = Atomic(false)
        return { _, frame in
            switch frame.body {
            case .push, .pull: return stage == .loggedIn ? .hold : .pass
            case .block:
                let before = passed.withLock { passed in
                    defer { passed += frame.payload.readableBytes }
                    return passed
                }
                let isOver = stage == .begun && before > 0 || stage == .within && before > Self.size / 2
                return isOver ? .hold : .pass
            case .end:
                isComplete.store(true, ordering: .releasing)
                return stage == .complete ? .hold : stage == .publishing ? .tell : .pass
            case .finished where isComplete.load(ordering: .acquiring):
                return stage == .publishing || stage == .unconfirmed ? .hold : .pass
            default: return .pass
            }
        }
    }

    /// What became of one kill.
    private struct Outcome {
        /// Whether it came in time.
        let isHit: Bool
        /// Whether the new file had its name.
        let isNew: Bool
    }

    /// Where a transfer goes, and what is there.
    private struct Target {
        let directory: String
        let old: Data
        let new: Data

        func content() throws -> Data { try Data(contentsOf: URL(fileURLWithPath: self.directory + "/copy")) }

        func partial() throws -> String? {
            try FileManager.default.contentsOfDirectory(atPath: self.directory).first {
                $0.hasPrefix(".ferry-part.")
            }
        }

        /// Bytes of the new version that are there in one file or the other.
        func kept() throws -> Int {
            if try self.content() == self.new { return self.new.count }
            guard let name = try self.partial() else { return 0 }
            let attributes = try FileManager.default.attributesOfItem(atPath: "\(self.directory)/\(name)")
            return try #require(attributes[.size] as? Int)
        }
    }

    private static func kill(
        _ victim: Victim,
        _ direction: Direction,
        at stage: Stage,
        _ daemon: TestDaemon,
        delay: Int
    ) async throws -> Outcome {
        let (old, new) = (TestDaemon.noise(Self.size / 2, seed: 5), TestDaemon.noise(Self.size, seed: 6))
        let target = Target(directory: direction == .push ? daemon.share : daemon.here, old: old, new: new)
        try new.write(to: URL(fileURLWithPath: (direction == .push ? daemon.here : daemon.share) + "/file"))
        try old.write(to: URL(fileURLWithPath: target.directory + "/copy"))
        let operands: (String) -> [String] = {
            direction == .push ? ["file", "\($0):inbox/copy"] : ["\($0):inbox/file", "copy"]
        }
        let command = [direction.rawValue, "--compress", "off", "--json"]

        let relay = try await FrameRelay(to: daemon.plainPort(), Self.judge(stage, direction))
        try await daemon.logIn("far", port: relay.port, pin: relay.pin)
        let client = try daemon.start("ferry", command + operands("far"))
        await relay.reached()
        // Somewhere between the sync and what follows the new name.
        if stage == .publishing { for _ in 0..<delay { sched_yield() } }
        if victim == .client { client.send(SIGKILL) } else { daemon.kill() }
        let status = await client.status()
        if victim == .daemon {
            _ = await daemon.stop()
        } else if direction == .push, stage != .loggedIn {
            // The daemon notices the end of the killed client's connection at its own time.
            _ = try await daemon.log.text(matching: #" push (failed )?[^\n]*path="?inbox/copy"#)
        }
        try await relay.close()

        let there = try target.content()
        switch stage {
        case .loggedIn, .begun, .within, .complete: #expect(there == old, "\(stage)")
        case .publishing: #expect(there == new || there == old && status != 0, "\(stage)")
        case .unconfirmed: #expect(there == new, "\(stage)")
        }
        let kept = try target.kept()
        // A window of 4 MiB may have been on its way, and 1 MiB collected for one write.
        let least = stage == .within ? Self.size / 2 - 5 << 20 : stage == .complete ? Self.size - 5 << 20 : 0
        #expect(kept >= least, "\(stage): \(kept) bytes are kept")
        try await daemon.again(isKilled: victim == .daemon) {
            let again = try await daemon.run("ferry", command + operands("nas"))
            #expect(again.status == 0, "\(stage): \(again.errors)")
            let saved = try #require(try again.events().compactMap { $0["savedBytes"] as? Int }.last)
            #expect(saved >= (kept == Self.size ? kept : kept - Self.chunk), "\(stage): \(saved) of \(kept) bytes")
        }
        #expect(try target.content() == new, "\(stage)")
        #expect(try target.partial() == nil, "\(stage)")
        return Outcome(isHit: victim == .daemon || status == 128 + SIGKILL, isNew: there == new)
    }

    @Test(arguments: Direction.allCases, Victim.allCases)
    func theOldFileOrTheNewOneIsThereWhole(_ direction: Direction, _ victim: Victim) async throws {
        let name = "the \(victim) killed in a \(direction)"
        var generator = SeededGenerator(seed: Soak.seed(name))
        let wanted = Soak.count(1, soak: 50)
        // A client that has pulled a file does not wait for anybody.
        let stages = Stage.allCases.filter { $0 != .unconfirmed || direction == .push || victim == .daemon }
        var counts: [String] = []
        for stage in stages {
            var (hits, renamed) = (0, 0)
            // A kill while it publishes may come too late; that many tries must give so many hits.
            for _ in 0..<4 * wanted where hits < wanted {
                // As often short as long: the rename comes within a millisecond or within many, as the disk has it.
                let delay = (1 << generator.below(15)) - 1
                try await TestDaemon.with(settings: ["FERRY_LISTEN_PLAIN": "127.0.0.1:0"]) { daemon in
                    let outcome = try await Self.kill(victim, direction, at: stage, daemon, delay: delay)
                    if outcome.isHit { hits += 1 }
                    if outcome.isNew { renamed += 1 }
                }
            }
            #expect(hits == wanted, "\(stage)")
            counts.append("\(stage): \(hits) (\(renamed) after the rename)")
        }
        print("\(name), \(counts.joined(separator: ", "))")
    }
}
