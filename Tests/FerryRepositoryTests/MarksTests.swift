import FerryChunking
import FerryErrors
import FerryObjects
import FerryRepository
import FerryTestKit
import Testing

/// After damage has voided all marks, backups restore them before they ask what need not be sent.
@Suite struct MarksTests {
    /// Many directories, and one file that gets damaged.
    private static let tree: TestTree = {
        var things: [[UInt8]: TestTree] = [:]
        for number in 0..<700 {
            let name = Array("directory \(number)".utf8)
            things[name] = .directory([name: .file([])])
        }
        things[[0x7A]] = .file((0..<900).map { UInt8(truncatingIfNeeded: $0 * $0 / 7) })
        return .directory(things)
    }()

    private static func withVoidMarks(_ body: (Repository) throws -> Void) throws {
        let fixture = try TestRepository()
        try fixture.open { repository in
            var client = MiniClient(repository.writer(owner: "carol"))
            let id = try client.backUp(Self.tree)
            let pack = try #require(
                try Damage(path: fixture.path).packs().first { try Damage.read($0)[10] == 1 }
            )
            try Damage.flip(pack, bit: (32 + 40 + 36 + 100) * 8)
            #expect(throws: FerryError.self) { try repository.tree(id) }
            try body(repository)
        }
    }

    /// Who waits for it gets a turn now and then, so that who leaves is not worked for; all who wait do the same work.
    @Test func theyAreRestoredInTurns() throws {
        try Self.withVoidMarks { repository in
            var turns = 1
            while try !repository.restoreSomeMarks() { turns += 1 }
            // 700 directories and what they lie in, of which each is looked at more than once.
            #expect(turns > 3 && turns < 30)
            #expect(try repository.restoreSomeMarks())
            var client = MiniClient(repository.writer(owner: "carol"))
            let id = try client.backUp(Self.tree)
            // The chunk, and the directories above it: these may have several nodes.
            #expect(client.sent > 1 && client.sent < 20, "\(client.sent)")
            #expect(try repository.tree(id) == Self.tree)
        }
    }

    /// Verifying is not refused because a backup has begun that, and does it itself.
    @Test func verifyingGoesFirst() throws {
        try Self.withVoidMarks { repository in
            #expect(try !repository.restoreSomeMarks())
            let report = try repository.verify(.quick) { _ throws(FerryError) in
                // A backup that begins meanwhile does not wait.
                guard try repository.restoreSomeMarks() else {
                    throw FerryError(.internalError, "it is not left alone")
                }
            }
            #expect(report.touched.map(\.paths) == [[[0x7A]]])
            #expect(try repository.restoreSomeMarks())
            var client = MiniClient(repository.writer(owner: "carol"))
            _ = try client.backUp(Self.tree)
            #expect(client.sent > 1 && client.sent < 20, "\(client.sent)")
        }
    }
}
