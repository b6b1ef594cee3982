import FerryChunking
import FerryObjects
import FerryTestKit
import Foundation
import Testing

/// Blocks travel in a restore as they are stored.
@Suite struct RestoredBlocksTests {
    /// Bytes that a restore of the tree took on the wire.
    private static func restored(_ daemon: TestDaemon, to target: String, _ options: String...) async throws -> Int {
        let source = "nas:laptops@latest/\(daemon.inSnapshot)/tree"
        let outcome = try await daemon.run("ferry", ["restore", "--json", source, target] + options)
        #expect(outcome.status == 0, "\(outcome.errors)")
        return try BackupEvent(outcome).wireBytes
    }

    private static func fill(_ daemon: TestDaemon) throws -> Int {
        var bytes = 0
        for number in 0..<600 {
            // Every fifth is one that was there before.
            let content = number % 5 == 4 ? number - 4 : number
            let text = (0..<400).map { "\(content * 7919 + $0 * 31) is line \($0) of \(content)\n" }.joined()
            bytes += text.utf8.count
            try daemon.write(Data(text.utf8), to: "tree/d\(number % 9)/f\(number)")
        }
        return bytes
    }

    @Test func aRestoreTakesWhatTheBackupTook() async throws {
        try await TestDaemon.withRepository { daemon in
            for number in 0..<9 { _ = try daemon.place("tree/d\(number)/x") }
            let bytes = try Self.fill(daemon)
            let backup = try await daemon.backUp("--compress", "fast")
            #expect(backup.wireBytes < bytes / 2)
            // The few that are taken apart, because they repeat or the link's speed is not known yet, are not compressed again.
            var wire = try await Self.restored(daemon, to: "back")
            // On a machine that is busy the link may look slow, for which blocks are made short.
            for attempt in 0..<8 where wire >= bytes / 2 + bytes / 4 {
                wire = try await Self.restored(daemon, to: "back\(attempt)")
            }
            #expect(wire < bytes / 2 + bytes / 4, "\(wire) of \(bytes)")
            #expect(try TreeFixture.differences(daemon.here + "/tree", daemon.here + "/back") == "")

            // A part of each block is wanted.
            _ = try await Self.restored(daemon, to: "some", "--exclude", "f*[13579]")
            let names = try FileManager.default.subpathsOfDirectory(atPath: daemon.here + "/some")
            #expect(names.count(where: { $0.contains("/f") }) == 300)
            for name in names where name.contains("/f") {
                let there = FileManager.default.contents(atPath: daemon.here + "/tree/" + name)
                #expect(FileManager.default.contents(atPath: daemon.here + "/some/" + name) == there)
            }
            // And the rest.
            _ = try await Self.restored(daemon, to: "some")
            #expect(try TreeFixture.differences(daemon.here + "/tree", daemon.here + "/some") == "")
        }
    }

    /// A block that has the sum that it should and holds something else: who gets it finds out, and nothing of it is taken.
    @Test func aBlockThatIsNotWhatItsSumSaysIsRefused() async throws {
        try await TestDaemon.withRepository { daemon in
            for name in ["a", "b"] {
                _ = try daemon.place("tree/\(name)")
                try daemon.write(TestDaemon.noise(1 << 20, seed: name == "a" ? 3 : 4), to: "tree/\(name)")
            }
            try await daemon.backUp("--compress", "off")
            let path = try #require(
                try RepositoryFiles.files(of: daemon, "packs").first {
                    FileManager.default.contents(atPath: $0)?.count ?? 0 > 1 << 20
                }
            )
            var bytes = try [UInt8](#require(FileManager.default.contents(atPath: path)))
            let salt = try PackHeader(Array(bytes.prefix(PackHeader.length))).salt
            let start = PackHeader.length
            let head = try BlockHeader.headLength(Array(bytes[start...].prefix(BlockHeader.length)), salt: salt)
            let header = try BlockHeader(Array(bytes[start...].prefix(head)), salt: salt)
            let body = (start + head)..<(start + header.totalLength)
            bytes[body.lowerBound + 100] ^= 1
            let forged = BlockHeader(
                kind: header.kind,
                isCompressed: header.isCompressed,
                storedLength: header.storedLength,
                checksum: Checksum.crc32c(Array(bytes[body])),
                parts: header.parts
            )
            bytes.replaceSubrange(start..<(start + head), with: forged.encoded(salt: salt))
            try Data(bytes).write(to: URL(filePath: path))

            let restore = try await daemon.ferry("restore", "nas:laptops@latest/\(daemon.inSnapshot)/tree", "half")
            #expect(restore.status != 0 && restore.errors.contains("hash"), "\(restore.status) \(restore.errors)")
            for name in ["a", "b"] {
                guard let there = FileManager.default.contents(atPath: daemon.here + "/half/" + name) else { continue }
                #expect(there == FileManager.default.contents(atPath: daemon.here + "/tree/" + name))
            }
            // Who reads the data finds out which, and the next backup sends it again.
            #expect(try await daemon.ferryd("verify", "laptops", "--read-data").status == 7)
            try await daemon.backUp()
            try await daemon.restore(to: "back")
            #expect(try TreeFixture.differences(daemon.here + "/tree", daemon.here + "/back") == "")
        }
    }
}
