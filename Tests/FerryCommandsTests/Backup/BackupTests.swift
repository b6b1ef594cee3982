import FerryTestKit
import Foundation
import Glibc
import Testing

/// Backups and restores of trees with the built programs, over TLS; rsync says whether they are equal.
@Suite struct BackupTests {
    /// Beside what a fixture has: what an empty directory, a stream of chunks, and a node of a recipe need.
    private static func makeTree(_ daemon: TestDaemon, _ generator: inout SeededGenerator) throws {
        let tree = daemon.here + "/tree"
        TreeFixture.make(tree, entries: 200, &generator)
        #expect(chmod(tree, 0o755) == 0)
        for name in ["empty", "two words\nand a line/deep/er"] {
            let path = "\(tree)/\(name)"
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        }
        #expect(mkfifo(tree + "/pipe", 0o640) == 0)
        TreeFixture.write(tree + "/nothing", [])
        TreeFixture.write(tree + "/chunks", generator.bytes(700_000))
        TreeFixture.write(tree + "/recipe", generator.bytes(5 << 20))
        SparseFile.make(tree + "/sparse", size: 3 << 20, longest: 40, &generator)
    }

    private static func expectEqual(
        _ daemon: TestDaemon,
        _ name: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let (here, there) = (daemon.here + "/tree", "\(daemon.here)/\(name)")
        #expect(try TreeFixture.differences(here, there) == "", sourceLocation: sourceLocation)
        let sparse = SparseFile.differences(here + "/sparse", there + "/sparse")
        #expect(sparse == "", sourceLocation: sourceLocation)
    }

