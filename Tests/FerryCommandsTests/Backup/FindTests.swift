import FerryChunking
import FerryErrors
import FerryTestKit
import FerryWire
import Foundation
import Testing

/// `ferry find` with the built programs, over TLS.
@Suite struct FindTests {
    /// Finds and returns the events.
    private static func find(
        _ daemon: TestDaemon,
        _ arguments: [String],
        status: Int32 = 0,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> [[String: Any]] {
        let outcome = try await daemon.run("ferry", ["find", "--json"] + arguments)
        #expect(outcome.status == status, "\(arguments): \(outcome.errors)", sourceLocation: sourceLocation)
        return try outcome.events().filter { $0["event"] as? String == "found" }
    }

    private static func paths(_ events: [[String: Any]], _ daemon: TestDaemon) -> [String] {
        let top = daemon.inSnapshot + "/tree/"
        return events.compactMap { ($0["path"] as? String).map { $0.replacingOccurrences(of: top, with: "") } }
    }

    @Test func eachVersionOfALostFileIsTold() async throws {
        try await TestDaemon.withRepository { daemon in
            try daemon.put("tree/etc/sshd_config", "one")
            try daemon.put("tree/etc/other", "1")
            let first = try await daemon.backUp("--tag", "old")
            try await daemon.backUp()
            try daemon.put("tree/etc/sshd_config", "version two")
            let third = try await daemon.backUp()
            try daemon.put("tree/etc/other", "2")
            let fourth = try await daemon.backUp()
            try FileManager.default.removeItem(atPath: daemon.here + "/tree/etc/sshd_config")
            try await daemon.backUp()

            let found = try await Self.find(daemon, ["nas:laptops", "sshd_config"])
            #expect(found.compactMap { $0["size"] as? Int } == [11, 3])
            #expect(found.compactMap { $0["snapshots"] as? Int } == [2, 2])
            #expect(found.first?["snapshot"] as? String == fourth.snapshot)
            #expect(found.first?["oldest"] as? String == third.snapshot)
            #expect(found.last?["oldest"] as? String == first.snapshot)
            #expect(Self.paths(found, daemon) == ["etc/sshd_config", "etc/sshd_config"])

            // What is printed is what restores it.
            let text = try await daemon.ferry("find", "nas:laptops", "sshd_config").text
            let lines = text.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
            #expect(lines.count == 3 && lines[0].first == "SNAPSHOT" && lines[0].last == "PATH", "\(text)")
            for (line, content) in zip(lines.dropFirst(), ["version two", "one"]) {
                let path = "nas:laptops@\(line[0])/\(line[line.count - 1])"
                #expect(try await daemon.ferry("dump", path).text == content, "\(path)")
                #expect(line[2] == "2", "\(text)")
            }
            // Each snapshot by itself.
            let all = try await Self.find(daemon, ["--all", "nas:laptops", "sshd_config"])
            #expect(all.compactMap { $0["size"] as? Int } == [11, 11, 3, 3])
            #expect(all.compactMap { $0["snapshots"] as? Int } == [])
            let one = try await Self.find(daemon, ["nas:laptops@old", "sshd_config"])
            #expect(one.compactMap { $0["snapshot"] as? String } == [first.snapshot])
            #expect(try await Self.find(daemon, ["--tag", "old", "nas:laptops", "sshd*"]).count == 1)
            #expect(try await Self.find(daemon, ["--tag", "none", "nas:laptops", "sshd*"], status: 6).isEmpty)
            #expect(try await Self.find(daemon, ["--host", "none", "nas:laptops", "sshd*"], status: 6).isEmpty)
            let nothing = try await daemon.ferry("find", "nas:laptops@latest", "sshd_config")
            #expect(
                nothing.status == 6 && nothing.text == "" && nothing.errors.contains("1 snapshot"),
                "\(nothing.errors)"
            )
        }
    }

