import FerryTestKit
import FerryWire
import Foundation
import Glibc
import NIOCore
import Synchronization
import Testing

/// SIGKILL of the daemon and of the client at each stage of a backup: what was acknowledged restores bit for bit, the repository is
/// clean, there is a whole snapshot or none, and the next run goes on with what is there.
@Suite(.serialized) struct KilledBackupTests {
    enum Victim: String, CaseIterable, Sendable { case client, daemon }

    /// How far the backup is when the killed process dies, by the frames that have passed.
    enum Stage: String, CaseIterable, Sendable {
        /// The login was answered, and the request does not arrive.
        case loggedIn
        /// The repository is open, and no name arrives.
        case begun
        /// Names have passed, and no block.
        case named
        /// More than a pack has passed.
        case within
        /// All data has, and no node.
        case nodes
        /// All has, and the commit does not arrive.
        case complete
        /// The commit has arrived: packs are synced, their index is written, the snapshot gets its name, or has it already.
        case committing
        /// The snapshot is durable, and nobody is told.
        case unconfirmed
    }

    /// More than a pack of 32 MiB and the window; where no pack need be full, much less.
    private static func size(_ stage: Stage) -> Int { stage == .within || stage == .complete ? 48 << 20 : 3 << 20 }
    private static let enough = 40 << 20

    private static func judge(_ stage: Stage) -> FrameRelay.Judge {
        let passed = Mutex(0)
        let isCommitted = Atomic(false)
        return { _, frame in
            switch frame.body {
            case .backup: return stage == .loggedIn ? .hold : .pass
            case .names: return stage == .begun ? .hold : .pass
            case .block(let block):
                let before = passed.withLock { passed in
                    defer { passed += frame.payload.readableBytes }
                    return passed
                }
                let isOver = stage == .within && before > Self.enough || stage == .nodes && block.nodes
                return stage == .named || isOver ? .hold : .pass
            case .commit:
                isCommitted.store(true, ordering: .releasing)
                return stage == .complete ? .hold : stage == .committing ? .tell : .pass
            case .finished where isCommitted.load(ordering: .acquiring):
                return stage == .committing || stage == .unconfirmed ? .hold : .pass
            default: return .pass
            }
        }
    }

    /// Bytes that the next run need not send.
    private static func least(_ victim: Victim, _ stage: Stage) -> Int {
        switch stage {
        case .loggedIn, .begun, .named: 0
        // Of the killed daemon one pack is whole; a client's end lets it close the others.
        case .within: victim == .client ? Self.enough - 4 << 20 : 30 << 20
        case .complete: victim == .client ? Self.size(stage) : 30 << 20
        case .nodes: victim == .client ? Self.size(stage) : 0
        case .committing: 0
        case .unconfirmed: Self.size(stage)
        }
    }

    /// What became of one kill.
    private struct Outcome {
        /// Whether it came in time.
        let isHit: Bool
        /// Whether there was a snapshot of the killed backup.
        let isThere: Bool
    }

