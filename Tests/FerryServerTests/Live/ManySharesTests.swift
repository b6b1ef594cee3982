import FerryCatalog
import FerryErrors
import FerryServer
import FerryWire
import FoundationEssentials
import Testing

/// More shares than one frame could name.
@Suite(.timeLimit(.minutes(5))) struct ManySharesTests {
    @Test(arguments: [99, 100, 101, 1500]) func theyAreListedInSeveralFrames(_ count: Int) async throws {
        try await LiveDaemon.run { daemon in
            let names = (0..<count).map { "share-\(10_000 + $0)-" + String(repeating: "x", count: 50) }
            for name in names { try daemon.catalog.addShare(try Name(name), path: daemon.inbox) }
            let grants = try names.map { GrantRecord(share: try Name($0), rights: .read) }
            let secret = try #require(try daemon.catalog.addUser(try Name("carol"), grants: grants)).secret
            let client = try await RawClient.connect(port: daemon.port)
            try await client.send(RawClient.hello(secret))
            _ = try await client.welcome()
            try await client.send(.list(path: Data()))
            var listed: [String] = []
            while case .entries(let entries) = await client.next()?.body {
                #expect(entries.entries.allSatisfy { $0.kind == .share })
                listed += entries.entries.map { String(decoding: $0.name, as: UTF8.self) }
                if entries.entries.count < 100 { break }
            }
            _ = try await client.finished()
            #expect(listed.sorted() == names.sorted())
            await client.close()
        }
    }
}
