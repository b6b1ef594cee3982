import FerryTestKit
import Foundation
import Glibc
import Synchronization
import Testing

/// Whole trees with the built programs, over TLS.
@Suite struct TreeTests {
    private func source(_ daemon: TestDaemon, _ files: [String: String]) throws {
        for (path, text) in files { try daemon.put("tree/" + path, text) }
    }

    @Test func aTreeTravelsThereAndBackExactly() async throws {
        var generator = SeededGenerator(seed: Soak.seed(#function))
        try await TestDaemon.with { daemon in
            TreeFixture.make(daemon.here + "/tree", entries: 300, &generator)
            let push = try await daemon.ferry("push", "-r", "tree", "nas:inbox/copy")
            #expect(push.status == 0, "\(push.errors)")
            #expect(try TreeFixture.differences(daemon.here + "/tree", daemon.share + "/copy") == "")
            let before = TreeFixture.fingerprint(daemon.share + "/copy")
            let again = try await daemon.ferry("push", "-r", "--json", "tree", "nas:inbox/copy")
            #expect(again.status == 0 && TreeFixture.fingerprint(daemon.share + "/copy") == before)
            #expect(try again.events().first?["changed"] as? Int == 0)
            let pull = try await daemon.ferry("pull", "-r", "nas:inbox/copy", "back")
            #expect(pull.status == 0, "\(pull.errors)")
            #expect(try TreeFixture.differences(daemon.here + "/tree", daemon.here + "/back") == "")
            try daemon.unlock()
        }
    }

    @Test func theTargetIsTheTreeAndASlashTakesItByName() async throws {
        try await TestDaemon.with { daemon in
            try self.source(daemon, ["a": "1", "b/c": "2"])
            try daemon.put("file", "3")
            // The second time the directory exists, and nothing else happens.
            for _ in 0..<2 { #expect(try await daemon.ferry("push", "-r", "tree", "nas:inbox/t").status == 0) }
            let both = try await daemon.ferry("push", "-r", "tree", "file", "nas:inbox/into/it/")
            #expect(both.status == 0, "\(both.errors)")
            #expect(try await daemon.ferry("push", "-r", "tree", "nas:inbox").status == 0)
            let there = try FileManager.default.subpathsOfDirectory(atPath: daemon.share).sorted()
            #expect(
                there == [
                    "a", "b", "b/c", "into", "into/it", "into/it/file", "into/it/tree", "into/it/tree/a",
                    "into/it/tree/b",
                    "into/it/tree/b/c", "t", "t/a", "t/b", "t/b/c",
                ]
            )
            let several = try await daemon.ferry("push", "-r", "tree", "file", "nas:inbox/t")
            #expect(several.status == 64 && several.errors.contains("end it with a slash"))
            let flat = try await daemon.ferry("push", "tree", "nas:inbox/t")
            #expect(flat.status == 1 && flat.errors.contains("-r sends a directory"))
            #expect(try await daemon.ferry("pull", "-r", "nas:inbox/t", "nas:inbox/into/it/file", "got/").status != 0)
            try FileManager.default.createDirectory(atPath: daemon.here + "/got", withIntermediateDirectories: true)
            let pull = try await daemon.ferry("pull", "-r", "nas:inbox/t", "nas:inbox/into/it/file", "got/")
            #expect(pull.status == 0, "\(pull.errors)")
            #expect(try daemon.read("got/t/b/c") == Data("2".utf8) && daemon.read("got/file") == Data("3".utf8))
        }
    }

    @Test func syncDeletesOnlyWhenAskedAndNeverMoreThanAllowed() async throws {
        try await TestDaemon.with { daemon in
            try self.source(daemon, ["keep": "1", "skip.o": "object"])
            #expect(try await daemon.ferry("sync", "tree", "nas:inbox/t", "--exclude", "*.o").status == 0)
            for name in ["x", "old.o", "d/y"] {
                let url = URL(fileURLWithPath: daemon.share + "/t/" + name)
                try FileManager.default.createDirectory(
                    at: url.deletingLastPathComponent(),
                    withIntermediateDirectories: true
                )
                try Data("only there".utf8).write(to: url)
            }
            let plain = try await daemon.ferry("sync", "tree", "nas:inbox/t", "--exclude", "*.o")
            #expect(plain.status == 0 && daemon.sharedNames("t") == ["d", "keep", "old.o", "x"])
            let dry = try await daemon.ferry("sync", "tree", "nas:inbox/t", "--exclude", "*.o", "--delete", "--dry-run")
            #expect(dry.text == "deleted  d/y\ndeleted  d/\ndeleted  x\n" && dry.status == 0)
            #expect(dry.errors.contains("(dry run): 1 file, 0 would change, 0 B, 3 would be deleted, in"))
            let dryMany = try await daemon.ferry(
                "sync",
                "tree",
                "nas:inbox/t",
                "--exclude",
                "*.o",
                "--delete",
                "--max-delete",
                "2",
                "-n"
            )
            #expect(dryMany.status == 8 && dryMany.text == dry.text, "\(dryMany.errors)")
            let many = try await daemon.ferry(
                "sync",
                "tree",
                "nas:inbox/t",
                "--exclude",
                "*.o",
                "--delete",
                "--max-delete",
                "2"
            )
            #expect(many.status == 8 && many.errors.contains("3 things would be deleted"))
            #expect(daemon.sharedNames("t") == ["d", "keep", "old.o", "x"])
            let all = try await daemon.ferry("sync", "tree", "nas:inbox/t", "--exclude", "*.o", "--delete", "--json")
            #expect(all.status == 0 && daemon.sharedNames("t") == ["keep", "old.o"])
            #expect(try all.events().first?["deleted"] as? Int == 3)
            // The other direction.
            try daemon.put("mirror/extra", "x")
            let back = try await daemon.ferry("sync", "nas:inbox/t", "mirror", "--delete")
            #expect(back.status == 0, "\(back.errors)")
            #expect(
                try FileManager.default.contentsOfDirectory(atPath: daemon.here + "/mirror").sorted() == [
                    "keep", "old.o",
                ]
            )
        }
    }

    @Test func verifyComparesContent() async throws {
        try await TestDaemon.with { daemon in
            try self.source(daemon, ["a": "same", "b/c": "same size"])
            #expect(try await daemon.ferry("push", "-r", "tree", "nas:inbox/t").status == 0)
            let equal = try await daemon.ferry("verify", "tree", "nas:inbox/t")
            #expect(equal.status == 0 && equal.text == "", "\(equal.errors)")
            TreeFixture.write(daemon.share + "/t/b/c", Array("SAME SIZE".utf8))
            TreeFixture.write(daemon.share + "/t/extra", [1])
            try daemon.put("tree/new", "x")
            for operands in [["tree", "nas:inbox/t"], ["nas:inbox/t", "tree"]] {
                let other = try await daemon.run("ferry", ["verify"] + operands)
                // Files are read while the rest is compared.
                let lines = Set(other.text.split(separator: "\n"))
                #expect(other.status == 7 && lines == ["differs  b/c (content)", "missing  new", "extra    extra"])
                #expect(other.errors.contains("differ in 3 things"))
            }
            #expect(daemon.sharedNames("t") == ["a", "b", "extra"])
            #expect(try await daemon.ferry("verify", "tree", "nas:inbox/none").status == 6)
            #expect(try await daemon.ferryd("revoke", "alice", "inbox=read").status == 0)
            #expect(try await daemon.ferry("verify", "tree", "nas:inbox/t").status == 6)
        }
    }

    @Test func aDryRunOntoNothingSaysThatAllIsNew() async throws {
        try await TestDaemon.with { daemon in
            try self.source(daemon, ["a": "1", "b/c": "2"])
            let push = try await daemon.ferry("sync", "tree", "nas:inbox/none", "-n")
            #expect(push.status == 0 && push.text == "new      a\nnew      b/\nnew      b/c\n", "\(push.errors)")
            #expect(daemon.sharedNames("") == [])
            #expect(try await daemon.ferry("push", "-r", "tree", "nas:inbox/t").status == 0)
            let pull = try await daemon.ferry("sync", "nas:inbox/t", "none", "-n")
            #expect(pull.status == 0 && pull.text == push.text, "\(pull.errors)")
            #expect(!FileManager.default.fileExists(atPath: daemon.here + "/none"))
        }
    }

    /// The last rule that matches decides, in the order of the command line.
    @Test func rulesCountInTheirOrder() async throws {
        try await TestDaemon.with { daemon in
            try self.source(daemon, ["a.log": "1", "important.log": "2", "x": "3", ".ferryignore": "x\n"])
            let push = try await daemon.ferry(
                "push",
                "-r",
                "--exclude",
                "*.log",
                "--include=important.log",
                "tree",
                "nas:inbox/t"
            )
            #expect(push.status == 0, "\(push.errors)")
            #expect(daemon.sharedNames("t") == [".ferryignore", "important.log"])
            // A pull is filtered where it is read.
            let pull = try await daemon.ferry(
                "pull",
                "-r",
                "--include",
                "*.log",
                "--exclude",
                "*.log",
                "nas:inbox/t",
                "got"
            )
            #expect(pull.status == 0, "\(pull.errors)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: daemon.here + "/got") == [".ferryignore"])
            let bad = try await daemon.ferry("push", "-r", "--exclude", "[a", "tree", "nas:inbox/t")
            #expect(bad.status == 64 && bad.errors.contains("can never match"))
        }
    }

    @Test func whatFailsIsNamedAndTheStatusSaysSo() async throws {
        try await TestDaemon.with { daemon in
            try self.source(daemon, ["taken": "a file here", "z": "rest"])
            try FileManager.default.createDirectory(
                atPath: daemon.share + "/t/taken",
                withIntermediateDirectories: true
            )
            let push = try await daemon.ferry("push", "-r", "--json", "tree", "nas:inbox/t")
            #expect(push.status == 3)
            let events = try push.events()
            #expect(
                events.contains { $0["event"] as? String == "error" && $0["path"] as? String == "nas:inbox/t/taken" }
            )
            #expect(events.last?["failed"] as? Int == 1)
            #expect(daemon.sharedNames("t") == ["taken", "z"])
            // A write-only user's push compares nothing, and a reader may not push.
            #expect(try await daemon.ferryd("revoke", "alice", "inbox=write").status == 0)
            #expect(try await daemon.ferry("push", "-r", "tree", "nas:inbox/t").status == 6)
            #expect(try await daemon.ferryd("revoke", "alice", "inbox=read").status == 0)
            #expect(try await daemon.ferryd("grant", "alice", "inbox=write").status == 0)
            #expect(try await daemon.ferry("push", "-r", "tree", "nas:inbox/u").status == 0)
            #expect(try await daemon.ferry("pull", "-r", "nas:inbox/u", "v").status == 6)
        }
    }

