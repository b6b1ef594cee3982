import FerryErrors
import FerryProtocol
import FerryServer
import FerryTestKit
import FerryWire
import FoundationEssentials
import NIOCore
import Testing

/// What a client announces must not make the daemon hold more than its own settings say.
@Suite(.timeLimit(.minutes(5))) struct WindowTests {
    /// It wants all of 16 MiB, announces a window of 64 MiB and never credits a byte: the daemon stops at its own
    /// window, short of it by less than a block, and in the end loses patience.
    @Test(arguments: [1, 2, 4]) func aClientsLargeWindowIsNotUsed(_ mebibytes: Int) async throws {
        try await LiveDaemon.run { settings in
            settings.limits.window = mebibytes << 20
            settings.timeouts.transfer = .seconds(2)
            settings.timeouts.keepAlive = .milliseconds(100)
        } _: { daemon in
            var generator = SeededGenerator(seed: 43)
            try Data(generator.bytes(16 << 20)).write(to: URL(filePath: daemon.inbox + "/large"))
            let client = try await RawClient.connect(port: daemon.port)
            try await client.send(RawClient.hello(daemon.token, limits: FrameLimits(blockWindow: 64 << 20)))
            #expect(try await client.welcome().limits.blockWindow == UInt32(mebibytes << 20))
            try await client.send(.pull(path: Data("inbox/large".utf8), compression: .off))
            try await client.ready()
            var received = 0
            while let frame = await client.next() {
                switch frame.body {
                case .names(let names): try await client.send(.wants(decided: names.lengths.count, ids: names.ids))
                case .block: received += frame.payload.readableBytes
                case .failure(let failure):
                    #expect(failure.code == FerryError.Code.timeout.rawValue)
                    await client.close()
                default: throw RawClient.Unexpected(frame, #_sourceLocation)
                }
            }
            #expect(received > (mebibytes - 1) << 20 && received <= mebibytes << 20)
        }
    }

    /// Blocks that fill the window to the last byte, sent at once, and one more only when there is credit for it. (What is past
    /// the window is the machine's to refuse: the daemon credits what it has consumed before it looks at the next block, so
    /// that a client that has no credit yet is only early.)
    @Test(arguments: [1, 2]) func aPushMayFillTheWindow(_ mebibytes: Int) async throws {
        try await LiveDaemon.run {
            $0.limits.window = mebibytes << 20
        } _: { daemon in
            let window = mebibytes << 20
            var generator = SeededGenerator(seed: 44)
            let bytes = generator.bytes(window + 256 << 10)
            let chunks = RawClient.cut(bytes, length: 256 << 10)
            let client = try await RawClient.connect(port: daemon.port)
            try await client.send(RawClient.hello(daemon.token))
            #expect(try await client.welcome().limits.blockWindow == UInt32(window))
            try await client.send(RawClient.push("inbox/file", size: bytes.count))
            try await client.ready()
            try await client.send(RawClient.names(chunks))
            #expect(try await client.wants().decided == UInt32(chunks.count))
            for chunk in chunks.dropLast() { client.sendInVain(try RawClient.block(chunk).encoded()) }
            guard case .credit(let credit) = await client.next()?.body else {
                Issue.record("no credit came for a whole window")
                return
            }
            #expect(credit.bytes >= 256 << 10)
            try await client.send(RawClient.block(chunks[chunks.count - 1]), RawClient.end(chunks))
            _ = try await client.finished()
            await client.close()
            #expect(try daemon.content("file") == bytes)
        }
    }
}
