import Foundation
import Testing

@Suite struct FailureTests {
    @Test func someOfSeveralIsPartial() async throws {
        try await TestDaemon.with { daemon in
            for name in ["a", "b"] { try daemon.write(Data(name.utf8), to: name) }
            try FileManager.default.createDirectory(atPath: daemon.here + "/dir", withIntermediateDirectories: true)
            let push = try await daemon.ferry("push", "-q", "a", "missing", "dir", "b", "nas:inbox/")
            #expect(push.status == 3)
            let lines = push.errors.split(separator: "\n")
            try #require(lines.count == 2, "\(push.errors)")
            #expect(lines[0].contains("missing: no such file"))
            #expect(lines[1].contains("dir: it is a directory"))
            #expect(try daemon.names(in: daemon.share) == ["a", "b"])
            let pull = try await daemon.ferry("pull", "-q", "nas:inbox/a", "nas:inbox/missing", "nas:inbox/b", "..")
            #expect(pull.status == 3)
            #expect(pull.errors.contains("nas:inbox/missing"))
            #expect(try daemon.read("../b") == Data("b".utf8))
            let none = try await daemon.ferry("push", "missing", "dir", "nas:inbox/")
            #expect(none.status == 1)
            let remote = try await daemon.ferry("pull", "nas:inbox/missing", "..")
            #expect(remote.status == 6)
        }
    }

    @Test func aServerThatIsGoneEndsNothingButItsOwnPaths() async throws {
        try await TestDaemon.with { daemon in
            let book = URL(fileURLWithPath: daemon.directory + "/config/servers.json")
            let text = try String(contentsOf: book, encoding: .utf8)
            var root = try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
            var servers = try #require(root["servers"] as? [String: [String: Any]])
            servers["gone"] = servers["nas"]
            // Nobody listens on port 1.
            servers["gone"]?["port"] = 1
            root["servers"] = servers
            let handle = try FileHandle(forWritingTo: book)
            try handle.truncate(atOffset: 0)
            try handle.write(contentsOf: JSONSerialization.data(withJSONObject: root))
            try handle.close()
            let made = try await daemon.ferry("mkdir", "nas:inbox/a", "gone:inbox/b", "nas:inbox/c")
            #expect(made.status == 3, "\(made.errors)")
            #expect(made.errors.contains("gone:inbox/b"))
            #expect(try daemon.names(in: daemon.share) == ["a", "c"])
        }
    }

    @Test func aReadOnlyShareTakesNothing() async throws {
        try await TestDaemon.with(readOnly: true) { daemon in
            try daemon.write(Data("a".utf8), to: "a")
            for arguments in [["push", "a", "nas:inbox/"], ["rm", "nas:inbox/a"], ["mkdir", "nas:inbox/d"]] {
                let outcome = try await daemon.run("ferry", arguments)
                #expect(outcome.status == 6)
                #expect(outcome.errors.contains("read-only"))
            }
            #expect(try daemon.names(in: daemon.share).isEmpty)
        }
    }

    @Test func grantsAreNeeded() async throws {
        try await TestDaemon.with(grant: "read") { daemon in
            try daemon.write(Data("a".utf8), to: "a")
            try Data("s".utf8).write(to: URL(fileURLWithPath: daemon.share + "/s"))
            let push = try await daemon.ferry("push", "a", "nas:inbox/")
            #expect(push.status == 6)
            #expect(push.errors.contains("alice may not write"))
            #expect(try await daemon.ferry("pull", "nas:inbox/s", ".").status == 0)
            let other = try await daemon.ferry("push", "a", "nas:other/")
            #expect(other.status == 6)
        }
    }

    @Test func whoMayOnlyWriteCanPushByName() async throws {
        try await TestDaemon.with(grant: "write") { daemon in
            try daemon.write(Data("a".utf8), to: "a")
            let push = try await daemon.ferry("push", "a", "nas:inbox/name")
            #expect(push.status == 0, "\(push.errors)")
            #expect(try daemon.shared("name") == Data("a".utf8))
            let pull = try await daemon.ferry("pull", "nas:inbox/name", ".")
            #expect(pull.status == 6)
        }
    }

    @Test func aWrongPinEndsTheJob() async throws {
        try await TestDaemon.with { daemon in
            for name in ["a", "b"] { try daemon.write(Data(name.utf8), to: name) }
            let link = String(decoding: try daemon.read("link"), as: UTF8.self)
            let pin = try #require(link.range(of: "sha256:"))
            let digit = link[pin.upperBound] == "0" ? "1" : "0"
            let other = link.replacingCharacters(in: pin.upperBound...pin.upperBound, with: digit)
            try daemon.write(Data(other.utf8), to: "other")
            let login = try await daemon.ferry("login", "--name", "other", "--no-check", "--link-file", "other")
            #expect(login.status == 0)
            let push = try await daemon.ferry("push", "a", "b", "other:inbox/")
            #expect(push.status == 4)
            #expect(push.errors.contains("not the pinned one"))
            #expect(push.errors.split(separator: "\n").count == 1)
            #expect(try daemon.names(in: daemon.share).isEmpty)
        }
    }

