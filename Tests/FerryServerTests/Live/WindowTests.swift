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
    /// window, and in the end loses patience.
    @Test func aClientsLargeWindowIsNotUsed() async throws {
        try await LiveDaemon.run { settings in
            settings.timeouts.transfer = .seconds(2)
            settings.timeouts.keepAlive = .milliseconds(100)
        } _: { daemon in
            var generator = SeededGenerator(seed: 43)
            try Data(generator.bytes(16 << 20)).write(to: URL(filePath: daemon.inbox + "/large"))
            let client = try await RawClient.connect(port: daemon.port)
            try await client.send(RawClient.hello(daemon.token, limits: FrameLimits(blockWindow: 64 << 20)))
            _ = try await client.welcome()
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
            #expect(received > 0 && received <= 4 << 20)
        }
    }
}
