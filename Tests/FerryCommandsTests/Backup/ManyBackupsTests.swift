import FerryTestKit
import Foundation
import Testing

/// Several at once, and too little room.
@Suite struct ManyBackupsTests {
    /// Clients whose trees have much in common back up at once, and one restores meanwhile.
    @Test func manyAtOnceShareWhatTheyHaveInCommon() async throws {
        var generator = SeededGenerator(seed: Soak.seed(#function))
        let (common, clients) = (generator.bytes(6 << 20), Soak.count(4, soak: 12))
        try await TestDaemon.withRepository { daemon in
            for client in 0..<clients {
                TreeFixture.write(try daemon.place("tree-\(client)/common"), common)
                TreeFixture.write(try daemon.place("tree-\(client)/own"), generator.bytes(500_000))
                for number in 0..<50 { try daemon.put("tree-\(client)/d/\(number)", "\(number)") }
            }
            try daemon.put("tree/first", "there before")
            try await daemon.backUp()
            try await withThrowingTaskGroup { tasks in
                for client in 0..<clients {
                    tasks.addTask {
                        let tag = ["--tag", "of-\(client)"]
                        let backup = try await daemon.run("ferry", ["backup", "tree-\(client)", "nas:laptops"] + tag)
                        #expect(backup.status == 0, "\(backup.errors)")
                    }
                }
                tasks.addTask {
                    let first = "nas:laptops@1970-01-02/\(daemon.inSnapshot)/tree"
                    #expect(try await daemon.ferry("ls", first).status == 6)
                    let owned = try await daemon.ferryd("verify", "laptops")
                    #expect(owned.status == 0, "\(owned.text)\(owned.errors)")
                }
                try await tasks.waitForAll()
            }
            let list = try await daemon.snapshots()
            #expect(list.count == clients + 1 && Set(list.compactMap { $0["id"] as? String }).count == clients + 1)
            for client in 0..<clients {
                let source = "nas:laptops@of-\(client)/\(daemon.inSnapshot)/tree-\(client)"
                let restore = try await daemon.ferry("restore", source, "back-\(client)")
                #expect(restore.status == 0, "\(restore.errors)")
                let (here, there) = ("\(daemon.here)/tree-\(client)", "\(daemon.here)/back-\(client)")
                #expect(try TreeFixture.differences(here, there) == "")
            }
            // What they had in common may have come more than once only while it came for the first time.
            for client in 0..<clients {
                let again = try await daemon.ferry("backup", "--json", "tree-\(client)", "nas:laptops")
                #expect(try BackupEvent(again).wireBytes < 4096)
            }
            let verify = try await daemon.ferryd("verify", "laptops", "--read-data")
            #expect(verify.status == 0, "\(verify.text)\(verify.errors)")
        }
    }

    @Test func aBackupLeavesTheReserveFree() async throws {
        try await TestDaemon.withRepository(settings: ["FERRY_LIMITS_RESERVE": "16TiB"]) { daemon in
            try daemon.put("tree/a", "1")
            let backup = try await daemon.ferry("backup", "--json", "tree", "nas:laptops")
            #expect(backup.status == 6 && backup.text.contains("\"no-space\""), "\(backup.text)\(backup.errors)")
            #expect(try await daemon.snapshots().isEmpty)
        }
    }

    /// The second one serves what else it has, and the repository once the first one has let go of it.
    @Test func ofTwoDaemonsOneHasTheRepository() async throws {
        try await TestDaemon.withRepository { first in
            try first.put("tree/a", "1")
            try await first.backUp()
            try await TestDaemon.with { second in
                let path = ["--path", first.repository]
                let state = ["--state", second.directory + "/state"]
                let made = try await second.run("ferryd", ["repository", "create", "laptops"] + path + state)
                #expect(made.status == 0, "\(made.errors)")
                #expect(try await second.ferryd("grant", "alice", "laptops=read,write").status == 0)
                try second.put("tree/b", "2")
                for command in [["backup", "tree", "nas:laptops"], ["snapshots", "nas:laptops"]] {
                    let outcome = try await second.run("ferry", command)
                    #expect(outcome.status == 6 && outcome.errors.contains("cannot be opened"), "\(outcome.errors)")
                }
                let verify = try await second.ferryd("verify", "laptops")
                #expect(verify.status == 1 && verify.errors.contains("in use"), "\(verify.status) \(verify.errors)")
                #expect(try await second.ferry("push", "tree/b", "nas:inbox/").status == 0)
                // The first one has not noticed.
                try first.put("tree/c", "3")
                try await first.backUp()
                #expect(try await first.ferryd("repository", "remove", "laptops").status == 0)
                try await second.backUp()
                #expect(try await second.snapshots().count == 3)
                try await second.restore(to: "back")
                #expect(try TreeFixture.differences(second.here + "/tree", second.here + "/back") == "")
                let whole = try await second.ferryd("verify", "laptops", "--read-data")
                #expect(whole.status == 0, "\(whole.text)\(whole.errors)")
            }
        }
    }

    /// What a second process is told that wants the repository.
    @Test func aRepositoryHasOneDaemon() async throws {
        try await TestDaemon.withRepository { daemon in
            try daemon.put("tree/a", "1")
            try await daemon.backUp()
            // Without a daemon of its own, a command takes the lock itself.
            let other = ["--state", daemon.directory + "/other"]
            let path = ["--path", daemon.repository]
            #expect(try await daemon.run("ferryd", ["repository", "create", "same"] + path + other).status == 0)
            for command in [
                ["verify", "same"], ["repository", "stats", "same"], ["repository", "rebuild-index", "same"],
            ] {
                let outcome = try await daemon.run("ferryd", command + other)
                #expect(outcome.status == 1 && outcome.errors.contains("in use"), "\(command): \(outcome.errors)")
            }
            #expect(try await daemon.ferryd("repository", "remove", "laptops").status == 0)
            let free = try await daemon.run("ferryd", ["verify", "same", "--read-data"] + other)
            #expect(free.status == 0 && free.text.contains("1 snapshot"), "\(free.text)\(free.errors)")
        }
    }
}