    /// A file that something writes to all the time is named, whatever of it has come; the rest arrives.
    /// A FIFO is no failure: it is named, and comes along when asked for.
    @Test func specialFilesAreLeftOutUnlessAskedFor() async throws {
        try await TestDaemon.with { daemon in
            try self.source(daemon, ["f": "1"])
            #expect(mkfifo(daemon.here + "/tree/pipe", 0o640) == 0)
            let push = try await daemon.ferry("push", "-r", "tree", "nas:inbox/t")
            #expect(push.status == 0 && push.errors.contains("left out tree/pipe"), "\(push.errors)")
            let asked = try await daemon.ferry("push", "-r", "--specials", "tree", "nas:inbox/t")
            #expect(asked.status == 0 && !asked.errors.contains("left out"), "\(asked.errors)")
            #expect(try TreeFixture.differences(daemon.here + "/tree", daemon.share + "/t") == "")
            let pull = try await daemon.ferry("pull", "-r", "--json", "nas:inbox/t", "back")
            let skipped = try pull.events().first { $0["event"] as? String == "skipped" }
            #expect(pull.status == 0 && skipped?["path"] as? String == "nas:inbox/t/pipe", "\(pull.errors)")
            #expect(try await daemon.ferry("pull", "-r", "--specials", "nas:inbox/t", "back").status == 0)
            #expect(try TreeFixture.differences(daemon.here + "/tree", daemon.here + "/back") == "")
        }
    }

