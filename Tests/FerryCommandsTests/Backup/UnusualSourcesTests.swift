import FerryObjects
import FerryTestKit
import Foundation
import Glibc
import Testing

/// Files and directories that make a backup's work hard: very many, very large, or with content that looks like the repository's own.
@Suite struct UnusualSourcesTests {
    /// Names of so many things, and what is to be remembered of each, would take more.
    private static let (clientMemory, daemonMemory) = (160, 200)

    @Test func aDirectoryOfVeryManyEntries() async throws {
        let count = Soak.count(20_000, soak: 1_000_000)
        try await TestDaemon.withRepository { daemon in
            let tree = daemon.here + "/tree"
            try FileManager.default.createDirectory(atPath: tree, withIntermediateDirectories: true)
            for number in 0..<count { TreeFixture.write("\(tree)/\(number)", Array("\(number)".utf8)) }
            let source = "nas:laptops@latest/\(daemon.inSnapshot)/tree"
            var peaks: [String] = []
            for arguments in [
                ["backup", "tree", "nas:laptops"], ["backup", "tree", "nas:laptops"], ["restore", source, "back"],
                ["restore", "--delete", source, "back"], ["ls", source],
            ] {
                let most = try await PeakMemory.ofFerry(arguments, daemon)
                #expect(most <= Self.clientMemory, "\(arguments): \(most) MiB")
                peaks.append("\(arguments[0]): \(most)")
            }
            #expect(try TreeFixture.differences(tree, daemon.here + "/back") == "")
            // One more costs what lies beside it in the list, not the list.
            try daemon.put("tree/one more", "1")
            #expect(try await daemon.backUp().wireBytes < 200_000)
            let verify = try await daemon.ferryd("verify", "laptops", "--read-data")
            #expect(verify.status == 0, "\(verify.text)\(verify.errors)")
            let most = try PeakMemory.of(daemon)
            #expect(most <= Self.daemonMemory, "the daemon: \(most) MiB")
            print("a directory of \(count) entries, MiB at most: \(peaks.joined(separator: ", ")), the daemon: \(most)")
        }
    }

    /// Nobody reads, sends or stores what is not there.
    @Test(.timeLimit(.minutes(5))) func aTebibyteOfHoles() async throws {
        var generator = SeededGenerator(seed: 3)
        let data = (0..<64).map { (($0 << 34) + 4096 * $0)..<(($0 << 34) + 4096 * $0 + 16_384) }
        try await TestDaemon.withRepository { daemon in
            let path = try daemon.place("tree/image")
            SparseFile.make(path, size: 1 << 40, data: data, &generator)
            let first = try await daemon.backUp()
            #expect(first.bytes >= 1 << 40 && first.wireBytes < 2 << 20, "\(first)")
            #expect(try await daemon.backUp().wireBytes < 4096)
            try await daemon.restore(to: "back")
            #expect(SparseFile.differences(path, daemon.here + "/back/image") == "")
            let verify = try await daemon.ferryd("verify", "laptops", "--read-data")
            #expect(verify.status == 0, "\(verify.text)\(verify.errors)")
        }
    }

    /// Files with the bytes of nodes, of packs and of snapshots, those of this very repository: they are files, as long as they
    /// are there, and when their packs must be searched for blocks.
    @Test func filesThatLookLikeTheRepositorysOwn() async throws {
        try await TestDaemon.withRepository { daemon in
            let empty = DirectoryLeaf([]).node.encoded
            TreeFixture.write(try daemon.place("tree/an empty directory"), empty)
            TreeFixture.write(try daemon.place("tree/noise"), Array(TestDaemon.noise(300_000)))
            try await daemon.backUp("--compress", "off")
            // Its bytes are there, as a chunk.
            try FileManager.default.createDirectory(
                atPath: daemon.here + "/tree/empty",
                withIntermediateDirectories: true
            )
            for part in ["packs", "snapshots"] {
                try FileManager.default.copyItem(
                    atPath: "\(daemon.repository)/\(part)",
                    toPath: "\(daemon.here)/tree/\(part)"
                )
            }
            try await daemon.backUp("--compress", "off")
            try await daemon.restore(to: "back")
            #expect(try TreeFixture.differences(daemon.here + "/tree", daemon.here + "/back") == "")

            // The index is lost, and the packs' footers are.
            let packs = try await daemon.withRepositoryClosed {
                try RepositoryFiles.removeIndex(of: daemon)
                let packs = try RepositoryFiles.files(of: daemon, "packs")
                for pack in packs {
                    let size = try #require(try FileManager.default.attributesOfItem(atPath: pack)[.size] as? Int)
                    try #require(truncate(pack, size - 30) == 0)
                }
                return packs.count
            }
            #expect(packs == 4)
            try await daemon.restore(to: "again")
            #expect(try TreeFixture.differences(daemon.here + "/tree", daemon.here + "/again") == "")
            let verify = try await daemon.ferryd("verify", "laptops", "--read-data", "--json")
            let report = try #require(try verify.events().first)
            #expect(
                report["touchedCount"] as? Int == 0 && report["findingCount"] as? Int ?? packs == packs,
                "\(report)"
            )
            #expect(try await daemon.backUp("--compress", "off").wireBytes < 4096)
        }
    }

    /// A file is backed up and rewritten, with the same size and within one tick of the clock: nothing that the kernel tells of it differs.
    @Test func aFileRewrittenWithinTheClocksTick() async throws {
        try await TestDaemon.withRepository { daemon in
            var hits = 0
            for round in 0..<Soak.count(20, soak: 200) where hits < Soak.count(2, soak: 50) {
                try await Self.rewrite(try daemon.place("tree/file"), round, daemon) { hits += 1 }
            }
            #expect(hits == Soak.count(2, soak: 50), "the times of a file differed all the time")
        }
    }

    /// The first store to a page of a mapped file sets the file's times, and further ones do not, until the kernel has written the
    /// page: as if the clock had not moved.
    private static func rewrite(_ path: String, _ round: Int, _ daemon: TestDaemon, hit: () -> Void) async throws {
        let size = 4096
        TreeFixture.write(path, [UInt8](repeating: 1, count: size))
        let file = open(path, O_RDWR | O_CLOEXEC)
        try #require(file >= 0 && fsync(file) == 0)
        defer { close(file) }
        let page = try #require(mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0))
        defer { munmap(page, size) }
        let bytes = page.bindMemory(to: UInt8.self, capacity: size)
        for place in 0..<size { bytes[place] = UInt8(truncatingIfNeeded: 2 * round) }
        var (before, after) = (stat(), stat())
        try #require(fstat(file, &before) == 0)
        try await daemon.backUp()
        for place in 0..<size { bytes[place] = UInt8(truncatingIfNeeded: 2 * round + 1) }
        try #require(fstat(file, &after) == 0)
        try await daemon.backUp()
        let (one, other) = (before.st_ctim, after.st_ctim)
        guard one.tv_sec == other.tv_sec, one.tv_nsec == other.tv_nsec else { return }
        hit()
        let dump = try await daemon.ferry("dump", "nas:laptops@latest/\(daemon.inSnapshot)/tree/file")
        #expect(dump.output == Data(repeating: UInt8(truncatingIfNeeded: 2 * round + 1), count: size), "round \(round)")
    }
}
