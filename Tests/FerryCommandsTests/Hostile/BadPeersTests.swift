import FerryErrors
import FerryTestKit
import FerryWire
import Foundation
import NIOCore
import Testing

/// Clients that are broken or mean to be: each is ended by its deadline or by a limit, and the daemon is as before.
///
/// The limit has the time in it that a test waits for other tests' daemons to end.
@Suite(.timeLimit(.minutes(Soak.count(5, soak: 20)))) struct BadPeersTests {
    /// As impatient as a daemon may be.
    private static let impatient = [
        "FERRY_TIMEOUTS_HANDSHAKE": "1s", "FERRY_TIMEOUTS_IDLE": "1s", "FERRY_TIMEOUTS_TRANSFER": "30s",
        "FERRY_TIMEOUTS_KEEPALIVE": "100ms",
    ]
    private static let count = Soak.count(8, soak: 60)

    /// Sends one byte after another, slowly, until the daemon has had enough.
    private static func trickle(_ bytes: [UInt8], _ peer: WirePeer) -> RepeatedTask {
        let rest = NIOLoopBoundBox<ByteBuffer>.makeBoxSendingValue(
            ByteBuffer(bytes: bytes),
            eventLoop: peer.channel.eventLoop
        )
        return peer.channel.eventLoop.scheduleRepeatedTask(initialDelay: .zero, delay: .milliseconds(50)) { _ in
            if let byte = rest.value.readSlice(length: 1) { peer.channel.writeAndFlush(byte, promise: nil) }
        }
    }

    @Test func thoseThatSayNothing() async throws {
        try await Besieged.with(Self.impatient) { daemon in
            try await daemon.withstand {
                var peers: [WirePeer] = []
                for number in 0..<Self.count {
                    peers.append(try await number.isMultiple(of: 2) ? daemon.connect() : daemon.logIn())
                }
                for peer in peers { #expect(await peer.failure() == .timeout) }
                for peer in peers { await peer.close() }
            }
        }
    }

    /// Before the hello, in a request, and within a block: nobody holds on to anything by sending a byte now and then.
    @Test func thoseThatSendAByteAtATime() async throws {
        try await Besieged.with(Self.impatient) { daemon in
            try daemon.makeTree()
            try await daemon.withstand {
                let chunks = WireChunk.cut(Array(TestDaemon.noise(100_000)))
                var trickles: [(WirePeer, RepeatedTask)] = []
                for number in 0..<Self.count {
                    let peer: WirePeer
                    let frame: Frame
                    switch number % 5 {
                    case 0: (peer, frame) = (try await daemon.connect(), daemon.hello())
                    case 1:
                        let path = Data(repeating: 0x61, count: 4000)
                        (peer, frame) = (try await daemon.logIn(), .stat(path: path))
                    case 2:
                        peer = try await daemon.logIn()
                        _ = try await peer.pushHalf(of: chunks, to: "inbox/tree-\(number)")
                        frame = (0..<100).map { WireThing(String(100 + $0), WireThing.file, size: 9) }.items()
                    case 3:
                        peer = try await daemon.logIn()
                        try await peer.send(WirePeer.pullTree("inbox/tree"))
                        try await peer.ready()
                        _ = try await peer.items()
                        frame = .needs(decided: 4, items: Array(0..<4000), oldSizes: [])
                    default:
                        peer = try await daemon.logIn()
                        try await peer.send(WirePeer.push("inbox/\(number)", size: nil))
                        try await peer.ready()
                        try await peer.send(chunks.names)
                        _ = try await peer.wants()
                        frame = chunks[0].block()
                    }
                    trickles.append((peer, Self.trickle(Array(try frame.encoded().readableBytesView), peer)))
                }
                for (peer, task) in trickles {
                    #expect(await peer.failure() == .timeout)
                    task.cancel()
                    await peer.close()
                }
            }
        }
    }

    /// Tells of things, each of which makes the daemon tell of a change.
    private static func tellWithoutEnd(_ peer: WirePeer) async {
        // More than all buffers on the way hold; the daemon may have closed before.
        var things = [WireThing.top]
        for first in stride(from: 1_000_000, to: 1_080_000, by: 50) {
            let names = (first..<first + 50).map { "\($0)" + String(repeating: "n", count: 240) }
            things += names.map { WireThing($0, WireThing.file) }
            guard (try? await peer.send(things.items())) != nil else { return }
            things = []
        }
    }

    /// Asks for a tree, and reads no further than it must.
    private static func wantTree(_ peer: WirePeer) async throws {
        try await peer.send(WirePeer.pullTree("inbox/tree"))
        try await peer.ready()
        try await peer.want([1, 2])
    }

    /// They ask for much and read none of it.
    @Test func thoseThatNeverRead() async throws {
        try await Besieged.with(Self.impatient) { daemon in
            try daemon.makeTree()
            try await daemon.withstand {
                for number in 0..<500 {
                    let name = String(repeating: "n", count: 240) + "\(number)"
                    try Data().write(to: URL(fileURLWithPath: "\(daemon.daemon.share)/\(name)"))
                }
                var peers: [WirePeer] = []
                for number in 0..<Self.count {
                    let peer = try await daemon.logIn()
                    peers.append(peer)
                    if number % 4 == 3 { try await Self.wantTree(peer) }
                    if number % 4 == 2 {
                        var options = WireTreeOptions()
                        (options.dryRun, options.report) = (true, true)
                        try await peer.send(WirePeer.pushTree("inbox/told", options))
                        try await peer.ready()
                    }
                    try await peer.channel.setOption(.autoRead, value: false).get()
                    switch number % 4 {
                    case 0: try await peer.send(WirePeer.pull("inbox/served"))
                    // Each answer is 130 KB; the next is asked for before it was read.
                    case 1: for _ in 0..<8 { try await peer.send(.list(path: Data("inbox".utf8))) }
                    case 2: await Self.tellWithoutEnd(peer)
                    default: break
                    }
                }
                let end = #"connection closed [^\n]*(the peer|a second request|more than)[^\n]*\n[\s\S]*?"#
                _ = try await daemon.daemon.log.text(matching: "(\(end)){\(peers.count)}")
                for peer in peers { await peer.close() }
            }
        }
    }

    /// What a half-closed connection was doing is cancelled, whatever that was.
    @Test func thoseThatCloseTheirHalf() async throws {
        try await Besieged.with(["FERRY_LIMITS_MEMORY": "80MiB", "FERRY_LIMITS_WINDOW": "16MiB"]) { daemon in
            try daemon.makeTree()
            try await daemon.withstand {
                let chunks = WireChunk.cut(Array(TestDaemon.noise(300_000)))
                for state in 0..<12 {
                    // Two pushes of 40 MiB each fill the budget, so that a third waits for its turn.
                    let others = try await [daemon.logIn(), daemon.logIn()]
                    if state == 7 {
                        for (number, other) in others.enumerated() {
                            try await other.send(WirePeer.push("inbox/other-\(number)", size: nil))
                            try await other.ready()
                        }
                    }
                    let peer = try await state < 2 ? daemon.connect() : daemon.logIn()
                    switch state {
                    case 1: await peer.sendInVain([0, 0, 0, 9])
                    case 3:
                        try await peer.send(WirePeer.push("inbox/half", size: nil))
                        try await peer.ready()
                    case 4, 5:
                        try await peer.send(WirePeer.push("inbox/half", size: 300_000))
                        try await peer.ready()
                        try await peer.send(chunks.names)
                        _ = try await peer.wants()
                        try await peer.send(chunks[0].block())
                        if state == 5 { await peer.sendInVain([0, 0, 0, 9, 0, 1]) }
                    case 6:
                        try await peer.send(WirePeer.pull("inbox/served"))
                        try await peer.ready()
                    case 7: try await peer.send(WirePeer.push("inbox/half", size: nil))
                    case 8:
                        try await peer.send(WirePeer.pushTree("inbox/half-tree"))
                        try await peer.ready()
                    case 9: _ = try await peer.pushHalf(of: chunks, to: "inbox/half-tree")
                    case 10:
                        try await peer.send(WirePeer.pullTree("inbox/tree"))
                        try await peer.ready()
                    case 11: try await Self.wantTree(peer)
                    default: break
                    }
                    await peer.halfClose()
                    await peer.closed()
                    for other in others { await other.close() }
                }
                #expect(try daemon.shares("half") == false)
                #expect(!FileManager.default.fileExists(atPath: daemon.daemon.share + "/half-tree/a"))
            }
        }
    }

    /// The same, where the daemon has something to send, or to finish.
    @Test func thoseThatCloseTheirHalfOfATransfer() async throws {
        try await Besieged.with { daemon in
            try await daemon.withstand {
                let chunks = WireChunk.cut(Array(TestDaemon.noise(300_000)))
                let states = Array(repeating: HalfClosed.allCases, count: Soak.count(2, soak: 60)).joined()
                for (number, state) in states.enumerated() {
                    let peer = try await daemon.logIn()
                    var further: WirePeer?
                    switch state {
                    case .pullInFlight:
                        try await peer.send(WirePeer.pull("inbox/served"))
                        try await peer.ready()
                        try await peer.wantAll()
                    case .pullEnded:
                        try await peer.push([7], to: "inbox/small")
                        try await peer.send(WirePeer.pull("inbox/small"))
                        try await peer.ready()
                        try await peer.wantAll()
                        while let frame = await peer.next() { if case .end = frame.body { break } }
                    case .pushEnded:
                        try await peer.send(WirePeer.push("inbox/whole-\(number)", size: 300_000))
                        try await peer.ready()
                        try await peer.send(chunks.names)
                        _ = try await peer.wants()
                        for chunk in chunks { try await peer.send(chunk.block()) }
                        try await peer.send(chunks.end)
                    case .list: try await peer.send(.list(path: Data("inbox".utf8)))
                    case .joined, .joinedToPull:
                        let isPull = state == .joinedToPull
                        let path = Data((isPull ? "inbox/served" : "inbox/half").utf8)
                        try await peer.send(
                            isPull
                                ? .pull(path: path, compression: .off, connections: 1)
                                : .push(
                                    path: path,
                                    metadata: WireMetadata(),
                                    size: nil,
                                    makeParents: false,
                                    connections: 1
                                )
                        )
                        guard case .ready(let ready) = await peer.next()?.body else { throw WirePeer.Unexpected(nil) }
                        let other = try await daemon.logIn()
                        try await other.send(.join(try #require(ready.tickets.first)))
                        try await other.ready()
                        await other.halfClose()
                        await other.closed()
                        further = other
                    }
                    // The transfer that a lost connection had joined goes on.
                    if state == .joined {
                        try await peer.send([WireChunk]().end)
                        try await peer.finished()
                    }
                    await peer.halfClose()
                    await peer.closed()
                    await further?.close()
                    if state == .pushEnded {
                        // It had come whole before the end, and is published at the daemon's own time.
                        _ = try await daemon.daemon.log.text(matching: "push (failed )?[^\\n]*inbox/whole-\(number) ")
                        let path = "\(daemon.daemon.share)/whole-\(number)"
                        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == TestDaemon.noise(300_000))
                    }
                }
            }
        }
    }

    enum HalfClosed: String, CaseIterable, Sendable {
        /// Blocks are wanted, and on their way.
        case pullInFlight
        /// All has been sent, and it is not confirmed.
        case pullEnded
        /// All has come, and the daemon is about to confirm it.
        case pushEnded
        /// A list was asked for.
        case list
        /// On a connection that carries another one's blocks.
        case joined, joinedToPull
    }

    /// A hello is answered once, and what one connection said means nothing on another.
    @Test func thoseThatReplayHellos() async throws {
        try await Besieged.with(["FERRY_PENALTIES_FIRST": "0s"]) { daemon in
            try await daemon.withstand {
                for isAnswered in [false, true] {
                    let peer = try await daemon.connect()
                    try await peer.send(daemon.hello())
                    if isAnswered { _ = await peer.next() }
                    try await peer.send(daemon.hello())
                    #expect(await peer.failure() == .violation)
                    await peer.close()
                }
                // A whole recorded push, sent at once: who does not wait for Ready is cut, unless the daemon was quicker.
                let chunks = WireChunk.cut(Array("replayed".utf8))
                let frames = [
                    daemon.hello(), WirePeer.push("inbox/replayed", size: 8), chunks.names, chunks[0].block(),
                    chunks.end,
                ]
                for _ in 0..<Self.count {
                    let peer = try await daemon.connect()
                    for frame in frames { await peer.sendInVain(Array(try frame.encoded().readableBytesView)) }
                    let end = await Self.end(of: peer)
                    #expect([FerryError.Code.violation.rawValue, "finished"].contains(end))
                    await peer.close()
                }
            }
        }
    }

    /// How a push ends: the code of its failure, or `finished`.
    private static func end(of peer: WirePeer) async -> String? {
        while let frame = await peer.next() {
            switch frame.body {
            case .failure(let failure): return failure.code
            case .finished: return "finished"
            default: continue
            }
        }
        return nil
    }

    /// One that floods the daemon with what needs no answer is read as fast as it sends, and nothing is kept of it.
    @Test func thoseThatKeepAliveWithoutEnd() async throws {
        try await Besieged.with { daemon in
            try await daemon.withstand {
                let peer = try await daemon.logIn()
                try await peer.send(WirePeer.push("inbox/alive", size: 0))
                try await peer.ready()
                try daemon.forgetPeak()
                let before = try daemon.peak()
                let beat = Array(try Frame.keepAlive.encoded().readableBytesView)
                let many = [UInt8](Array(repeatElement(beat, count: 10_000)).joined())
                for _ in 0..<Soak.count(20, soak: 2000) { try await peer.send(bytes: many) }
                try await peer.send([WireChunk]().end)
                try await peer.finished()
                let most = try daemon.peak() - before
                #expect(most <= 16 << 20, "\(most >> 10) KiB more at the peak")
                await peer.close()
            }
        }
    }

    /// A block that says 1 MiB and inflates to 1 GiB.
    @Test func thoseThatSendABomb() async throws {
        let bomb = try #require(ReferenceZlib.bomb(mebibytes: 1024))
        try #require(bomb.count <= WireConstants.payloadLimit)
        try await Besieged.with { daemon in
            try await daemon.withstand {
                try daemon.forgetPeak()
                let before = try daemon.peak()
                let chunk = WireChunk([UInt8](repeating: 7, count: 1 << 20))
                for _ in 0..<Self.count {
                    let peer = try await daemon.logIn()
                    try await peer.send(WirePeer.push("inbox/bomb", size: 1 << 20))
                    try await peer.ready()
                    try await peer.send([chunk].names)
                    _ = try await peer.wants()
                    try await peer.send(chunk.block(codec: .zlib, payload: bomb))
                    #expect(await peer.failure() == .integrity)
                    await peer.close()
                }
                #expect(try daemon.shares("bomb") == false)
                // What it says, and not what it is.
                let most = try daemon.peak() - before
                #expect(most <= 16 << 20, "\(most >> 10) KiB more at the peak")
            }
        }
    }
}