    @Test func aFileThatGrowsAllTheTimeIsNamed() async throws {
        try await TestDaemon.with { daemon in
            TreeFixture.write(try daemon.place("tree/log"), [UInt8](repeating: 1, count: 40 << 20))
            try daemon.put("tree/z", "rest")
            let isOver = Mutex(false)
            let path = daemon.here + "/tree/log"
            let writer = Thread {
                guard let file = FileHandle(forUpdatingAtPath: path) else { return }
                while !isOver.withLock({ $0 }) {
                    file.seekToEndOfFile()
                    file.write(Data([2]))
                }
            }
            writer.start()
            let push = try await daemon.ferry("push", "-r", "tree", "nas:inbox/t")
            isOver.withLock { $0 = true }
            #expect(push.status == 3 && push.errors.contains("changed"), "\(push.status) \(push.errors)")
            #expect(daemon.sharedNames("t") == ["z"])
        }
    }

    /// Either side is killed again and again: the same command finishes in the end, and no file is ever half.
    @Test(arguments: ["client", "daemon"]) func aTreeThatIsKilledAgainAndAgainArrives(_ victim: String) async throws {
        var generator = SeededGenerator(seed: 7)
        try await TestDaemon.with { daemon in
            for number in 0..<400 {
                TreeFixture.write(
                    try daemon.place("tree/d\(number % 7)/f\(number)"),
                    generator.bytes(generator.below(90_000))
                )
            }
            var kills = 0
            let wanted = Soak.count(3, soak: 30)
            while kills < wanted {
                // Small files appear many at a time; it takes longer than the first of them wait for others.
                let client = try daemon.start("ferry", ["push", "-r", "--limit-rate", "8M", "tree", "nas:inbox/t"])
                // As soon as so many files have come that there is progress in every round.
                let mark = (kills + 1) * 400 / (wanted + 1)
                while !client.isOver, daemon.sharedFiles("t") < mark { sched_yield() }
                if client.isOver { break }
                kills += 1
                if victim == "client" { client.send(SIGKILL) } else { daemon.kill() }
                _ = await client.status()
                #expect(try self.halves(daemon) == [])
                if victim == "daemon" { break }
            }
            print("the \(victim) was killed \(kills) times")
            #expect(kills > 0)
            try await daemon.again(isKilled: victim == "daemon") {
                let last = try await daemon.ferry("push", "-r", "tree", "nas:inbox/t")
                #expect(last.status == 0, "\(last.errors)")
            }
            #expect(try TreeFixture.differences(daemon.here + "/tree", daemon.share + "/t") == "")
        }
    }