    @Test func aTreeComesBackExactlyAndOnlyChangesTravel() async throws {
        var generator = SeededGenerator(seed: Soak.seed(#function))
        try await TestDaemon.withRepository { daemon in
            try Self.makeTree(daemon, &generator)
            let first = try await daemon.backUp()
            #expect(first.snapshot != nil && first.failed == 0 && first.wireBytes > 5 << 20)
            try await daemon.restore(to: "back")
            try Self.expectEqual(daemon, "back")

            // Over what is equal nothing is touched.
            let before = TreeFixture.fingerprint(daemon.here + "/back")
            try await daemon.restore(to: "back", "--delete")
            #expect(TreeFixture.fingerprint(daemon.here + "/back") == before)

            let same = try await daemon.backUp()
            // What may have changed are the times of directories above the tree.
            #expect(same.wireBytes < 4096 && same.savedBytes > same.bytes - 4096)

            let tree = daemon.here + "/tree"
            TreeFixture.write(tree + "/chunks", generator.bytes(300_000))
            TreeFixture.write(tree + "/new", generator.bytes(100_000))
            try FileManager.default.removeItem(atPath: tree + "/recipe")
            try FileManager.default.moveItem(atPath: tree + "/empty", toPath: tree + "/moved")
            let changed = try await daemon.backUp()
            #expect((400_000..<500_000).contains(changed.wireBytes), "\(changed)")
            try daemon.put("back/only here", "1")
            try await daemon.restore(to: "back", "--delete")
            try Self.expectEqual(daemon, "back")

            // The first snapshot is what it was.
            let id = try #require(first.snapshot).prefix(12)
            let old = "nas:laptops@\(id)/\(daemon.inSnapshot)/tree"
            let restore = try await daemon.ferry("restore", old, "old")
            #expect(restore.status == 0, "\(restore.errors)")
            let size = try FileManager.default.attributesOfItem(atPath: daemon.here + "/old/recipe")[.size] as? Int
            #expect(size == 5 << 20)
            let verify = try await daemon.ferryd("verify", "laptops", "--read-data")
            #expect(verify.status == 0 && verify.text.contains("all is well"), "\(verify.text)")
            try daemon.unlock()
        }
    }

    @Test func pathsOfASnapshotAreListedToldAndFetched() async throws {
        try await TestDaemon.withRepository { daemon in
            try daemon.put("tree/a/file", "content")
            try daemon.put("tree/b", "2")
            #expect(link(daemon.here + "/tree/a/file", daemon.here + "/tree/z") == 0)
            try FileManager.default.createSymbolicLink(
                atPath: daemon.here + "/tree/link",
                withDestinationPath: "a/file"
            )
            try await daemon.backUp("--tag", "nightly")
            let place = "nas:laptops@nightly/\(daemon.inSnapshot)/tree"
            let list = try await daemon.ferry("ls", "--json", place).events()
            #expect(list.compactMap { $0["name"] as? String } == ["a", "b", "link", "z"])
            #expect(list.compactMap { $0["kind"] as? String } == ["directory", "file", "symlink", "file"])
            // A further name is told as the file.
            for path in ["a/file", "z"] {
                let events = try await daemon.ferry("stat", "--json", "\(place)/\(path)").events()
                #expect(events.first?["kind"] as? String == "file" && events.first?["size"] as? Int == 7, "\(path)")
                #expect(try await daemon.ferry("dump", "\(place)/\(path)").text == "content")
                #expect(try await daemon.ferry("pull", "\(place)/\(path)", "got").status == 0)
                #expect(try daemon.read("got") == Data("content".utf8))
                try FileManager.default.removeItem(atPath: daemon.here + "/got")
            }
            #expect(try await daemon.ferry("pull", "-r", place, "tree-got").status == 0)
            #expect(try TreeFixture.differences(daemon.here + "/tree", daemon.here + "/tree-got") == "")
            // Into a directory that exists, by its name.
            try FileManager.default.createDirectory(atPath: daemon.here + "/into", withIntermediateDirectories: true)
            #expect(try await daemon.ferry("restore", "\(place)/b", "into").status == 0)
            #expect(try daemon.read("into/b") == Data("2".utf8))
            for (path, text) in [
                ("\(place)/none", "not in the snapshot"), ("\(place)/b/c", "no directory"),
                ("nas:laptops@none/x", "no snapshot none"), ("nas:laptops", "is a repository"),
                ("nas:laptops/x", "is a repository"), ("nas:inbox@latest", "is a share"),
            ] {
                let list = try await daemon.ferry("ls", path)
                #expect(list.status == 6 && list.errors.contains(text), "\(path): \(list.errors)")
            }
            // A directory in the place of a file, and the other way round.
            #expect(try await daemon.ferry("dump", place).status != 0)
            #expect(try await daemon.ferry("ls", "\(place)/b").status == 0)
        }
    }

    @Test func aSnapshotIsReadOnlyAndSharesAndRepositoriesAreNotMixedUp() async throws {
        try await TestDaemon.withRepository { daemon in
            try daemon.put("tree/a", "1")
            try await daemon.backUp()
            for command in [
                ["push", "tree/a", "nas:laptops/a"], ["push", "-r", "tree", "nas:laptops"],
                ["push", "tree/a", "nas:laptops@latest/a"], ["push", "-r", "tree", "nas:laptops@latest/a"],
                ["mkdir", "nas:laptops/a"], ["mkdir", "nas:laptops@latest/a"], ["rm", "nas:laptops/a"],
                ["rm", "nas:laptops@latest/a"], ["pull", "nas:laptops/a", "b"], ["pull", "-r", "nas:laptops", "b"],
                ["sync", "tree", "nas:laptops"], ["backup", "tree", "nas:inbox"], ["snapshots", "nas:inbox"],
                ["restore", "nas:inbox@latest/a", "b"],
            ] {
                let outcome = try await daemon.run("ferry", command)
                #expect(outcome.status == 6, "\(command): \(outcome.status) \(outcome.errors)")
            }
            // A tag must be one that a path can have behind its `@`.
            for command in [
                ["backup", "tree", "nas:laptops/a"], ["backup", "tree", "nas:laptops@latest"],
                ["backup", "tree", "nas:laptops", "--tag", "a/b"], ["backup", "tree", "nas:laptops", "--tag", "a@b"],
            ] {
                #expect(try await daemon.run("ferry", command).status == 64, "\(command)")
            }
            #expect(try daemon.names(in: daemon.share) == [])
            #expect(try await daemon.snapshots().count == 1)
        }
    }

    @Test func streamsAndCommandsAreKeptIfTheyEndWell() async throws {
        let content = TestDaemon.noise(3 << 20)
        try await TestDaemon.withRepository { daemon in
            let stream = try await daemon.ferry("backup", "--stdin", "db.sql", "nas:laptops", input: content)
            #expect(stream.status == 0, "\(stream.errors)")
            #expect(try await daemon.ferry("dump", "nas:laptops@latest/db.sql").output == content)
            try daemon.write(content.dropLast(1000) + Data("other".utf8), to: "other")
            let command = ["--", "/bin/sh", "-c", "cat other"]
            let json = ["backup", "--json", "--from-command", "db.sql", "nas:laptops"]
            let again = try await daemon.run("ferry", json + command)
            #expect(again.status == 0, "\(again.errors)")
            let event = try BackupEvent(again)
            #expect(event.wireBytes < 2 << 20 && event.savedBytes > 1 << 20, "\(event)")
            #expect(try await daemon.ferry("dump", "nas:laptops@latest/db.sql").output == daemon.read("other"))
            // Half of it may have been sent when it fails.
            let bad = ["--", "/bin/sh", "-c", "cat other; exit 3"]
            let failed = try await daemon.run("ferry", json + bad)
            #expect(failed.status == 1 && failed.errors.contains("exit status 3"), "\(failed.errors)")
            #expect(try await daemon.snapshots().count == 2)
            let empty = try await daemon.ferry("backup", "--stdin", "empty", "nas:laptops")
            #expect(empty.status == 0, "\(empty.errors)")
            #expect(try await daemon.ferry("dump", "nas:laptops@latest/empty").output == Data())
            for name in ["a/b", "..", ""] {
                #expect(try await daemon.ferry("backup", "--stdin", name, "nas:laptops").status == 64, "\(name)")
            }
        }
    }

    /// Root reads everything but for want of its capabilities.
    @Test func whatCannotBeReadIsNamedAndTheRestIsKept() async throws {
        try await TestDaemon.withRepository { daemon in
            for name in ["a", "d/x", "secret", "z"] { try daemon.put("tree/" + name, name) }
            #expect(chmod(daemon.here + "/tree/secret", 0) == 0 && chmod(daemon.here + "/tree/d", 0) == 0)
            let drop = ["--bounding-set", "-dac_override,-dac_read_search", Child.built("ferry")]
            let (program, arguments) = geteuid() == 0 ? ("/usr/bin/setpriv", drop) : ("ferry", [])
            let backup = try await daemon.run(program, arguments + ["backup", "--json", "tree", "nas:laptops"])
            #expect(backup.status == 3, "\(backup.errors)")
            let event = try BackupEvent(backup)
            #expect(event.failed == 2 && event.files == 2)
            for name in ["secret", "d"] {
                #expect(backup.errors.contains("/\(daemon.inSnapshot)/tree/\(name)"), "\(backup.errors)")
            }
            #expect(try await daemon.snapshots().first?["failed"] as? Int == 2)
            let list = try await daemon.ferry("snapshots", "nas:laptops").text.split(separator: "\n")
            let cells = try #require(list.last).split(separator: " ")
            #expect(list.first?.split(separator: " ")[5] == "FAILED" && cells[5] == "2", "\(list)")
            try await daemon.restore(to: "back")
            #expect(
                try FileManager.default.subpathsOfDirectory(atPath: daemon.here + "/back").sorted() == ["a", "d", "z"]
            )
            // What was asked for and is not there is no backup.
            let missing = try await daemon.ferry("backup", "tree", "nothing", "nas:laptops")
            #expect(missing.status == 1 && missing.errors.contains("nothing"), "\(missing.errors)")
            #expect(try await daemon.snapshots().count == 1)
            try daemon.unlock()
        }
    }

    @Test func aDryRunStoresNothing() async throws {
        try await TestDaemon.withRepository { daemon in
            try daemon.write(TestDaemon.noise(200_000), to: "noise")
            try daemon.put("tree/small", "1")
            try FileManager.default.moveItem(atPath: daemon.here + "/noise", toPath: daemon.here + "/tree/noise")
            let dry = try await daemon.backUp("--dry-run")
            #expect(dry.snapshot == nil && dry.wireBytes == 0 && dry.savedBytes == 0 && dry.bytes > 200_000)
            let text = try await daemon.ferry("backup", "-n", "tree", "nas:laptops")
            #expect(text.status == 0 && text.errors.contains("(dry run)"), "\(text.errors)")
            #expect(try await daemon.snapshots().isEmpty)
            let facts = try await daemon.ferryd("repository", "stats", "laptops", "--json").events().first
            #expect(facts?["packs"] as? Int == 0 && facts?["chunks"] as? Int == 0)
            try await daemon.backUp()
            #expect(try await daemon.backUp("--dry-run").savedBytes > 200_000)
            // A restore's changes nothing either.
            let restore = "nas:laptops@latest/\(daemon.inSnapshot)/tree"
            let told = try await daemon.ferry("restore", "-n", restore, "back")
            #expect(told.status == 0 && told.text.contains("small"), "\(told.text)\(told.errors)")
            #expect(!FileManager.default.fileExists(atPath: daemon.here + "/back"))
            #expect(told.errors.contains("back (dry run): 2 files, 2 would change, 200 kB, in"), "\(told.errors)")

            // What would be done is counted, and said to be that.
            #expect(try await daemon.ferry("restore", restore, "back").status == 0)
            try daemon.put("back/small", "22")
            try daemon.put("back/only here", "1")
            #expect(chmod(daemon.here + "/back/noise", 0o600) == 0)
            let plan = try await daemon.ferry("restore", "-n", "--delete", restore, "back")
            #expect(
                plan.errors.contains("back (dry run): 2 files, 1 would change, 1 B, 1 would be deleted, in"),
                "\(plan.errors)"
            )
            for arguments in [
                ["restore", "-n", "--json", "--delete", restore, "back"],
                ["backup", "-n", "--json", "tree", "nas:laptops"],
            ] {
                let events = try await daemon.run("ferry", arguments).events()
                let transfer = try #require(events.first { $0["event"] as? String == "transfer" })
                #expect(transfer["dryRun"] as? Bool == true && events.last?["dryRun"] as? Bool == true, "\(events)")
                guard arguments[0] == "restore" else { continue }
                #expect(transfer["changed"] as? Int == 1 && transfer["deleted"] as? Int == 1)
                #expect(transfer["bytes"] as? Int == 1 && transfer["wireBytes"] as? Int == 0)
            }
            let real = try await daemon.ferry("restore", "--json", "--delete", restore, "back").events()
            #expect(real.first { $0["event"] as? String == "transfer" }?["dryRun"] == nil)
        }
    }

