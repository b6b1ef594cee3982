import FerryTestKit
import FerryWire
import Foundation
import Glibc
import NIOCore
import Synchronization
import Testing

/// SIGKILL of the daemon and of the client within a backup: there is a whole snapshot or none, and the next run goes on with what is there.
@Suite(.serialized) struct KilledBackupTests {
    enum Victim: String, CaseIterable, Sendable { case client, daemon }

    enum Stage: String, CaseIterable, Sendable {
        /// Nothing but names has passed.
        case named
        /// More than a pack has passed.
        case within
        /// All has, and the commit does not arrive.
        case complete
        /// The snapshot is durable, and nobody is told.
        case unconfirmed
    }

    /// More than a pack of 32 MiB and the window.
    private static let size = 48 << 20
    private static let enough = 40 << 20

    private static func judge(_ stage: Stage) -> FrameRelay.Judge {
        let passed = Mutex(0)
        let isCommitted = Atomic(false)
        return { _, frame in
            switch frame.body {
            case .block:
                let before = passed.withLock { passed in
                    defer { passed += frame.payload.readableBytes }
                    return passed
                }
                return stage == .named || stage == .within && before > Self.enough ? .hold : .pass
            case .commit:
                isCommitted.store(true, ordering: .releasing)
                return stage == .complete ? .hold : .pass
            case .finished where isCommitted.load(ordering: .acquiring):
                return stage == .unconfirmed ? .hold : .pass
            default: return .pass
            }
        }
    }

    @Test(arguments: Victim.allCases, Stage.allCases)
    func theNextRunGoesOn(_ victim: Victim, _ stage: Stage) async throws {
        let settings = ["FERRY_LISTEN_PLAIN": "127.0.0.1:0", "FERRY_LIMITS_RESERVE": "0"]
        try await TestDaemon.withRepository(settings: settings) { daemon in
            _ = try daemon.place("tree/deep/file")
            try daemon.write(TestDaemon.noise(Self.size, seed: 9), to: "tree/deep/file")
            for number in 0..<50 { try daemon.put("tree/small/\(number)", "\(number)") }
            let relay = try await FrameRelay(to: daemon.plainPort(), Self.judge(stage))
            try await daemon.logIn("far", port: relay.port, pin: relay.pin)
            let client = try daemon.start("ferry", ["backup", "--compress", "off", "tree", "far:laptops"])
            await relay.reached()
            if victim == .client { client.send(SIGKILL) } else { daemon.kill() }
            let status = await client.status()
            #expect(victim == .client ? status == 128 + SIGKILL : status == 5, "\(status)")
            if victim == .daemon {
                _ = await daemon.stop()
            } else {
                // The daemon notices the end of the killed client's connection at its own time.
                _ = try await daemon.log.text(matching: #" backup (failed )?[^\n]*path="?laptops"#)
            }
            try await relay.close()
            try await daemon.again(isKilled: victim == .daemon) {
                let before = try await daemon.snapshots().count
                #expect(before == (stage == .unconfirmed ? 1 : 0), "\(stage)")
                let again = try await daemon.backUp("--compress", "off")
                let least =
                    switch stage {
                    case .named: 0
                    // Of the killed daemon one pack is whole.
                    case .within, .complete: victim == .client ? Self.enough - 4 << 20 : 30 << 20
                    case .unconfirmed: Self.size
                    }
                #expect(again.savedBytes >= least, "\(stage): \(again)")
                #expect(try await daemon.snapshots().count == before + 1)
                try await daemon.restore(to: "back")
                #expect(try TreeFixture.differences(daemon.here + "/tree", daemon.here + "/back") == "")
                let verify = try await daemon.ferryd("verify", "laptops", "--read-data")
                #expect(verify.status == 0, "\(verify.text)\(verify.errors)")
            }
        }
    }
}
