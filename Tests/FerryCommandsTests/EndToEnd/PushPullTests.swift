import Foundation
import Testing

@Suite struct PushPullTests {
    /// Repeats are read back from a file that is partly collected, partly past the page cache, and partly in it.
    @Test func repeatsWithinALargeFileTravelOnceEachWay() async throws {
        try await TestDaemon.with { daemon in
            let noise = TestDaemon.noise(1 << 20)
            // More than is read ahead lies between, so that the first ones have arrived when the next are named. Chunks are
            // short until the link is known to be fast, and long from then on: of four copies two are cut alike.
            var data = noise
            for seed in 2...4 { data += TestDaemon.noise(12 << 20, seed: UInt64(seed)) + noise }
            data += TestDaemon.noise(700_001, seed: 5)
            data += Data(count: 3 << 18) + noise.prefix(300_000)
            try daemon.write(data, to: "file")
            let push = try await daemon.ferry("push", "--json", "--compress", "off", "file", "nas:inbox/")
            #expect(push.status == 0, "\(push.errors)")
            #expect(try daemon.shared("file") == data)
            let saved = try push.events().compactMap { $0["savedBytes"] as? Int }.last
            #expect(try #require(saved) >= 1 << 20)
            let pull = try await daemon.ferry("pull", "nas:inbox/file", "back")
            #expect(pull.status == 0, "\(pull.errors)")
            #expect(try daemon.read("back") == data)
        }
    }

    /// A command that leaves something running must not keep the connection open with it.
    @Test func aCommandGetsThreeDescriptors() async throws {
        try await TestDaemon.with { daemon in
            let script = "for n in $(seq 3 30); do [ ! -e /proc/$$/fd/$n ] || readlink /proc/$$/fd/$n; done; echo end"
            let push = try await daemon.ferry("push", "--from-command", "nas:inbox/fds", "--", "/bin/sh", "-c", script)
            #expect(push.status == 0, "\(push.errors)")
            #expect(String(decoding: try daemon.shared("fds"), as: UTF8.self) == "end\n")
        }
    }

    /// The client asks whether the name is a directory; that it is new is nothing to be warned of.
    @Test func aPushToANewNameWarnsOfNothing() async throws {
        try await TestDaemon.with { daemon in
            try daemon.write(Data("x".utf8), to: "x")
            #expect(try await daemon.ferry("push", "x", "nas:inbox/new").status == 0)
            let log = try await daemon.log.text(matching: " info push .*inbox/new")
            #expect(log.contains(" info stat failed ") && !log.contains(" warning "), "\(log)")
        }
    }

    @Test func filesTravelThereAndBack() async throws {
        try await TestDaemon.with { daemon in
            let (noise, words) = (TestDaemon.noise(3_000_001), Data(repeating: 0x61, count: 400_000))
            try daemon.write(noise, to: "noise.bin")
            try daemon.write(words, to: "words.txt")
            try FileManager.default.setAttributes(
                [.posixPermissions: 0o640, .modificationDate: Date(timeIntervalSince1970: 1_234_567_890)],
                ofItemAtPath: daemon.here + "/noise.bin"
            )
            // What is missing above the target is made.
            let push = try await daemon.ferry("push", "noise.bin", "words.txt", "nas:inbox/a/b/")
            #expect(push.status == 0, "\(push.errors)")
            #expect(push.output.isEmpty)
            #expect(push.errors.contains("noise.bin -> nas:inbox/a/b/noise.bin: 3.0 MB in "))
            #expect(push.errors.contains("2 files: 3.4 MB in "))
            #expect(try daemon.shared("a/b/noise.bin") == noise)
            #expect(try daemon.shared("a/b/words.txt") == words)
            let pull = try await daemon.ferry("pull", "nas:inbox/a/b/noise.bin", "nas:inbox/a/b/words.txt", "..")
            #expect(pull.status == 0, "\(pull.errors)")
            #expect(try daemon.read("../noise.bin") == noise)
            #expect(try daemon.read("../words.txt") == words)
            for path in ["\(daemon.share)/a/b/noise.bin", "\(daemon.directory)/noise.bin"] {
                let attributes = try FileManager.default.attributesOfItem(atPath: path)
                #expect(attributes[.posixPermissions] as? Int == 0o640)
                #expect((attributes[.modificationDate] as? Date)?.timeIntervalSince1970 == 1_234_567_890)
            }
        }
    }

