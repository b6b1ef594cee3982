import FerryErrors
import FerryTestKit
import FerryWire
import Foundation
import NIOCore
import Testing

/// The corpora of the frame decoder and of the messages, and mutants of them, sent over TCP to a real daemon.
@Suite(.timeLimit(.minutes(Soak.count(5, soak: 120)))) struct LiveFuzzTests {
    /// Where in a connection's life the bytes come.
    enum Stage: String, CaseIterable {
        case beforeTheHello, afterTheHello, withinAPush, withinAPull, withinAPushOfATree, withinAPullOfATree
        case joinedToAPush, joinedToAPull
    }

    /// Brings a connection to a stage.
    ///
    /// - Returns: the connection, and the one whose transfer it joined.
    private static func reach(
        _ stage: Stage,
        _ daemon: Besieged,
        _ number: Int
    ) async throws -> (peer: WirePeer, first: WirePeer?) {
        guard stage != .beforeTheHello else { return (try await daemon.connect(), nil) }
        let peer = try await daemon.logIn()
        // Half of it is here, so that mutants of names, blocks and ends meet a transfer with a past.
        let chunks = WireChunk.cut([UInt8](repeating: UInt8(number & 0xFF), count: 300_000), length: 150_000)
        switch stage {
        case .withinAPush:
            try await peer.send(WirePeer.push("inbox/pushed-\(number)", size: 300_000))
            try await peer.ready()
            try await peer.send(chunks.names)
            _ = try await peer.wants()
            try await peer.send(chunks[0].block())
        case .withinAPull:
            try await peer.send(WirePeer.pull("inbox/served"))
            try await peer.ready()
        case .withinAPushOfATree: _ = try await peer.pushHalf(of: chunks, to: "inbox/tree-\(number)")
        case .withinAPullOfATree:
            try await peer.send(WirePeer.pullTree("inbox/tree"))
            try await peer.ready()
            try await peer.want([1, 2])
        case .joinedToAPush:
            let tickets = try await peer.pushHalf(of: chunks, to: "inbox/tree-\(number)", connections: 1)
            return (try await daemon.join(tickets), peer)
        case .joinedToAPull:
            try await peer.send(WirePeer.pullTree("inbox/tree", connections: 1))
            let joined = try await daemon.join(try await peer.tickets())
            try await peer.want([1, 2])
            return (joined, peer)
        case .beforeTheHello, .afterTheHello: break
        }
        return (peer, nil)
    }

    /// Whole streams, and headers in frames whose lengths are true.
    private static func inputs(_ generator: inout SeededGenerator, mutants: Int) throws -> [[UInt8]] {
        let (streams, headers) = (try Corpus("frame"), try Corpus("message"))
        let (damage, damageHeader) = (Mutator(streams), Mutator(headers))
        func frame(_ header: [UInt8]) -> [UInt8] {
            let lengths = [UInt8(header.count >> 24 & 0xFF), UInt8(header.count >> 16 & 0xFF)]
            return lengths + [UInt8(header.count >> 8 & 0xFF), UInt8(header.count & 0xFF), 0, 0, 0, 0] + header
        }
        var inputs = streams.inputs.map(\.bytes) + headers.inputs.map { frame($0.bytes) }
        for number in 0..<mutants {
            if number.isMultiple(of: 2), let input = streams.inputs.randomElement(using: &generator) {
                inputs.append(damage.mutate(input.bytes, &generator))
            } else if let input = headers.inputs.randomElement(using: &generator) {
                inputs.append(frame(damageHeader.mutate(input.bytes, &generator)))
            }
        }
        return inputs
    }

    @Test(arguments: Stage.allCases) func theDaemonWithstandsTheCorpus(_ stage: Stage) async throws {
        let settings = [
            "FERRY_LIMITS_CONNECTIONS_PER_ADDRESS": "1000", "FERRY_LIMITS_UNAUTHENTICATED": "1000",
        ]
        var generator = SeededGenerator(seed: Soak.seed("theDaemonWithstandsTheCorpus, \(stage)"))
        let inputs = try Self.inputs(&generator, mutants: Soak.count(150, soak: 50_000))
        try await Besieged.with(settings) { daemon in
            try daemon.makeTree()
            try await daemon.withstand {
                // Several at once, as attackers are.
                try await withThrowingTaskGroup { group in
                    for lane in 0..<8 {
                        group.addTask {
                            for number in stride(from: lane, to: inputs.count, by: 8) {
                                let (peer, first) = try await Self.reach(stage, daemon, number)
                                await peer.sendInVain(inputs[number])
                                await peer.halfClose()
                                await peer.closed()
                                await first?.halfClose()
                                await first?.closed()
                            }
                        }
                    }
                    try await group.waitForAll()
                }
            }
        }
    }
}
