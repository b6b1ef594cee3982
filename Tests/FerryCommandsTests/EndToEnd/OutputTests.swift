import FerryChunking
import Foundation
import Testing

@Suite struct OutputTests {
    @Test func eventsAreJSON() async throws {
        try await TestDaemon.with { daemon in
            try daemon.write(Data(repeating: 0x61, count: 3_000_000), to: "a\u{1}\"")
            let push = try await daemon.ferry(
                "push",
                "--json",
                "--sha256",
                "--compress",
                "fast",
                "a\u{1}\"",
                "none",
                "nas:inbox/"
            )
            #expect(push.status == 3)
            let events = try push.events()
            try #require(events.map { $0["event"] as? String } == ["transfer", "error", "summary"])
            let (file, failure, summary) = (events[0], events[1], events[2])
            #expect(file["direction"] as? String == "push")
            #expect(file["path"] as? String == #"nas:inbox/a\x01""#)
            #expect(file["local"] as? String == #"a\x01""#)
            #expect(file["bytes"] as? Int == 3_000_000)
            let wire = try #require(file["wireBytes"] as? Int)
            #expect(wire > 0 && wire < 100_000)
            let ratio = try #require(file["ratio"] as? Double)
            #expect(abs(ratio - 3_000_000 / Double(wire)) < 1e-3)
            #expect((file["digest"] as? String)?.count == 64)
            var digest = StreamDigest()
            try daemon.read("a\u{1}\"").withUnsafeBytes { digest.update($0) }
            #expect(file["sha256"] as? String == digest.finalize())
            #expect(failure["code"] as? String == "not-found")
            #expect(failure["local"] as? String == "none")
            #expect(failure["path"] as? String == "nas:inbox/none")
            #expect(summary["files"] as? Int == 1)
            #expect(summary["failed"] as? Int == 1)
            #expect(summary["bytes"] as? Int == 3_000_000)
            #expect(push.errors.split(separator: "\n").count == 1)
        }
    }

    @Test func verboseTellsTheSessionAsTheDaemonDoes() async throws {
        try await TestDaemon.with { daemon in
            try daemon.write(Data("a".utf8), to: "a")
            let push = try await daemon.ferry("push", "-v", "a", "nas:inbox/")
            let session = try #require(push.errors.firstMatch(of: /session ([0-9a-f]+) on nas/)).1
            _ = try await daemon.log.text(matching: "push .*session=\(session)")
            let failed = try await daemon.ferry("push", "-v", "none", "nas:inbox/")
            #expect(failed.errors.contains("code not-found at "))
            #expect(failed.errors.contains("caused by: "))
        }
    }

    @Test func aTerminalGetsOneLineAndAnInterruptLeavesNothingHalf() async throws {
        try await TestDaemon.with { daemon in
            try daemon.makeHugeFile("huge")
            try FileManager.default.createDirectory(atPath: daemon.here + "/dir", withIntermediateDirectories: true)
            try daemon.write(Data("old".utf8), to: "dir/huge")
            let terminal = try TestTerminal(columns: 60)
            let child = try Child(
                "ferry",
                ["pull", "nas:inbox/huge", "dir"],
                environment: daemon.environment,
                directory: daemon.here,
                errors: terminal.slave
            )
            try terminal.slave.close()
            let watcher = Watcher(terminal.master)
            _ = try await watcher.text(matching: "[1-9][0-9.]* [kMG]B of 1.1 TB")
            #expect(try daemon.names(in: daemon.here + "/dir").count == 2)
            child.send(SIGINT)
            let status = await child.status()
            #expect(status == 130)
            // What was received waits, hidden, for the same command.
            let names = try daemon.names(in: daemon.here + "/dir").filter { !$0.hasPrefix(".ferry-part.") }
            #expect(names == ["huge"])
            #expect(try daemon.read("dir/huge") == Data("old".utf8))
            let text = try await watcher.text(matching: "ferry: cancelled")
            // One line, rewritten within the window and erased at the end; the message follows on a clean line.
            for line in text.split(separator: "\r") where line.hasPrefix("huge") {
                #expect(line.hasSuffix("\u{1B}[K"))
                #expect(line.count - 3 < 60)
            }
            #expect(text.contains("\r\u{1B}[Kferry: cancelled"))
        }
    }

