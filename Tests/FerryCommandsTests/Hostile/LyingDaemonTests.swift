import FerryChunking
import FerryErrors
import FerryTestKit
import FerryWire
import Foundation
import Glibc
import NIOCore
import SwiftProtobuf
import Testing

/// Daemons that lie to the real client: it writes only what it asked for and was shown to be right, and ends with the
/// status that says why.
@Suite(.timeLimit(.minutes(Soak.count(5, soak: 20)))) struct LyingDaemonTests {
    private static let old = Array("the old file".utf8)
    private static let chunks = WireChunk.cut(Array(TestDaemon.noise(300_000)))

    /// Answers a pull of a file of 300,000 bytes up to its wants, and then as `lie` says.
    private static func expectPull(
        _ status: Int32,
        size: UInt64? = 300_000,
        sourceLocation: SourceLocation = #_sourceLocation,
        _ lie: @escaping LyingDaemon.Script
    ) async throws {
        try await LyingDaemon.with { peer in
            _ = await peer.next()
            try await peer.send(.ready(metadata: WireMetadata(), size: size))
            try await lie(peer)
            // What the client has been told is enough: it ends by itself.
            await peer.closed()
        } _: { liar in
            try liar.write(Self.old, to: "file")
            let pull = try await liar.ferry("pull", "nas:inbox/file", "file")
            #expect(pull.status == status, "\(pull.errors)", sourceLocation: sourceLocation)
            #expect(try liar.read("file") == Self.old, sourceLocation: sourceLocation)
            #expect(try liar.names() == ["file"], sourceLocation: sourceLocation)
        }
    }

    private static func named(_ peer: WirePeer) async throws {
        try await peer.send(self.chunks.names)
        _ = try await peer.wants()
    }

    @Test func chunksThatWereNotNamed() async throws {
        try await Self.expectPull(5) { peer in
            try await Self.named(peer)
            try await peer.send(WireChunk([1, 2, 3]).block())
        }
    }

    @Test func chunksThatAreNotWhatTheyAreCalled() async throws {
        try await Self.expectPull(7) { peer in
            try await Self.named(peer)
            try await peer.send(Self.chunks[0].block(payload: [UInt8](repeating: 0, count: 100_000)))
        }
    }

    @Test func aChunkMoreOftenThanItIsWanted() async throws {
        try await Self.expectPull(5) { peer in
            try await Self.named(peer)
            try await peer.send(Self.chunks[0].block(), Self.chunks[0].block())
        }
    }

    @Test func moreBytesThanAnnounced() async throws {
        try await Self.expectPull(5, size: 299_999) { peer in try await peer.send(Self.chunks.names) }
    }

    @Test func fewerBytesThanAnnounced() async throws {
        try await Self.expectPull(7, size: 300_001) { peer in
            try await Self.named(peer)
            for chunk in Self.chunks { try await peer.send(chunk.block()) }
            try await peer.send(Self.chunks.end)
        }
    }

    @Test func anEndBeforeTheBytes() async throws {
        try await Self.expectPull(5) { peer in
            try await Self.named(peer)
            try await peer.send(Self.chunks.end)
        }
    }

    @Test func aFileThatIsLargerThanAnyFile() async throws {
        try await Self.expectPull(5, size: .max) { _ in }
    }

    @Test func aTimeThatIsNone() async throws {
        try await LyingDaemon.with { peer in
            _ = await peer.next()
            try await peer.send(.ready(metadata: .with { $0.modifiedNanoseconds = .max }, size: 0))
            await peer.closed()
        } _: { liar in
            let pull = try await liar.ferry("pull", "nas:inbox/file", "file")
            #expect(pull.status == 5, "\(pull.errors)")
            #expect(try liar.names() == [])
        }
    }

    @Test func framesThatArePartOfNoPull() async throws {
        let lies: [Frame] = [
            .ready(), .welcome(features: [], limits: FrameLimits(), session: "", agent: ""), .entries([]),
            .wants(decided: 1, ids: Data()), .credit(1), .finished(), .list(path: Data()),
            .hello(token: "", features: [], limits: FrameLimits(), agent: ""),
        ]
        for lie in lies { try await Self.expectPull(5) { try await $0.send(lie) } }
    }

    /// A block that says 1 MiB and inflates to 1 GiB; the client may not even have a fifth of that.
    @Test func aBomb() async throws {
        let bomb = try #require(ReferenceZlib.bomb(mebibytes: 1024))
        let chunk = WireChunk([UInt8](repeating: 7, count: 1 << 20))
        try await Self.expectPull(7, size: 1 << 20) { peer in
            try await peer.send([chunk].names)
            _ = try await peer.wants()
            try await peer.send(chunk.block(codec: .zlib, payload: bomb))
        }
    }

    /// A push is done only when the daemon says so with the right digest.
    @Test(
        arguments: [(.finished(), 7), (.ready(), 5), (.credit(1), 5), (.wants(decided: 9, ids: Data()), 5)]
            as [(Frame, Int32)]
    )
    func aPushThatIsAnsweredWrongly(_ lie: Frame, _ status: Int32) async throws {
        try await LyingDaemon.with { peer in
            _ = await peer.next()
            try await peer.send(.ready())
            guard case .names(let names) = await peer.next()?.body else { return }
            if case .finished = lie.body {
                try await peer.send(.wants(decided: names.lengths.count, ids: Data()))
                guard case .end = await peer.next()?.body else { return }
            }
            try await peer.send(lie)
            await peer.closed()
        } _: { liar in
            try liar.write(Self.old, to: "file")
            let push = try await liar.ferry("push", "file", "nas:inbox/")
            #expect(push.status == status, "\(push.errors)")
            #expect(!push.output.contains("transfer"))
        }
    }

    /// A daemon that ends tells so right behind its confirmation, in one piece: what is durable is not to be called failed.
    @Test func aConfirmationCountsWhateverFollowsIt() async throws {
        try await LyingDaemon.with { peer in
            _ = await peer.next()
            try await peer.send(.ready())
            guard case .names(let names) = await peer.next()?.body else { return }
            try await peer.send(.wants(decided: names.lengths.count, ids: Data()))
            guard case .end(let end) = await peer.next()?.body else { return }
            var both = try Frame.finished(digest: end.digest, size: end.size).encoded()
            var farewell = try Frame.failure(FerryError(.shuttingDown, "the daemon is shutting down")).encoded()
            both.writeBuffer(&farewell)
            try await peer.send(bytes: Array(both.readableBytesView))
            await peer.closed()
        } _: { liar in
            try liar.write(Self.old, to: "file")
            let push = try await liar.ferry("push", "file", "nas:inbox/")
            #expect(push.status == 0, "\(push.errors)")
        }
    }

    // MARK: Without end

    /// Keep-alives say that the daemon lives: they are obeyed, cost nothing, and can be cut short by the user.
    @Test func keepAlivesWithoutEnd() async throws {
        let beat = Array(try Frame.keepAlive.encoded().readableBytesView)
        let many = [UInt8](Array(repeatElement(beat, count: 10_000)).joined())
        let (asked, tell) = AsyncStream.makeStream(of: Void.self)
        try await LyingDaemon.with { peer in
            _ = await peer.next()
            for _ in 0..<Soak.count(20, soak: 2000) { try await peer.send(bytes: many) }
            tell.finish()
            while true { try await peer.send(bytes: many) }
        } _: { liar in
            let running = try liar.start(["stat", "nas:inbox/file"])
            for await _ in asked {}
            running.child.send(SIGINT)
            let status = try await running.outcome().status
            #expect([130, 128 + SIGINT].contains(status))
        }
    }

    /// More than the client keeps for sorting, and more than it may have in memory: it prints them as they come.
    @Test func aListingWithoutEnd() async throws {
        let batches = Soak.count(5000, soak: 50_000)
        let name = String(repeating: "n", count: 240)
        try await LyingDaemon.with { peer in
            _ = await peer.next()
            for batch in 0..<batches {
                let entries = (0..<100).map { number in
                    WireEntry.with {
                        $0.name = Data("\(name)\(batch * 100 + number)".utf8)
                        $0.kind = .file
                    }
                }
                try await peer.send(.entries(entries))
            }
            try await peer.send(.finished())
            await peer.closed()
        } _: { liar in
            let list = try await liar.ferry("ls", "nas:inbox")
            #expect(list.status == 0, "\(list.errors)")
            #expect(list.output.utf8.count { $0 == UInt8(ascii: "\n") } == batches * 100)
        }
    }

    /// One entry is the whole answer to a question about one file, and none to a request that asks for nothing.
    @Test func entriesThatNobodyAskedFor() async throws {
        let entry = WireEntry.with { $0.name = Data("file".utf8) }
        for (arguments, entries) in [
            (["stat", "nas:inbox/file"], [entry, entry]), (["rm", "nas:inbox/file"], [entry]),
            (["mkdir", "nas:inbox/dir"], [entry]),
        ] {
            try await LyingDaemon.with { peer in
                _ = await peer.next()
                try await peer.send(.entries(entries), .finished())
                await peer.closed()
            } _: { liar in
                let outcome = try await liar.start(arguments).outcome()
                #expect(outcome.status == 5, "\(arguments): \(outcome.errors)")
            }
        }
    }

    // MARK: Text

    @Test(arguments: ["..", ".", "", "a/b", "/etc/passwd", "a\0b", String(repeating: "n", count: 256)])
    func aListingWithNamesThatAreNone(_ name: String) async throws {
        try await LyingDaemon.with { peer in
            _ = await peer.next()
            try await peer.send(.entries([.with { $0.name = Data(name.utf8) }]), .finished())
            await peer.closed()
        } _: { liar in
            let list = try await liar.ferry("ls", "nas:inbox")
            #expect(list.status == 5, "\(list.errors)")
            #expect(list.output.isEmpty)
        }
    }

    private static let controls = "\u{1B}]0;title\u{7}\u{1B}[2J\r\n\u{202E}\u{61C}\u{9B}31m"

    private static func expectPlain(_ text: String, sourceLocation: SourceLocation = #_sourceLocation) {
        let obeyed = text.unicodeScalars.filter { scalar in
            scalar.value < 0x20 && scalar != "\n" || (0x7F..<0xA0).contains(scalar.value)
                || [0x61C, 0x202E].contains(scalar.value)
        }
        #expect(obeyed.isEmpty, "\(text.debugDescription)", sourceLocation: sourceLocation)
    }

    @Test func aListingWithNamesThatATerminalObeys() async throws {
        try await LyingDaemon.with { peer in
            for _ in 0..<3 {
                _ = await peer.next()
                let metadata = WireMetadata.with {
                    $0.modifiedSeconds = .min
                    $0.mode = .max
                }
                let entry = WireEntry.with {
                    $0.name = Data(Self.controls.utf8)
                    $0.size = .max
                    $0.metadata = metadata
                    $0.kind = .UNRECOGNIZED(77)
                }
                try await peer.send(.entries([entry]), .finished())
            }
        } _: { liar in
            for arguments in [["ls"], ["ls", "-l"], ["ls", "--json"], ["stat"], ["stat", "--json"]] {
                let list = try await liar.start(arguments + ["nas:inbox/x"]).outcome()
                #expect(list.status == 0, "\(list.errors)")
                Self.expectPlain(list.output)
            }
        }
    }

    @Test func aFailureWithTextThatATerminalObeysOrThatNeverEnds() async throws {
        for text in [Self.controls, String(repeating: "long ", count: 6000)] {
            for code in ["not-found", "cancelled", "usage", "no-such-code", "NO CODE\n", ""] {
                try await LyingDaemon.with { peer in
                    _ = await peer.next()
                    try await peer.send(
                        Frame(
                            .failure(
                                .with {
                                    $0.code = code
                                    $0.message = text
                                    $0.remedy = text
                                }
                            )
                        )
                    )
                    await peer.closed()
                } _: { liar in
                    let outcome = try await liar.ferry("stat", "--verbose", "nas:inbox/x")
                    #expect([5, 6].contains(outcome.status), "\(code): \(outcome.status)")
                    Self.expectPlain(outcome.errors)
                    #expect(outcome.errors.utf8.count < 8000)
                    #expect(outcome.errors.split(separator: "\n").filter { $0.hasPrefix("ferry: ") }.count <= 2)
                }
            }
        }
    }

    @Test func aSessionThatATerminalObeysOrThatNeverEnds() async throws {
        for session in [Self.controls, String(repeating: "s", count: 60_000)] {
            try await LyingDaemon.with(session: session) { peer in
                _ = await peer.next()
                try await peer.send(.finished())
                await peer.closed()
            } _: { liar in
                let outcome = try await liar.ferry("mkdir", "--verbose", "nas:inbox/x")
                #expect(outcome.status == 0, "\(outcome.errors)")
                Self.expectPlain(outcome.errors)
                #expect(outcome.errors.utf8.count < 2000)
            }
        }
    }

    // MARK: The hello

    @Test func anAnswerToTheHelloThatIsNone() async throws {
        let small = FrameLimits(header: 1, payload: 1, blockWindow: 1, nameWindow: 1)
        let wrong = Frame(.welcome(.with { $0.version = 2 }))
        let lies: [Frame] = [
            .keepAlive, .ready(), .entries([]), wrong, Frame(.welcome(WireWelcome())),
            .welcome(features: [], limits: small, session: "s", agent: "a"),
        ]
        for lie in lies {
            try await LyingDaemon.withoutWelcome { peer in
                try await peer.send(lie)
                await peer.closed()
            } _: { liar in
                try liar.write(Self.old, to: "file")
                let push = try await liar.ferry("push", "file", "nas:inbox/")
                #expect([1, 5].contains(push.status), "\(push.errors)")
                #expect(!push.errors.isEmpty)
            }
        }
    }

    /// A client that is told nothing at all gives up by its own deadline; one that is cut says so at once.
    @Test func silenceAndCuts() async throws {
        for bytes in [[], [0], [0, 0, 0, 9, 0, 0, 0, 0, 0x12], Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8)]
            as [[UInt8]]
        {
            try await LyingDaemon.withoutWelcome { peer in
                _ = await peer.next()
                try await peer.send(bytes: bytes)
            } _: { liar in
                let list = try await liar.ferry("ls", "nas:")
                #expect(list.status == 5, "\(list.errors)")
            }
        }
    }
}
