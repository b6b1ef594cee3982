import FerryErrors
import FerryTestKit
import FerryWire
import Foundation
import NIOCore
import Testing

/// Many at once.
@Suite(.timeLimit(.minutes(Soak.count(2, soak: 60)))) struct CrowdTests {
    private static let roomy = [
        "FERRY_LIMITS_CONNECTIONS": "4000", "FERRY_LIMITS_CONNECTIONS_PER_ADDRESS": "4000",
        "FERRY_LIMITS_UNAUTHENTICATED": "4000",
    ]

    /// Half of them have not even said who they are.
    @Test func aCrowdThatDoesNothingIsNoHindrance() async throws {
        let count = Soak.count(100, soak: 1000)
        try await Besieged.with(Self.roomy.merging(["FERRY_TIMEOUTS_HANDSHAKE": "300s"]) { $1 }) { daemon in
            try await daemon.withstand {
                let pushing = try await daemon.logIn()
                let chunks = WireChunk.cut(Array(TestDaemon.noise(2 << 20)))
                try await pushing.send(WirePeer.push("inbox/crowded", size: 2 << 20))
                try await pushing.ready()
                var idle: [WirePeer] = []
                for number in 0..<count {
                    idle.append(try await number.isMultiple(of: 2) ? daemon.connect() : daemon.logIn())
                }
                try await pushing.send(chunks.names)
                _ = try await pushing.wants()
                for chunk in chunks { try await pushing.send(chunk.block()) }
                try await pushing.send(chunks.end)
                try await pushing.finished()
                try await daemon.serve()
                for peer in idle { await peer.close() }
                await pushing.close()
                #expect(try daemon.daemon.shared("crowded") == TestDaemon.noise(2 << 20))
            }
        }
    }

    /// The budget is what all their transfers together hold, and what each connection reads into comes on top.
    @Test func manyPushersStayWithinTheBudget() async throws {
        let (count, budget) = (64, 64 << 20)
        let size = Soak.count(1 << 20, soak: 16 << 20)
        try await Besieged.with(Self.roomy.merging(["FERRY_LIMITS_MEMORY": "64MiB"]) { $1 }) { daemon in
            try await daemon.withstand {
                try daemon.forgetPeak()
                let before = try daemon.peak()
                try await withThrowingTaskGroup { group in
                    for number in 0..<count {
                        group.addTask {
                            let peer = try await daemon.logIn()
                            try await peer.push(
                                Array(TestDaemon.noise(size, seed: UInt64(number))),
                                to: "inbox/\(number)"
                            )
                            await peer.close()
                        }
                    }
                    try await group.waitForAll()
                }
                let most = try daemon.peak() - before
                #expect(most <= budget + count << 18, "\(most >> 10) KiB more at the peak")
                let last = try daemon.daemon.shared("\(count - 1)")
                #expect(last == TestDaemon.noise(size, seed: UInt64(count - 1)))
            }
        }
    }

    /// One address guesses on and on; others log in as ever.
    @Test func guessingFromOneAddressKeepsNobodyElseOut() async throws {
        let count = Soak.count(400, soak: 100_000)
        let settings = ["FERRY_LIMITS_CONNECTIONS_PER_ADDRESS": "32"]
        try await Besieged.with(settings) { daemon in
            try await daemon.withstand {
                try await withThrowingTaskGroup { group in
                    for lane in 0..<8 {
                        group.addTask {
                            for number in 0..<(count / 8) {
                                let peer = try await daemon.connect(from: "127.0.0.9")
                                try await peer.send(daemon.hello("guess-\(lane)-\(number)"))
                                #expect(await peer.failure() == .authentication)
                                await peer.close()
                            }
                        }
                    }
                    group.addTask {
                        for _ in 0..<(count / 8) {
                            let peer = try await daemon.logIn()
                            await peer.close()
                        }
                    }
                    try await group.waitForAll()
                }
            }
        }
    }

    /// With the penalty that is the default, those that guess wait, and those that wait hold no place that others need.
    @Test func guessersThatWaitForTheirPenaltyKeepNobodyElseOut() async throws {
        let settings = [
            "FERRY_PENALTIES_FIRST": "60s", "FERRY_LIMITS_CONNECTIONS_PER_ADDRESS": "32",
            "FERRY_LIMITS_UNAUTHENTICATED": "64", "FERRY_TIMEOUTS_HANDSHAKE": "300s",
        ]
        try await Besieged.with(settings) { daemon in
            try await daemon.withstand {
                var guessers: [WirePeer] = []
                for _ in 0..<40 {
                    // Those past the address's cap are cut at once, which may be before they have said anything.
                    guard let peer = try? await daemon.connect(from: "127.0.0.9") else { continue }
                    await peer.sendInVain(Array(try daemon.hello("guess").encoded().readableBytesView))
                    guessers.append(peer)
                }
                try await daemon.logIn().close()
                for peer in guessers { await peer.close() }
            }
        }
    }
}
