import FerryErrors
import FerryServer
import FerryTestKit
import FerryWire
import Testing

/// A rate that the configuration sets holds for what clients send, too.
@Suite(.timeLimit(.minutes(5))) struct RateLimitTests {
    /// Everything lies in the kernel's buffers, and the daemon takes no more of it than the rate has room for, however fast or
    /// slow the machine is.
    @Test func aPushIsReadNoFasterThanTheRateAllows() async throws {
        let rate = 64 << 10
        try await LiveDaemon.run(expectsToServe: false) { settings in
            settings.limits.rate = rate
            settings.timeouts.shutdown = .seconds(1)
        } _: { daemon in
            var generator = SeededGenerator(seed: 52)
            let chunks = RawClient.cut(generator.bytes(2 << 20))
            let client = try await RawClient.logIn(daemon)
            try await client.send(RawClient.push("inbox/file", size: 2 << 20))
            try await client.ready()
            try await client.send(RawClient.names(chunks))
            _ = try await client.wants()
            for chunk in chunks { client.sendInVain(try RawClient.block(chunk).encoded()) }
            await daemon.stop()
            #expect(try await client.failureOfTransfer() == .shuttingDown)
            await client.close()
            let line = await daemon.log.line(with: "connection closed", "user=alice")
            let received = try #require(line.firstMatch(of: /received=(\d+)/).flatMap { Int($0.1) })
            let seconds = try #require(line.firstMatch(of: /seconds=([0-9.]+)/).flatMap { Double($0.1) })
            // Beyond the rate: what a bucket at rest has saved, the read that is too much, what logs in and asks.
            #expect(received <= Int(seconds * Double(rate)) + rate / 8, "\(line)")
        }
    }
}