    private static func kill(
        _ victim: Victim,
        at stage: Stage,
        _ daemon: TestDaemon,
        delay: Int
    ) async throws -> Outcome {
        // What is acknowledged before; the tree has some of it, too.
        for number in 0..<20 { try daemon.put("tree/small/\(number)", "\(number)") }
        try daemon.write(TestDaemon.noise(500_000, seed: 10), to: "tree/noise")
        let first = try #require(try await daemon.backUp("--compress", "off").snapshot)
        try await daemon.restore(to: "first")
        _ = try daemon.place("tree/deep/file")
        try daemon.write(TestDaemon.noise(Self.size(stage), seed: 9), to: "tree/deep/file")

        let relay = try await FrameRelay(to: daemon.plainPort(), Self.judge(stage))
        try await daemon.logIn("far", port: relay.port, pin: relay.pin)
        let client = try daemon.start("ferry", ["backup", "--compress", "off", "tree", "far:laptops"])
        await relay.reached()
        // Somewhere between the first sync and what follows the new name.
        if stage == .committing { for _ in 0..<delay { sched_yield() } }
        if victim == .client { client.send(SIGKILL) } else { daemon.kill() }
        let status = await client.status()
        #expect(victim == .client ? status == 128 + SIGKILL : status == 5, "\(stage): \(status)")
        if victim == .daemon {
            _ = await daemon.stop()
        } else if stage != .loggedIn {
            // The daemon notices the end of the killed client's connection at its own time; the first line is the first backup's.
            let line = #" backup (failed )?[^\n]*path="?laptops"#
            _ = try await daemon.log.text(matching: "(?s)\(line).*\(line)")
        }
        try await relay.close()

        var isThere = false
        try await daemon.again(isKilled: victim == .daemon) {
            let before = try await daemon.snapshots().compactMap { $0["id"] as? String }
            isThere = before.count == 2
            #expect(before.contains(first), "\(stage)")
            switch stage {
            case .unconfirmed: #expect(isThere, "\(stage)")
            case .committing: break
            default: #expect(!isThere, "\(stage)")
            }
            try await Self.expectClean(daemon, "\(stage)")
            let old = "nas:laptops@\(first)/\(daemon.inSnapshot)/tree"
            let restore = try await daemon.ferry("restore", old, "old")
            #expect(restore.status == 0, "\(stage): \(restore.errors)")
            #expect(try TreeFixture.differences(daemon.here + "/first", daemon.here + "/old") == "", "\(stage)")
            if isThere {
                try await daemon.restore(to: "killed")
                #expect(try TreeFixture.differences(daemon.here + "/tree", daemon.here + "/killed") == "")
            }
            // What the first backup brought never travels again.
            let again = try await daemon.backUp("--compress", "off")
            let least = 500_000 + (isThere ? Self.size(stage) : Self.least(victim, stage))
            #expect(again.savedBytes >= least, "\(stage): \(again)")
            #expect(again.wireBytes <= 500_000 + Self.size(stage) + 100_000 - least, "\(stage): \(again)")
            #expect(try await daemon.snapshots().count == before.count + 1)
            try await daemon.restore(to: "back")
            #expect(try TreeFixture.differences(daemon.here + "/tree", daemon.here + "/back") == "")
            try await Self.expectClean(daemon, "\(stage), then")
        }
        return Outcome(isHit: victim == .daemon || status == 128 + SIGKILL, isThere: isThere)
    }

    private static func expectClean(_ daemon: TestDaemon, _ what: String) async throws {
        let verify = try await daemon.ferryd("verify", "laptops", "--read-data")
        #expect(verify.status == 0 && verify.text.contains("all is well"), "\(what): \(verify.text)\(verify.errors)")
    }

    @Test(arguments: Victim.allCases) func theNextRunGoesOn(_ victim: Victim) async throws {
        let name = "the \(victim) killed in a backup"
        var generator = SeededGenerator(seed: Soak.seed(name))
        let wanted = Soak.count(1, soak: 50)
        let settings = ["FERRY_LISTEN_PLAIN": "127.0.0.1:0", "FERRY_LIMITS_RESERVE": "0"]
        var counts: [String] = []
        for stage in Stage.allCases {
            var (hits, committed) = (0, 0)
            for _ in 0..<wanted {
                // As often short as long: the snapshot comes within a millisecond or within many, as the disk has it.
                let delay = (1 << generator.below(15)) - 1
                try await TestDaemon.withRepository(settings: settings) { daemon in
                    let outcome = try await Self.kill(victim, at: stage, daemon, delay: delay)
                    if outcome.isHit { hits += 1 }
                    if outcome.isThere { committed += 1 }
                }
            }
            #expect(hits == wanted, "\(stage)")
            counts.append("\(stage): \(hits) (\(committed) after the snapshot)")
        }
        print("\(name), \(counts.joined(separator: ", "))")
    }
}