    @Test func aWrongTokenIsRefused() async throws {
        try await TestDaemon.with { daemon in
            try daemon.write(Data("a".utf8), to: "a")
            let removed = try await daemon.run("ferryd", ["user", "remove", "alice", "--state", "../state"])
            #expect(removed.status == 0, "\(removed.errors)")
            let push = try await daemon.ferry("push", "a", "nas:inbox/")
            #expect(push.status == 4, "\(push.errors)")
        }
    }

    @Test func nobodyThereIsAConnectionError() async throws {
        try await TestDaemon.with { daemon in
            try daemon.write(Data("a".utf8), to: "a")
            #expect(await daemon.stop() == 0)
            let push = try await daemon.ferry("push", "a", "nas:inbox/")
            #expect(push.status == 5)
            #expect(push.errors.contains("127.0.0.1:\(daemon.port): Connection refused"))
        }
    }

    @Test func aBrokenPullLeavesTheOldFile() async throws {
        try await TestDaemon.with { daemon in
            try TestDaemon.noise(3_000_000).write(to: URL(fileURLWithPath: daemon.share + "/big"))
            try Data("s".utf8).write(to: URL(fileURLWithPath: daemon.share + "/small"))
            try FileManager.default.createDirectory(atPath: daemon.here + "/dir", withIntermediateDirectories: true)
            try daemon.write(Data("old".utf8), to: "dir/big")
            // A file size limit in the middle of the file; the job goes on over a new connection.
            let pull = try await daemon.shell(
                "trap '' XFSZ; ulimit -f 2048; ferry pull -q nas:inbox/big nas:inbox/small dir"
            )
            #expect(pull.status == 3)
            #expect(pull.errors.contains("nas:inbox/big"))
            #expect(try daemon.read("dir/big") == Data("old".utf8))
            #expect(try daemon.names(in: daemon.here + "/dir") == ["big", "small"])
        }
    }

    @Test func aJobThatLosesItsDaemonNamesWhatIsNotDone() async throws {
        try await TestDaemon.with { daemon in
            try Data("s".utf8).write(to: URL(fileURLWithPath: daemon.share + "/small"))
            try daemon.makeHugeFile("huge")
            try FileManager.default.createDirectory(atPath: daemon.here + "/dir", withIntermediateDirectories: true)
            let errors = Pipe()
            let child = try Child(
                "ferry",
                ["pull", "nas:inbox/small", "nas:inbox/huge", "nas:inbox/last", "nas:inbox/very-last", "dir"],
                environment: daemon.environment,
                directory: daemon.here,
                errors: errors.fileHandleForWriting
            )
            try errors.fileHandleForWriting.close()
            let watcher = Watcher(errors.fileHandleForReading)
            _ = try await watcher.text(matching: "-> dir/small")
            daemon.kill()
            #expect(await child.status() == 3)
            let text = try await watcher.text(matching: "1 file, 3 failed")
            #expect(text.contains("ferry: nas:inbox/huge: "))
            // A dying daemon may still accept, and then hang up.
            #expect(text.contains("ferry: nas:inbox/last: "))
            #expect(text.contains("ferry: nas:inbox/very-last: not transferred"))
            // What had come of the other waits, hidden, for the same command.
            let names = try daemon.names(in: daemon.here + "/dir").filter { !$0.hasPrefix(".ferry-part.") }
            #expect(names == ["small"])
        }
    }

    @Test func commandLinesAreChecked() async throws {
        try await TestDaemon.with { daemon in
            try daemon.write(Data("a".utf8), to: "a")
            for (arguments, words) in [
                (["psuh", "a", "nas:inbox/"], "ferry push"), (["push", "a"], "Usage"),
                (["push", "a", "b"], "local path"),
                (["push", "nas:inbox/a", "nas:inbox/b"], "ferry pull"), (["push", "a", "nsa:inbox/"], "`nas`"),
                (["push", "a", "nas:inbox/../x"], ".."), (["pull", "nas:inbox/a", "nas:inbox/b"], "on a server"),
                (["pull", "a", "b"], "local path"), (["pull", "--json", "nas:inbox/a", "-"], "standard output"),
                (["push", "--compress", "some", "a", "nas:inbox/"], "fast"), (["ls", "a"], "local path"),
                (["push", "--from-command", "nas:inbox/x"], "command"),
            ] {
                let outcome = try await daemon.run("ferry", arguments)
                #expect(outcome.status == 64, "\(arguments): \(outcome.errors)")
                #expect(outcome.errors.contains(words), "\(arguments): \(outcome.errors)")
            }
            #expect(try daemon.names(in: daemon.share).isEmpty)
            for arguments in [[], ["--help"], ["push", "--help"], ["--version"]] {
                let outcome = try await daemon.run("ferry", arguments)
                #expect(outcome.status == 0)
                #expect(!outcome.output.isEmpty)
            }
        }
    }
}
