import FerryTestKit
import Foundation
import Testing

/// The disk of a repository is full, as the real programs meet it; FailingCallsTests has what injection can show.
@Suite(.enabled(if: SmallDisk.isPossible, "mounting a tmpfs is not permitted here"))
struct FullRepositoryTests {
    /// There is room for less and less, or more, of what a backup writes: packs, the index, the snapshot.
    @Test func backupsThatFillTheDisk() async throws {
        var generator = SeededGenerator(seed: Soak.seed(#function))
        try await TestDaemon.with(settings: ["FERRY_LIMITS_RESERVE": "0"]) { daemon in
            try FileManager.default.createDirectory(atPath: daemon.repository, withIntermediateDirectories: true)
            try await SmallDisk.with(mebibytes: Soak.count(48, soak: 512), at: daemon.repository) { _ in
                let made = try await daemon.ferryd("repository", "create", "laptops", "--path", daemon.repository)
                #expect(made.status == 0, "\(made.errors)")
                #expect(try await daemon.ferryd("grant", "alice", "laptops=read,write").status == 0)
                try daemon.put("tree/a", "1")
                try await daemon.backUp()
                var full = 0
                for round in 0..<Soak.count(6, soak: 300) {
                    // The first time there is no room for anything.
                    let room = round == 0 ? 0 : generator.below(1500 << 10)
                    if try await Self.isFull(round, room, daemon, &generator) { full += 1 }
                }
                #expect(full > 0)
                print("\(full) backups filled the disk")
                #expect(try await daemon.ferryd("repository", "remove", "laptops").status == 0)
            }
        }
    }

    private static func isFull(
        _ round: Int,
        _ room: Int,
        _ daemon: TestDaemon,
        _ generator: inout SeededGenerator
    ) async throws -> Bool {
        let before = try await daemon.snapshots().count
        for number in 0..<30 { TreeFixture.write(try daemon.place("tree/d/\(number)"), generator.bytes(20_000)) }
        let filler = daemon.repository + "/filler"
        TreeFixture.write(filler, try Self.free(daemon.repository, but: room))
        let backup = try await daemon.ferry("backup", "--compress", "off", "tree", "nas:laptops")
        try FileManager.default.removeItem(atPath: filler)
        let what = "round \(round), room for \(room) bytes: \(backup.errors)"
        #expect(backup.status == 0 || backup.status == 6 && backup.errors.contains(/space|full/), "\(what)")
        let verify = try await daemon.ferryd("verify", "laptops", "--read-data")
        #expect(verify.status == 0, "\(what): \(verify.text)\(verify.errors)")
        #expect(try await daemon.snapshots().count == before + (backup.status == 0 ? 1 : 0), "\(what)")
        if backup.status != 0 { try await daemon.backUp("--compress", "off") }
        try await daemon.restore(to: "back", "--delete")
        #expect(try TreeFixture.differences(daemon.here + "/tree", daemon.here + "/back") == "", "\(what)")
        return backup.status != 0
    }

    /// As many zeros as leave so much room.
    private static func free(_ path: String, but room: Int) throws -> [UInt8] {
        let attributes = try FileManager.default.attributesOfFileSystem(forPath: path)
        let free = try #require((attributes[.systemFreeSize] as? NSNumber)?.intValue)
        return [UInt8](repeating: 0, count: max(0, free - room))
    }
}
