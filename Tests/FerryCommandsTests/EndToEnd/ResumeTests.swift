import FerryTestKit
import Foundation
import Glibc
import Testing

/// The same command again sends only what is missing.
@Suite struct ResumeTests {
    private func saved(_ outcome: TestDaemon.Outcome) throws -> Int {
        try #require(try outcome.events().compactMap { $0["savedBytes"] as? Int }.last)
    }

    private func wire(_ outcome: TestDaemon.Outcome) throws -> Int {
        try #require(try outcome.events().compactMap { $0["wireBytes"] as? Int }.last)
    }

    /// The link breaks each time that so many bytes are through, in the middle of whatever travels then: some blocks, or no more
    /// than one short one, which is why chunks are short on a link that is not known to be fast.
    @Test(arguments: ["push", "pull"], [(3_000_000, 400_000), (1_000_000, 100_000)])
    func aLinkThatBreaksAgainAndAgainStillAdvances(_ direction: String, _ sizes: (file: Int, link: Int)) async throws {
        try await TestDaemon.with { daemon in
            let data = TestDaemon.noise(sizes.file)
            let source = direction == "push" ? daemon.here + "/file" : daemon.share + "/file"
            try data.write(to: URL(fileURLWithPath: source))
            let relay = try BreakingRelay(to: daemon.port, breakingAfter: sizes.link)
            try await daemon.logIn("far", port: relay.port)
            let command =
                direction == "push" ? ["push", "file", "far:inbox/copy"] : ["pull", "far:inbox/file", "copy"]
            var runs = 0
            while try await daemon.run("ferry", command + ["--compress", "off"]).status != 0 {
                runs += 1
                try #require(runs < 40, "it does not advance")
            }
            #expect(runs >= sizes.file / sizes.link, "the link did not break")
            let copy = direction == "push" ? try daemon.shared("copy") : try daemon.read("copy")
            #expect(copy == data)
            let left = try daemon.names(in: direction == "push" ? daemon.share : daemon.here)
            #expect(!left.contains { $0.hasPrefix(".ferry-part.") })
        }
    }

    /// The link drops by the clock, and the file takes several times as long: what never advanced would never arrive.
    @Test(arguments: ["push", "pull"]) func aLinkThatDropsEveryTwoSecondsAdvances(_ direction: String) async throws {
        try await TestDaemon.with { daemon in
            // At 2 MiB/s.
            let data = TestDaemon.noise(Soak.count(9 << 20, soak: 64 << 20))
            let (here, share) = (daemon.here, daemon.share)
            let (source, target) = direction == "push" ? (here, share) : (share, here)
            try data.write(to: URL(fileURLWithPath: source + "/file"))
            let relay = try DroppingRelay(to: daemon.port, every: .seconds(2))
            try await daemon.logIn("far", port: relay.port)
            let operands = direction == "push" ? ["file", "far:inbox/copy"] : ["far:inbox/file", "copy"]
            let command = [direction, "--json", "--compress", "off", "--limit-rate", "2M"] + operands
            var runs = 0
            var last = try await daemon.run("ferry", command)
            while last.status != 0 {
                runs += 1
                try #require(runs < Soak.count(40, soak: 200), "it does not advance: \(last.errors)")
                last = try await daemon.run("ferry", command)
            }
            relay.end()
            #expect(runs >= Soak.count(1, soak: 8) && relay.drops >= runs, "the link did not drop")
            #expect(try self.saved(last) > 0)
            #expect(try Data(contentsOf: URL(fileURLWithPath: target + "/copy")) == data)
            #expect(try daemon.names(in: target).filter { $0.hasPrefix(".ferry-part.") } == [])
        }
    }

    @Test(arguments: ["push", "pull"]) func aKilledClientsTransferIsTakenUp(_ direction: String) async throws {
        try await TestDaemon.with { daemon in
            let data = TestDaemon.noise(24 << 20)
            let source = direction == "push" ? daemon.here + "/file" : daemon.share + "/file"
            try data.write(to: URL(fileURLWithPath: source))
            let target = direction == "push" ? daemon.share : daemon.here
            let command =
                direction == "push" ? ["push", "file", "far:inbox/copy"] : ["pull", "far:inbox/file", "copy"]
            // The relay lets a part through and then nothing, so that the kill comes in the middle.
            let relay = try BreakingRelay(to: daemon.port, breakingAfter: 9 << 20, stalling: true)
            try await daemon.logIn("far", port: relay.port)
            let child = try daemon.start("ferry", command + ["--compress", "off"])
            await relay.broken()
            child.send(SIGKILL)
            #expect(await child.status() == 128 + SIGKILL)
            relay.end()
            // The daemon notices the end of the killed client's connection at its own time.
            if direction == "push" { _ = try await daemon.log.text(matching: "push failed") }
            #expect(try daemon.names(in: target).filter { $0.hasPrefix(".ferry-part.") }.count == 1)
            let near = command.map { $0.replacingOccurrences(of: "far:", with: "nas:") }
            let again = try await daemon.run("ferry", near + ["--compress", "off", "--json"])
            #expect(again.status == 0, "\(again.errors)")
            #expect(try self.saved(again) >= 4 << 20)
            #expect(try Data(contentsOf: URL(fileURLWithPath: target + "/copy")) == data)
        }
    }

