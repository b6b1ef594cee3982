import Foundation
import Glibc
import Testing

/// `--compress auto` decides by how fast the link takes bytes: real ones, slow and fast.
@Suite struct SlowLinkTests {
    /// Lines that compress to about a fifth, none like another.
    private static let lines = Data(
        (0..<220_000).map {
            "2026-11-25T10:\($0 % 60):07Z host\($0 % 7) served request \($0 &* 48_271) in \($0 % 997) ms\n"
        }
        .joined().utf8
    )

    @Test func aSlowLinkIsWorthCompressingFor() async throws {
        try await TestDaemon.with { daemon in
            let relay = try SlowRelay(to: daemon.port, bytesPerSecond: 4_000_000)
            try daemon.write(Self.lines, to: "log")
            try await daemon.logIn("slow", port: relay.port)
            let push = try await daemon.ferry("push", "--json", "log", "slow:inbox/")
            #expect(push.status == 0, "\(push.errors)")
            #expect(try daemon.shared("log") == Self.lines)
            // What fits the buffers of the sockets goes before anybody knows how slow the link is.
            #expect(try Self.wireBytes(push) < Self.lines.count * 3 / 4)
        }
    }

    @Test func noiseIsStoredHoweverSlowTheLink() async throws {
        try await TestDaemon.with { daemon in
            let relay = try SlowRelay(to: daemon.port, bytesPerSecond: 8_000_000)
            let noise = TestDaemon.noise(8 << 20)
            try daemon.write(noise, to: "noise")
            try await daemon.logIn("slow", port: relay.port)
            let push = try await daemon.ferry("push", "--json", "noise", "slow:inbox/")
            #expect(push.status == 0, "\(push.errors)")
            #expect(try Self.wireBytes(push) == noise.count)
        }
    }

    private static func wireBytes(_ push: TestDaemon.Outcome) throws -> Int {
        try #require(try push.events().compactMap { $0["wireBytes"] as? Int }.last)
    }
}