    /// Files of the share that are not what they are in the source.
    private func halves(_ daemon: TestDaemon) throws -> [String] {
        let names = try FileManager.default.subpathsOfDirectory(atPath: daemon.share + "/t")
        return names.filter { name in
            guard !name.contains(".ferry-part."), TreeFixture.isFile(daemon.share + "/t/" + name) else { return false }
            return FileManager.default.contents(atPath: daemon.share + "/t/" + name)
                != FileManager.default.contents(atPath: daemon.here + "/tree/" + name)
        }
    }

    @Test func twoPushesOfOneTreeAtOnceBothSucceed() async throws {
        var generator = SeededGenerator(seed: 8)
        try await TestDaemon.with { daemon in
            for number in 0..<300 {
                TreeFixture.write(
                    try daemon.place("tree/d\(number % 5)/f\(number)"),
                    generator.bytes(generator.below(200_000))
                )
            }
            let clients = try (0..<3).map { _ in try daemon.start("ferry", ["push", "-r", "tree", "nas:inbox/t"]) }
            for client in clients { #expect(await client.status() == 0) }
            #expect(try TreeFixture.differences(daemon.here + "/tree", daemon.share + "/t") == "")
            let names = try FileManager.default.subpathsOfDirectory(atPath: daemon.share)
            #expect(!names.contains { $0.contains(".ferry-part.") })
        }
    }
}

extension TestDaemon {
    /// The path of a file in ``here``, the directory of which is made.
    func place(_ path: String) throws -> String {
        let url = URL(fileURLWithPath: self.here + "/" + path)
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        return url.path
    }

    func put(_ path: String, _ text: String) throws { TreeFixture.write(try self.place(path), Array(text.utf8)) }

    /// Names in a directory of the share, sorted; none if it is missing.
    func sharedNames(_ path: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: self.share + "/" + path)) ?? []).sorted()
    }

    /// How many files beneath a directory of the share have their names.
    func sharedFiles(_ path: String) -> Int {
        let names = (try? FileManager.default.subpathsOfDirectory(atPath: self.share + "/" + path)) ?? []
        return names.count { !$0.contains(".ferry-part.") && $0.contains("/f") }
    }

    /// Gives the right to write back to directories that a test took it from, so that all can be removed.
    func unlock() throws {
        try Process.run(URL(fileURLWithPath: "/bin/chmod"), arguments: ["-R", "u+rwx", self.directory]).waitUntilExit()
    }
}