    @Test func emptyFilesAreFiles() async throws {
        try await TestDaemon.with { daemon in
            try daemon.write(Data(), to: "empty")
            #expect(try await daemon.ferry("push", "empty", "nas:inbox/").status == 0)
            #expect(try await daemon.ferry("pull", "nas:inbox/empty", "back").status == 0)
            #expect(try daemon.read("back").isEmpty)
        }
    }

    @Test func aTargetIsANameOrADirectory() async throws {
        try await TestDaemon.with { daemon in
            try daemon.write(Data("x".utf8), to: "x")
            try daemon.write(Data("y".utf8), to: "y")
            try FileManager.default.createDirectory(atPath: daemon.share + "/dir", withIntermediateDirectories: true)
            #expect(try await daemon.ferry("push", "x", "nas:inbox/name").status == 0)
            #expect(try daemon.shared("name") == Data("x".utf8))
            #expect(try await daemon.ferry("push", "x", "nas:inbox/dir").status == 0)
            #expect(try daemon.shared("dir/x") == Data("x".utf8))
            #expect(try await daemon.ferry("push", "x", "y", "nas:inbox/dir").status == 0)
            #expect(try daemon.shared("dir/y") == Data("y".utf8))
            #expect(try await daemon.ferry("push", "y", "nas:inbox").status == 0)
            #expect(try daemon.shared("y") == Data("y".utf8))
            let several = try await daemon.ferry("push", "x", "y", "nas:inbox/none")
            #expect(several.status == 64)
            #expect(several.errors.contains("`nas:inbox/none/`"))
            let missing = try await daemon.ferry("push", "x", "nas:inbox/none/x")
            #expect(missing.status == 6)
            #expect(missing.errors.contains("mkdir -p"))
            #expect(try daemon.names(in: daemon.share) == ["dir", "name", "y"])
            let alike = try await daemon.ferry("push", "x", "../here/x", "nas:inbox/dir/")
            #expect(alike.status == 64)
            #expect(try await daemon.ferry("pull", "nas:inbox/name", "nas:inbox/y", "none").status == 64)
            #expect(try await daemon.ferry("pull", "nas:inbox/name", "none/").status == 64)
            #expect(try await daemon.ferry("pull", "nas:inbox", ".").status == 64)
        }
    }

    @Test func streamsTravel() async throws {
        try await TestDaemon.with { daemon in
            let data = TestDaemon.noise(2_500_000, seed: 2)
            let push = try await daemon.ferry("push", "-", "nas:inbox/stream", input: data)
            #expect(push.status == 0, "\(push.errors)")
            #expect(try daemon.shared("stream") == data)
            let pull = try await daemon.ferry("pull", "nas:inbox/stream", "-")
            #expect(pull.status == 0)
            #expect(pull.output == data)
            #expect(pull.errors.contains("nas:inbox/stream -> standard output: 2.5 MB in "))
            // A stream has no name to get in a directory.
            #expect(try await daemon.ferry("push", "-", "nas:inbox/", input: data).status == 64)
            let full = try await daemon.shell("ferry pull nas:inbox/stream - > /dev/full")
            #expect(full.status == 1)
            #expect(full.errors.contains("cannot write standard output"))
            // A reader that goes away is an error with words, not a death by SIGPIPE.
            let closed = try await daemon.shell(
                "{ ferry pull nas:inbox/stream -; echo $? >&2; } | head -c 1 > /dev/null"
            )
            #expect(closed.errors.contains("cannot write standard output"))
            #expect(closed.errors.hasSuffix("1\n"))
        }
    }