    /// The daemon hears nothing of the end of the first push, neither FIN nor RST, and the second one comes at once.
    @Test func aPushWhoseLinkDiedSilentlyIsTakenUp() async throws {
        try await TestDaemon.with { daemon in
            let data = TestDaemon.noise(24 << 20)
            try daemon.write(data, to: "file")
            let relay = try BreakingRelay(to: daemon.port, breakingAfter: 9 << 20, stalling: true)
            try await daemon.logIn("far", port: relay.port)
            let child = try daemon.start("ferry", ["push", "file", "far:inbox/copy", "--compress", "off"])
            await relay.broken()
            relay.vanish()
            child.send(SIGKILL)
            #expect(await child.status() == 128 + SIGKILL)
            let again = try await daemon.ferry("push", "file", "nas:inbox/copy", "--compress", "off", "--json")
            #expect(again.status == 0, "\(again.errors)")
            #expect(try self.saved(again) >= 4 << 20)
            #expect(try daemon.shared("copy") == data)
            relay.end()
        }
    }

    @Test func anOldVersionSavesWhatItHolds() async throws {
        try await TestDaemon.with { daemon in
            let old = TestDaemon.noise(8 << 20)
            let new = old[..<5000] + TestDaemon.noise(100, seed: 7) + old[5000...]
            try daemon.write(old, to: "file")
            #expect(try await daemon.ferry("push", "file", "nas:inbox/").status == 0)
            try daemon.write(Data(new), to: "file")
            let push = try await daemon.ferry("push", "--json", "file", "nas:inbox/")
            #expect(push.status == 0, "\(push.errors)")
            #expect(try self.wire(push) < 64 << 10)
            #expect(try daemon.shared("file") == Data(new))
            try daemon.write(old, to: "file")
            let pull = try await daemon.ferry("pull", "--json", "nas:inbox/file", "file")
            #expect(pull.status == 0, "\(pull.errors)")
            #expect(try self.wire(pull) < 64 << 10)
            #expect(try daemon.read("file") == Data(new))
            let words = try await daemon.ferry("push", "--checksum", "file", "nas:inbox/")
            #expect(words.errors.contains(", saved 8.4 MB"), "\(words.errors)")
        }
    }

    /// Who may only write must not learn what lies there, neither by names nor by size and time.
    @Test func anOldVersionThatMayNotBeReadSavesNothing() async throws {
        try await TestDaemon.with(grant: "write") { daemon in
            try daemon.write(TestDaemon.noise(300_000), to: "file")
            for _ in 0..<2 {
                let push = try await daemon.ferry("push", "--json", "--compress", "off", "file", "nas:inbox/file")
                #expect(push.status == 0, "\(push.errors)")
                #expect(try self.wire(push) == 300_000)
            }
        }
    }

    @Test func whatIsUnchangedBySizeAndTimeIsNotRead() async throws {
        try await TestDaemon.with { daemon in
            try daemon.write(TestDaemon.noise(300_000), to: "file")
            #expect(try await daemon.ferry("push", "file", "nas:inbox/").status == 0)
            let again = try await daemon.ferry("push", "file", "nas:inbox/")
            #expect(
                again.status == 0 && again.errors.contains("file -> nas:inbox/file: unchanged, 300 kB"),
                "\(again.errors)"
            )
            // The same size and time, and other bytes: only reading finds out.
            let stamp = try FileManager.default.attributesOfItem(atPath: daemon.share + "/file")[.modificationDate]
            try TestDaemon.noise(300_000, seed: 2).write(to: URL(fileURLWithPath: daemon.share + "/file"))
            _ = try await daemon.shell("touch -r file ../share/file")
            #expect(stamp != nil)
            #expect(try await daemon.ferry("push", "file", "nas:inbox/").errors.contains("unchanged"))
            #expect(try await daemon.ferry("pull", "nas:inbox/file", "file").errors.contains("unchanged"))
            #expect(try daemon.shared("file") != daemon.read("file"))
            let read = try await daemon.ferry("push", "--checksum", "file", "nas:inbox/")
            #expect(read.status == 0 && !read.errors.contains("unchanged"))
            #expect(try daemon.shared("file") == daemon.read("file"))
            // A pull gives the mode all the same.
            _ = try await daemon.shell("chmod 640 ../share/file; chmod 600 file")
            #expect(try await daemon.ferry("pull", "nas:inbox/file", "file").errors.contains("unchanged"))
            let mode = try FileManager.default.attributesOfItem(atPath: daemon.here + "/file")[.posixPermissions]
            #expect(mode as? Int == 0o640)
        }
    }

    @Test func aSumIsOfWhatWasRead() async throws {
        try await TestDaemon.with { daemon in
            try daemon.write(Data("abc".utf8), to: "file")
            for _ in 0..<2 {
                let push = try await daemon.ferry("push", "--sha256", "file", "nas:inbox/")
                #expect(push.output.starts(with: Data("ba7816bf".utf8)), "\(push.errors)")
            }
        }
    }
}
