import FerryErrors
import FerryTestKit
import FerryWire
import Foundation
import NIOCore
import Testing

/// Many at once.
@Suite(.timeLimit(.minutes(Soak.count(5, soak: 60)))) struct CrowdTests {
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

    /// Connections that do nothing, of each kind: silent from the start, with TLS or without, logged in, and served before.
    private static func idle(_ count: Int, _ daemon: Besieged) async throws -> [WirePeer] {
        var peers: [WirePeer] = []
        for number in 0..<count {
            switch number % 4 {
            case 0: peers.append(try await daemon.connect())
            case 1: peers.append(try await .connect(port: daemon.daemon.port))
            case 2: peers.append(try await daemon.logIn())
            default:
                let peer = try await daemon.logIn()
                try await peer.send(.list(path: Data("inbox".utf8)))
                try await peer.finishedList()
                peers.append(peer)
            }
        }
        return peers
    }

    /// What the daemon lets a push have in flight: bytes of blocks that it has taken and gives no credit for.
    private static func withheld(_ daemon: Besieged) async throws -> Int {
        let peer = try await daemon.logIn()
        let chunks = WireChunk.cut(Array(TestDaemon.noise(3 << 20)))
        try await peer.send(WirePeer.push("inbox/measured", size: nil))
        try await peer.ready()
        try await peer.send(chunks.names)
        _ = try await peer.wants()
        for chunk in chunks { try await peer.send(chunk.block()) }
        // What answers this comes after the credit for all before it.
        let last = WireChunk([1, 2, 3])
        try await peer.send([last].names)
        var credit = 0
        while case .credit(let more) = await peer.next()?.body { credit += Int(more.bytes) }
        try await peer.send(last.block(), (chunks + [last]).end)
        try await peer.finished()
        await peer.close()
        return (3 << 20) - credit
    }

    /// The least of the processor's time, in ticks, that a push of 48 MiB and a pull of the same cost the daemon: what
    /// else the machine does makes single ones dearer, and none cheaper.
    private static func cost(_ daemon: Besieged) async throws -> Int {
        var least = Int.max
        for _ in 0..<3 {
            let before = try daemon.processorTime()
            for command in [["push", "large", "nas:inbox/large"], ["pull", "nas:inbox/large", "copy"]] {
                try? FileManager.default.removeItem(atPath: daemon.daemon.here + "/copy")
                if command[0] == "push" { try? FileManager.default.removeItem(atPath: daemon.daemon.share + "/large") }
                let outcome = try await daemon.daemon.run("ferry", command + ["-q", "--compress", "off"])
                #expect(outcome.status == 0, "\(outcome.errors)")
            }
            least = min(least, try daemon.processorTime() - before)
        }
        return least
    }

    /// A transfer's speed is what it may have in flight, and what its bytes cost the daemon: a crowd that does nothing changes
    /// the first by nothing, and the second by little.
    @Test func aTransferKeepsItsSpeedInACrowdThatDoesNothing() async throws {
        OpenFiles.allowMany()
        try await Besieged.with(Self.roomy.merging(["FERRY_TIMEOUTS_HANDSHAKE": "300s"]) { $1 }) { daemon in
            try daemon.daemon.write(TestDaemon.noise(48 << 20), to: "large")
            let (alone, window) = (try await Self.cost(daemon), try await Self.withheld(daemon))
            let crowd = try await Self.idle(1000, daemon)
            #expect(try await Self.withheld(daemon) == window)
            let among = try await Self.cost(daemon)
            #expect(among <= 2 * alone, "\(among) ticks, alone: \(alone)")
            for peer in crowd { await peer.close() }
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

    /// Real clients that push, pull, move trees both ways and list, all at once: each gets what it asked for, and what they
    /// hold together is the budget, and what each connection reads into.
    @Test func aMixedCrowdStaysWithinTheBudget() async throws {
        let (count, budget) = (64, 64 << 20)
        let size = Soak.count(6 << 20, soak: 24 << 20)
        try await Besieged.with(Self.roomy.merging(["FERRY_LIMITS_MEMORY": "64MiB"]) { $1 }) { daemon in
            let (here, share) = (daemon.daemon.here, daemon.daemon.share)
            let large = TestDaemon.noise(size)
            try large.write(to: URL(fileURLWithPath: here + "/large"))
            try large.write(to: URL(fileURLWithPath: share + "/large"))
            for place in [here, share] {
                try FileManager.default.createDirectory(atPath: place + "/tree", withIntermediateDirectories: true)
                for number in 0..<16 {
                    let part = TestDaemon.noise(size / 16, seed: UInt64(number))
                    try part.write(to: URL(fileURLWithPath: "\(place)/tree/\(number)"))
                }
            }
            try await daemon.withstand {
                try daemon.forgetPeak()
                let before = try daemon.peak()
                try await withThrowingTaskGroup { group in
                    for number in 0..<count {
                        let command =
                            switch number % 5 {
                            case 0: "push -q --compress off large nas:inbox/pushed-\(number)"
                            case 1: "pull -q --compress off nas:inbox/large pulled-\(number)"
                            case 2: "push -r -q --compress off tree nas:inbox/tree-\(number)"
                            case 3: "pull -r -q --compress off nas:inbox/tree tree-\(number)"
                            default: "ls nas:inbox/tree"
                            }
                        group.addTask {
                            let words = command.split(separator: " ").map(String.init)
                            let outcome = try await daemon.daemon.run("ferry", words)
                            #expect(outcome.status == 0, "\(command): \(outcome.errors)")
                            if words[0] == "ls" { #expect(outcome.text.split(separator: "\n").count == 16) }
                        }
                    }
                    try await group.waitForAll()
                }
                let most = try daemon.peak() - before
                #expect(most <= budget + count << 18, "\(most >> 10) KiB more at the peak")
                for number in 0..<count {
                    switch number % 5 {
                    case 0: #expect(try daemon.daemon.shared("pushed-\(number)") == large)
                    case 1: #expect(try daemon.daemon.read("pulled-\(number)") == large)
                    case 2: #expect(try TreeFixture.differences(here + "/tree", "\(share)/tree-\(number)") == "")
                    case 3: #expect(try TreeFixture.differences(share + "/tree", "\(here)/tree-\(number)") == "")
                    default: break
                    }
                }
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
                // Nor do those that hang up before it is over leave anything behind.
                for _ in 0..<Soak.count(200, soak: 5000) {
                    let peer = try await daemon.connect(from: "127.0.0.10")
                    await peer.sendInVain(Array(try daemon.hello("guess").encoded().readableBytesView))
                    await peer.close()
                }
            }
        }
    }
}
