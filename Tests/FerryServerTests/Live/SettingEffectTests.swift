import FerryErrors
import FerryServer
import FerryTestKit
import FerryTransport
import FerryWire
import Foundation
import NIOCore
import NIOPosix
import Testing

/// What settings do that no other test of a running daemon sets.
@Suite(.timeLimit(.minutes(2))) struct SettingEffectTests {
    /// Each deadline of a connection is its own setting's.
    @Test func theDeadlinesOfConnectionsAreTheSettings() {
        var settings = Settings()
        settings.timeouts.handshake = .seconds(61)
        settings.timeouts.idle = .seconds(62)
        settings.timeouts.transfer = .seconds(63)
        settings.timeouts.progress = .seconds(64)
        settings.timeouts.keepAlive = .seconds(5)
        settings.timeouts.discard = .seconds(66)
        let deadlines = settings.deadlines
        #expect(deadlines.handshake == .seconds(61))
        #expect(deadlines.idle == .seconds(62))
        #expect(deadlines.transfer == .seconds(63))
        #expect(deadlines.progress == .seconds(64))
        #expect(deadlines.keepAlive == .seconds(5))
        #expect(deadlines.discard == .seconds(66))
    }

    /// The longest penalty is below the deadline that would cut whoever serves it.
    @Test func theLongestPenaltyIsTheSettings() {
        var settings = Settings()
        settings.penalties.maximum = .seconds(3)
        #expect(settings.longestPenalty == .seconds(3))
        settings.penalties.maximum = .seconds(60)
        #expect(settings.longestPenalty == .seconds(9))
        settings.timeouts.handshake = .seconds(5)
        #expect(settings.longestPenalty == .seconds(4))
    }

    /// Two connections are the daemon's to end, and the other one's time is far longer: so this one's end comes first.
    @Test func whoIsToldWhyAndDoesNotCloseIsClosedInTheTimeThatIsSet() async throws {
        try await LiveDaemon.run {
            $0.timeouts.discard = .milliseconds(200)
            $0.timeouts.handshake = .seconds(8)
        } _: { daemon in
            let client = try await RawClient.logIn(daemon)
            let clock = try await RawClient.connect(port: daemon.port)
            try await client.send(.ready())
            #expect(try await client.failure() == .violation)
            await client.closed()
            #expect(clock.channel.isActive)
            await clock.close()
        }
    }

    /// The same on the admin socket.
    @Test func whoSaysNothingToTheAdminSocketIsClosedInTheTimeThatIsSet() async throws {
        try await LiveDaemon.run {
            $0.timeouts.admin = .milliseconds(200)
            $0.timeouts.handshake = .seconds(8)
        } _: { daemon in
            let clock = try await RawClient.connect(port: daemon.port)
            let silent = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connect(unixDomainSocketPath: daemon.state.paths.adminSocket)
                .get()
            try await silent.closeFuture.get()
            #expect(clock.channel.isActive)
            await clock.close()
        }
    }

    @Test func theOnlyThreadForFilesServesEverybody() async throws {
        try await LiveDaemon.run {
            $0.threads.files = 1
        } _: { daemon in
            try await withThrowingTaskGroup { group in
                for number in 0..<8 {
                    group.addTask {
                        let client = try await RawClient.logIn(daemon)
                        try await client.push([UInt8](repeating: UInt8(number), count: 300_000), to: "inbox/\(number)")
                        #expect(try await client.pull("inbox/\(number)").first == UInt8(number))
                        await client.close()
                    }
                }
                try await group.waitForAll()
            }
        }
    }
}