    @Test func anInterruptEndsACommandAndAWaitForInput() async throws {
        try await TestDaemon.with { daemon in
            // The command's end closes the last writing end of the pipe: reading it to its end proves it.
            for arguments in [
                ["push", "--from-command", "nas:inbox/x", "--", "sh", "-c", "echo started >&2; exec sleep 1000"],
                ["push", "-v", "-", "nas:inbox/x"],
            ] {
                let (errors, input) = (Pipe(), Pipe())
                let child = try Child(
                    "ferry",
                    arguments,
                    environment: daemon.environment,
                    directory: daemon.here,
                    input: input.fileHandleForReading,
                    errors: errors.fileHandleForWriting
                )
                try errors.fileHandleForWriting.close()
                let watcher = Watcher(errors.fileHandleForReading)
                _ = try await watcher.text(matching: "started|session")
                child.send(SIGTERM)
                let status = await child.status()
                #expect(status == 130)
                await #expect(throws: Watcher.Ended.self) { _ = try await watcher.text(matching: "never") }
                #expect(watcher.text.contains("ferry: cancelled"))
                try input.fileHandleForWriting.close()
            }
            #expect(await daemon.stop() == 0)
            #expect(try daemon.names(in: daemon.share).isEmpty)
        }
    }

    @Test func aLostDaemonIsNoticedWhileWaitingForInput() async throws {
        try await TestDaemon.with { daemon in
            let (errors, input) = (Pipe(), Pipe())
            let child = try Child(
                "ferry",
                ["push", "-v", "-", "nas:inbox/x"],
                environment: daemon.environment,
                directory: daemon.here,
                input: input.fileHandleForReading,
                errors: errors.fileHandleForWriting
            )
            try errors.fileHandleForWriting.close()
            let watcher = Watcher(errors.fileHandleForReading)
            _ = try await watcher.text(matching: "session")
            daemon.kill()
            let status = await child.status()
            #expect(status == 5, "\(watcher.text)")
            try input.fileHandleForWriting.close()
        }
    }

    /// What nobody gets must not look like success, and no file may come to stand where a standard stream was closed.
    @Test(arguments: ["ferry servers", "ferry servers --json", "ferryd config reference", "ferryd config check"])
    func outputThatNobodyGets(_ command: String) async throws {
        try await TestDaemon.with { daemon in
            for output in [">/dev/full", ">&-"] {
                let outcome = try await daemon.shell("\(command) \(output)")
                #expect(outcome.status == 1 && outcome.errors.contains("standard output"), "\(output): \(outcome)")
            }
        }
    }

    @Test func closedStandardStreams() async throws {
        try await TestDaemon.with { daemon in
            try daemon.write(Data("content\n".utf8), to: "file")
            let push = try await daemon.shell("ferry push file nas:inbox/ <&- >&- 2>&-")
            #expect(push.status == 0)
            #expect(try daemon.shared("file") == Data("content\n".utf8))
            // What is told of the transfer must not end up in the file.
            let pull = try await daemon.shell("ferry pull --json nas:inbox/file copy <&- >&-")
            #expect(pull.status != 0)
            #expect(
                try (daemon.names(in: daemon.here).contains("copy") ? daemon.read("copy") : Data("content\n".utf8))
                    == Data("content\n".utf8)
            )
            let failed = try await daemon.shell("ferry push missing nas:inbox/ <&- >&- 2>&-")
            #expect(failed.status != 0)
            #expect(try daemon.names(in: daemon.share) == ["file"])
        }
    }

    /// A name that begins with -h is no request for help, which would end with 0 and nothing pushed.
    @Test func aNameThatLooksLikeHelp() async throws {
        try await TestDaemon.with { daemon in
            try daemon.write(Data("content\n".utf8), to: "-hello")
            let push = try await daemon.ferry("push", "-hello", "nas:inbox/")
            #expect(push.status == 64 && push.output.isEmpty && push.errors.contains("./-hello"), "\(push)")
            #expect(try await daemon.ferry("push", "./-hello", "nas:inbox/").status == 0)
            #expect(try await daemon.ferry("push", "--", "-hello", "nas:inbox/again").status == 0)
            #expect(try daemon.shared("-hello") == daemon.shared("again"))
            #expect(try await daemon.ferry("push", "-h").status == 0)
        }
    }

    @Test func statusTellsThatTheDaemonIsStopping() async throws {
        try await TestDaemon.with { daemon in
            let errors = Pipe()
            let child = try Child(
                "ferry",
                ["push", "--from-command", "nas:inbox/x", "--", "sh", "-c", "echo started >&2; exec sleep 1000"],
                environment: daemon.environment,
                directory: daemon.here,
                errors: errors.fileHandleForWriting
            )
            try errors.fileHandleForWriting.close()
            _ = try await Watcher(errors.fileHandleForReading).text(matching: "started")
            daemon.signal(SIGTERM)
            var status = try await daemon.ferryd("status")
            for _ in 0..<100 where !String(decoding: status.output, as: UTF8.self).contains("stopping") {
                status = try await daemon.ferryd("status")
            }
            #expect(String(decoding: status.output, as: UTF8.self).contains("waits for running transfers"))
            let json = try await daemon.ferryd("status", "--json")
            #expect(String(decoding: json.output, as: UTF8.self).contains(#""stopping":true"#))
            child.send(SIGTERM)
            #expect(await child.status() == 130)
        }
    }
}