    @Test func filtersAndSeveralPathsCount() async throws {
        try await TestDaemon.withRepository { daemon in
            for name in ["tree/a", "tree/b.o", "tree/in/c.o", "tree/in/d", "other/e", "other/f.o", "rest/g"] {
                try daemon.put(name, name)
            }
            let backup = try await daemon.ferry("backup", "--exclude", "*.o", "other", "tree", "tree/in", "nas:laptops")
            #expect(backup.status == 0, "\(backup.errors)")
            let whole = try await daemon.ferry("restore", "nas:laptops@latest/\(daemon.inSnapshot)", "back")
            #expect(whole.status == 0, "\(whole.errors)")
            let names = try FileManager.default.subpathsOfDirectory(atPath: daemon.here + "/back").sorted()
            #expect(names == ["other", "other/e", "tree", "tree/a", "tree/in", "tree/in/d"])
            let part = try await daemon.ferry(
                "restore",
                "--include",
                "d",
                "--exclude",
                "/*/*",
                "nas:laptops@latest/\(daemon.inSnapshot)",
                "part"
            )
            #expect(part.status == 0, "\(part.errors)")
            let some = try FileManager.default.subpathsOfDirectory(atPath: daemon.here + "/part").sorted()
            #expect(some == ["other", "tree"])
        }
    }
}