    @Test func aCommandsOutputIsKeptOnlyIfItSucceeds() async throws {
        try await TestDaemon.with { daemon in
            try daemon.write(TestDaemon.noise(1_500_000), to: "dump")
            let good = try await daemon.ferry("push", "--from-command", "nas:inbox/db", "--", "cat", "dump")
            #expect(good.status == 0, "\(good.errors)")
            #expect(try daemon.shared("db") == daemon.read("dump"))
            for (script, words) in [
                ("cat dump; echo reason >&2; exit 3", "failed with exit status 3"),
                ("cat dump; kill -9 $$", "was killed by signal 9"),
            ] {
                let bad = try await daemon.ferry("push", "--from-command", "nas:inbox/bad", "--", "sh", "-c", script)
                #expect(bad.status == 1)
                #expect(bad.errors.contains("the command sh \(words)"))
                #expect(bad.errors.contains("reason\n") == script.contains("reason"))
                // An old file stays as it was.
                let old = try await daemon.ferry("push", "--from-command", "nas:inbox/db", "--", "sh", "-c", script)
                #expect(old.status == 1)
                #expect(try daemon.shared("db") == daemon.read("dump"))
            }
            let none = try await daemon.ferry("push", "--from-command", "nas:inbox/bad", "--", "no-such-command")
            #expect(none.status == 1)
            #expect(none.errors.contains("cannot run no-such-command"))
            // What was received may wait, hidden, for the same command; no file appears.
            #expect(await daemon.stop() == 0)
            #expect(try daemon.names(in: daemon.share).filter { !$0.hasPrefix(".ferry-part.") } == ["db"])
        }
    }

    @Test func sumsAreThoseOfSha256sum() async throws {
        try await TestDaemon.with { daemon in
            try daemon.write(TestDaemon.noise(700_000), to: "a")
            try daemon.write(Data("b\n".utf8), to: "b\\c")
            let push = try await daemon.ferry("push", "--quiet", "--sha256", "a", "b\\c", "nas:inbox/")
            #expect(push.status == 0)
            #expect(push.errors.isEmpty)
            try daemon.write(push.output, to: "sums")
            let pull = try await daemon.ferry("pull", "-q", "--sha256", "nas:inbox/a", "nas:inbox/b\\c", "..")
            try daemon.write(pull.output, to: "pulled")
            let check = try await daemon.shell("sha256sum --strict --check sums pulled")
            #expect(check.status == 0, "\(check.errors)")
            #expect(check.text.split(separator: "\n").count == 4)
            let stream = try await daemon.shell("ferry pull --sha256 nas:inbox/a - | sha256sum")
            #expect(stream.text.hasSuffix("  -\n"))
            #expect(stream.errors.contains(stream.text))
        }
    }

    @Test func namesNeedNotBeUTF8() async throws {
        try await TestDaemon.with { daemon in
            let script = """
                name=$(printf 'a\\377b')
                echo content > "$name"
                ferry push -q "$name" nas:inbox/ && rm "$name" && ferry ls nas:inbox &&
                ferry pull -q --json "nas:inbox/$name" . && cat "$name"
                """
            let outcome = try await daemon.shell(script.replacingOccurrences(of: "-q --json", with: "-q"))
            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(outcome.text == "a\\xFFb\ncontent\n")
        }
    }

    @Test func aLinkAsTargetIsFollowedAndADeviceRefused() async throws {
        try await TestDaemon.with { daemon in
            try daemon.write(Data("new".utf8), to: "x")
            #expect(try await daemon.ferry("push", "x", "nas:inbox/").status == 0)
            try daemon.write(Data("old".utf8), to: "file")
            try FileManager.default.createSymbolicLink(atPath: daemon.here + "/symlink", withDestinationPath: "file")
            #expect(try await daemon.ferry("pull", "nas:inbox/x", "symlink").status == 0)
            #expect(try daemon.read("file") == Data("new".utf8))
            #expect(try FileManager.default.destinationOfSymbolicLink(atPath: daemon.here + "/symlink") == "file")
            let fifo = try await daemon.shell("mkfifo pipe; ferry pull nas:inbox/x pipe")
            #expect(fifo.status == 64)
        }
    }
}
