import FerryErrors
import FerryWire
import Foundation
import Testing

/// What a pushed file's mode and time become.
@Suite struct MetadataTests {
    @Test func aPushThatSaysNothingAboutTheFileMakesAnOrdinaryOne() async throws {
        try await LiveDaemon.run { daemon in
            let client = try await RawClient.logIn(daemon)
            var push = WirePush()
            push.path = Data("inbox/plain".utf8)
            push.size = 0
            let before = Date.now.addingTimeInterval(-2)
            try await client.send(Frame(.push(push)))
            try await client.ready()
            try await client.send(RawClient.end([]))
            _ = try await client.finished()
            await client.close()
            let attributes = try FileManager.default.attributesOfItem(atPath: daemon.inbox + "/plain")
            #expect((attributes[.posixPermissions] as? Int).map { $0 & 0o600 } == 0o600)
            #expect(try #require(attributes[.modificationDate] as? Date) >= before)
        }
    }
}
