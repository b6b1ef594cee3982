import FerryTestKit
import Foundation
import Testing

/// A bit flips in a repository that the daemon serves.
@Suite struct HealingTests {
    /// Flips a bit of the first pack that is longer than some bytes.
    private static func flip(_ daemon: TestDaemon, longerThan length: Int, at place: UInt64) throws {
        let packs = try FileManager.default.subpathsOfDirectory(atPath: daemon.repository + "/packs")
        let pack = try #require(
            packs.map { "\(daemon.repository)/packs/\($0)" }.first { path in
                let size = try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int
                return size ?? 0 > length
            }
        )
        let file = try #require(FileHandle(forUpdatingAtPath: pack))
        try file.seek(toOffset: place)
        let byte = try #require(try file.read(upToCount: 1)?.first)
        try file.seek(toOffset: place)
        try file.write(contentsOf: Data([byte ^ 4]))
        try file.close()
    }

    /// Verifying names the file, a restore leaves it out, and the next backup brings it back.
    @Test func damageIsNamedAndTheNextBackupHealsIt() async throws {
        try await TestDaemon.withRepository { daemon in
            for name in ["bad", "good"] {
                _ = try daemon.place("tree/\(name)")
                try daemon.write(TestDaemon.noise(2 << 20, seed: name == "bad" ? 3 : 4), to: "tree/\(name)")
            }
            try await daemon.backUp("--compress", "off")
            // The bytes of `bad` begin the only pack of data; one of them flips.
            try Self.flip(daemon, longerThan: 4 << 20, at: 1 << 20)

            let restore = try await daemon.ferry("restore", "nas:laptops@latest/\(daemon.inSnapshot)/tree", "half")
            #expect(restore.status == 3 && restore.errors.contains("bad"), "\(restore.status) \(restore.errors)")
            #expect(try daemon.names(in: daemon.here + "/half").filter { !$0.hasPrefix(".ferry-part.") } == ["good"])
            let dump = try await daemon.ferry("dump", "nas:laptops@latest/\(daemon.inSnapshot)/tree/bad")
            #expect(dump.status != 0)
            let alone = "nas:laptops@latest/\(daemon.inSnapshot)/tree/bad"
            let one = try await daemon.ferry("restore", alone, "alone")
            #expect(one.status == 7 && one.errors.contains(alone), "\(one.status) \(one.errors)")
            #expect(!FileManager.default.fileExists(atPath: daemon.here + "/alone"))

            let verify = try await daemon.ferryd("verify", "laptops", "--read-data")
            #expect(verify.status == 7 && verify.text.contains("\(daemon.inSnapshot)/tree/bad"), "\(verify.text)")
            #expect(!verify.text.contains("tree/good"))
            let healing = try await daemon.backUp()
            #expect(healing.wireBytes > 0 && healing.wireBytes < 2 << 20)
            let clean = try await daemon.ferryd("verify", "laptops", "--json", "--read-data")
            let isWhole = try clean.events().first?["touchedCount"] as? Int
            #expect(isWhole == 0, "\(clean.text)")
            try await daemon.restore(to: "back")
            #expect(try TreeFixture.differences(daemon.here + "/tree", daemon.here + "/back") == "")
        }
    }

    /// What a restore meets is lacked from then on, though nobody verifies: the next backup sends it again.
    @Test func whatARestoreMeetsIsHealed() async throws {
        try await TestDaemon.withRepository { daemon in
            _ = try daemon.place("tree/file")
            try daemon.write(TestDaemon.noise(2 << 20, seed: 5), to: "tree/file")
            try await daemon.backUp("--compress", "off")
            try Self.flip(daemon, longerThan: 1 << 20, at: 1 << 20)
            let before = try await daemon.backUp()
            #expect(before.wireBytes < 2000)
            let restore = try await daemon.ferry("restore", "nas:laptops@latest/\(daemon.inSnapshot)/tree", "half")
            #expect(restore.status == 3)
            let healing = try await daemon.backUp()
            #expect(healing.wireBytes > 0 && healing.wireBytes < 2 << 20)
            try await daemon.restore(to: "back")
            #expect(try TreeFixture.differences(daemon.here + "/tree", daemon.here + "/back") == "")
        }
    }

    /// A directory of several nodes, one of which is damaged, is named and left as it is; all else is restored.
    @Test func aLongDirectoryThatIsDamagedInPart() async throws {
        try await TestDaemon.withRepository { daemon in
            for number in 0..<6000 {
                let name = "tree/long/\(number)-\(String(repeating: "n", count: 40))"
                _ = try daemon.place(name)
                try daemon.write(Data(), to: name)
            }
            _ = try daemon.place("tree/zz/after")
            try daemon.write(Data("after".utf8), to: "tree/zz/after")
            try await daemon.backUp("--compress", "off")
            // Nearly all that is stored are the nodes of the long one.
            try Self.flip(daemon, longerThan: 200 << 10, at: 150 << 10)
            _ = try daemon.place("back/long/kept")
            try daemon.write(Data("kept".utf8), to: "back/long/kept")
            let restore = try await daemon.ferry(
                "restore",
                "--delete",
                "nas:laptops@latest/\(daemon.inSnapshot)/tree",
                "back"
            )
            #expect(restore.status == 3 && restore.errors.contains("long"), "\(restore.status) \(restore.errors)")
            #expect(try daemon.names(in: daemon.here + "/back/zz") == ["after"])
            #expect(try daemon.names(in: daemon.here + "/back/long") == ["kept"])
        }
    }

    /// A snapshot of which nothing can be read is named by who lists them, and the daemon's log says that there is one.
    @Test func aSnapshotThatCannotBeReadIsInTheLog() async throws {
        try await TestDaemon.withRepository { daemon in
            _ = try daemon.place("tree/file")
            try daemon.write(Data("file".utf8), to: "tree/file")
            for _ in 0..<2 { try await daemon.backUp() }
            try await daemon.withRepositoryClosed {
                let file = try #require(try RepositoryFiles.files(of: daemon, "snapshots").first)
                var bytes = try Data(contentsOf: URL(fileURLWithPath: file))
                bytes[20] ^= 1
                try bytes.write(to: URL(fileURLWithPath: file))
                try RepositoryFiles.removeIndex(of: daemon)
            }
            let list = try await daemon.ferry("snapshots", "nas:laptops", "--json")
            #expect(list.status == 3, "\(list.text)\(list.errors)")
            #expect(try list.events().count(where: { $0["event"] as? String == "snapshot" }) == 1)
            let text = try await daemon.log.text(matching: "snapshots cannot be read")
            #expect(text.contains("repository=laptops snapshots=1"), "\(text)")
        }
    }
}