    @Test func patternsKindsSizesAndTimesCount() async throws {
        try await TestDaemon.withRepository { daemon in
            try daemon.put("tree/a.TXT", "1")
            try daemon.put("tree/in/b.txt", String(repeating: "x", count: 5000))
            try daemon.put("tree/in/deep/b.txt.d/c", "2")
            let link = daemon.here + "/tree/l.txt"
            try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "a.TXT")
            try await daemon.backUp()
            let place = "nas:laptops@latest/\(daemon.inSnapshot)/tree"
            for (arguments, expected) in [
                (["*.txt"], ["in/b.txt", "l.txt"]), (["-i", "*.txt"], ["a.TXT", "in/b.txt", "l.txt"]),
                (["-i", "*.TXT", "-t", "file"], ["a.TXT", "in/b.txt"]), (["*.txt", "-t", "link"], ["l.txt"]),
                (["*", "-t", "dir"], ["in", "in/deep", "in/deep/b.txt.d"]), (["b.txt*/"], ["in/deep/b.txt.d"]),
                (["/in/*"], ["in/b.txt", "in/deep"]), (["**/deep/**"], ["in/deep/b.txt.d", "in/deep/b.txt.d/c"]),
                (["*", "!c", "!in/**", "!l.txt"], ["a.TXT", "in"]), (["*", "--min-size", "1KiB"], ["in/b.txt"]),
                (["*", "--max-size", "1", "--newer-than", "1d"], ["a.TXT", "in/deep/b.txt.d/c"]),
                (["a.TXT", "c"], ["a.TXT", "in/deep/b.txt.d/c"]),
            ] {
                let found = try await Self.find(daemon, [place] + arguments)
                #expect(Self.paths(found, daemon) == expected, "\(arguments)")
            }
            #expect(try await Self.find(daemon, [place, "*", "--older-than", "1d"], status: 6).isEmpty)
            for arguments in [
                [place, "["], [place], ["nas:laptops/etc", "a"], [place, "a", "--tag", "x"], [place, "a", "-t", "x"],
                [place, "a//b"], ["here", "a"],
            ] { #expect(try await daemon.run("ferry", ["find"] + arguments).status == 64, "\(arguments)") }
            for place in ["nas:laptops@none", "nas:inbox", "nas:other", "\(place)/none", "\(place)/a.TXT"] {
                let outcome = try await daemon.ferry("find", place, "a")
                #expect(outcome.status == 6, "\(place): \(outcome.errors)")
            }
        }
    }

    /// Snapshots of two machines take turns: each machine's versions are counted by themselves.
    @Test func machinesAndUsersAreKeptApart() async throws {
        try await TestDaemon.withRepository { daemon in
            try await daemon.add(user: "carol", grant: "append")
            for number in 0..<3 {
                try daemon.put("tree/file", "one")
                try daemon.put("tree/other", "\(number)")
                try await daemon.backUp("--host", "one")
                try daemon.put("tree/file", "the second")
                let backup = try await daemon.ferry("backup", "tree", "carol:laptops", "--host", "two")
                #expect(backup.status == 0, "\(backup.errors)")
            }
            let found = try await Self.find(daemon, ["nas:laptops", "file", "-t", "file"])
            let hosts = Set(found.compactMap { $0["host"] as? String })
            #expect(hosts == ["one", "two"])
            let count = found.compactMap { $0["snapshots"] as? Int }.reduce(0, +)
            #expect(count == 6)
            // Who may only append finds what is their own.
            let own = try await Self.find(daemon, ["carol:laptops", "file", "-t", "file"])
            #expect(Set(own.compactMap { $0["owner"] as? String }) == ["carol"])
            #expect(Set(own.compactMap { $0["size"] as? Int }) == [10])
            #expect(try await Self.find(daemon, ["--host", "one", "carol:laptops", "file"], status: 6).isEmpty)
            let ids = try await daemon.snapshots().compactMap { $0["id"] as? String }
            let other = try await daemon.ferry("find", "carol:laptops@\(ids[0])", "file")
            #expect(other.status == 6 && other.text.isEmpty && other.errors.contains("no snapshot"), "\(other.errors)")
            try await daemon.add(user: "writer", grant: "write")
            #expect(try await daemon.ferry("find", "writer:laptops", "file").status == 6)
        }
    }

    @Test func namesAreEscaped() async throws {
        try await TestDaemon.withRepository { daemon in
            try daemon.put("tree/a\u{1B}[2Jb\nc", "1")
            try await daemon.backUp()
            for arguments in [["find", "nas:laptops", "a*c"], ["find", "--json", "nas:laptops", "a*c"]] {
                let outcome = try await daemon.run("ferry", arguments)
                #expect(outcome.status == 0 && !outcome.text.contains("\u{1B}"), "\(outcome.text)")
                #expect(outcome.text.contains("x1B[2Jb") && !outcome.text.contains("b\nc"), "\(outcome.text)")
            }
        }
    }
}
