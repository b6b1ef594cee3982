import FerryTestKit
import Foundation
import Glibc
import Testing

/// Restores of one thing by its own path: it comes back as in a restore of its directory.
@Suite(.enabled(if: geteuid() == 0, "needs root")) struct SingleEntryTests {
    private static func makeTree(_ daemon: TestDaemon) throws {
        let file = try daemon.place("tree/file")
        TreeFixture.write(file, Array(TestDaemon.noise(3 << 20)))
        TreeFixture.setAttribute(Array(file.utf8), "user.note", Array("kept".utf8))
        TreeFixture.setAttribute(Array(file.utf8), TreeFixture.accessList, TreeFixture.list(user: 7))
        #expect(chown(file, 12_345, 54_321) == 0 && chmod(file, 0o6751) == 0)
        TreeFixture.setTime(file, seconds: 1_234_567_890, nanoseconds: 5)
        #expect(link(file, daemon.here + "/tree/other name") == 0)
        #expect(symlink("file", daemon.here + "/tree/link") == 0)
        #expect(lchown(daemon.here + "/tree/link", 12_345, 54_321) == 0)
        #expect(mkfifo(daemon.here + "/tree/pipe", 0o640) == 0 && chmod(daemon.here + "/tree/pipe", 0o604) == 0)
        #expect(mknod(daemon.here + "/tree/null", S_IFCHR | 0o620, dev_t(0x103)) == 0)
    }

    private static let names = ["file", "link", "null", "other name", "pipe"]

    @Test(arguments: ["restore", "pull"]) func oneThingComesBackWithAllThatBelongsToIt(_ command: String) async throws {
        try await TestDaemon.withRepository { daemon in
            try Self.makeTree(daemon)
            try await daemon.backUp()
            let place = "nas:laptops@latest/\(daemon.inSnapshot)/tree"
            try FileManager.default.createDirectory(atPath: daemon.here + "/out", withIntermediateDirectories: true)
            let out = daemon.here + "/out"
            #expect(chmod(out, 0o710) == 0)
            for name in Self.names {
                let one = try await daemon.ferry(command, "\(place)/\(name)", "out")
                #expect(one.status == 0, "\(name): \(one.errors)")
                // Alone, each is a file of its own.
                let (here, there) = ("\(daemon.here)/tree/\(name)", "\(out)/\(name)")
                #expect(TreeFixture.owner(here) == TreeFixture.owner(there), "\(name)")
            }
            #expect(TreeFixture.attributes(out + "/file") == TreeFixture.attributes(daemon.here + "/tree/file"))
            try FileManager.default.removeItem(atPath: out + "/other name")
            #expect(link(out + "/file", out + "/other name") == 0)
            // The directory that they are in is nobody's business.
            #expect(TreeFixture.owner(out) == "40710 0:0")
            #expect(chmod(out, 0o755) == 0 && chmod(daemon.here + "/tree", 0o755) == 0)
            TreeFixture.setTime(out, seconds: 1_000_000_000)
            TreeFixture.setTime(daemon.here + "/tree", seconds: 1_000_000_000)
            #expect(try TreeFixture.differences(daemon.here + "/tree", out) == "")

            // What is equal is not touched.
            let before = TreeFixture.fingerprint(out)
            for name in Self.names {
                let events = try await daemon.ferry(command, "--json", "\(place)/\(name)", "out").events()
                #expect(events.first?["unchanged"] as? Bool == true, "\(name): \(events)")
            }
            #expect(TreeFixture.fingerprint(out) == before)
        }
    }

    @Test func itGetsTheNameThatIsAskedForAndReplacesALinkOfThatName() async throws {
        try await TestDaemon.withRepository { daemon in
            try Self.makeTree(daemon)
            try await daemon.backUp()
            let place = "nas:laptops@latest/\(daemon.inSnapshot)/tree"
            try daemon.put("precious", "mine")
            #expect(symlink("precious", daemon.here + "/name") == 0)
            for (name, target) in [("file", "name"), ("link", "new link"), ("pipe", "new pipe"), ("pipe", "new pipe")] {
                let one = try await daemon.ferry("restore", "\(place)/\(name)", target)
                #expect(one.status == 0, "\(name): \(one.errors)")
                let (here, there) = ("\(daemon.here)/tree/\(name)", "\(daemon.here)/\(target)")
                #expect(TreeFixture.owner(here) == TreeFixture.owner(there), "\(name)")
            }
            #expect(try daemon.read("precious") == Data("mine".utf8))
            #expect(try daemon.read("name") == TestDaemon.noise(3 << 20))

            // Content is read only if that is asked for.
            TreeFixture.write(daemon.here + "/name", Array(TestDaemon.noise(3 << 20, seed: 2)))
            #expect(chown(daemon.here + "/name", 12_345, 54_321) == 0 && chmod(daemon.here + "/name", 0o6751) == 0)
            TreeFixture.setTime(daemon.here + "/name", seconds: 1_234_567_890, nanoseconds: 5)
            for (arguments, seed) in [(["restore"], 2), (["restore", "--checksum"], 1)] as [([String], UInt64)] {
                let one = try await daemon.run("ferry", arguments + ["\(place)/file", "name"])
                #expect(one.status == 0, "\(one.errors)")
                #expect(try daemon.read("name") == TestDaemon.noise(3 << 20, seed: seed))
            }
            let sum = try await daemon.ferry("pull", "--sha256", "\(place)/file", "name")
            #expect(sum.text == (try await daemon.shell("sha256sum name").text), "\(sum.text)\(sum.errors)")

            // Without what is not wanted; and nothing else in the directory goes.
            let plain = try await daemon.ferry(
                "restore",
                "--delete",
                "--no-owner",
                "--no-attributes",
                "\(place)/file",
                "plain"
            )
            #expect(plain.status == 0, "\(plain.errors)")
            #expect(TreeFixture.owner(daemon.here + "/plain").hasSuffix(" 0:0"))
            #expect(TreeFixture.attributes(daemon.here + "/plain") == [:])
            #expect(try daemon.read("precious") == Data("mine".utf8))
        }
    }

    @Test func whatCannotBePutThereIsRefused() async throws {
        try await TestDaemon.withRepository { daemon in
            try Self.makeTree(daemon)
            try daemon.put("tree/directory/x", "1")
            try await daemon.backUp()
            let place = "nas:laptops@latest/\(daemon.inSnapshot)/tree"
            #expect(mkfifo(daemon.here + "/pipe", 0o640) == 0)
            #expect(symlink("pipe", daemon.here + "/to pipe") == 0)
            try daemon.put("into/file/x", "1")
            for (target, text) in [
                ("pipe", "neither"), ("to pipe", "neither"), ("into", "is a directory"), ("none/file", "none"),
                ("into/none/", "no directory"),
            ] {
                let one = try await daemon.ferry("restore", "\(place)/file", target)
                #expect(one.status != 0 && one.errors.contains(text), "\(target): \(one.errors)")
            }
            let directory = try await daemon.ferry("pull", "\(place)/directory", "got")
            #expect(directory.status == 6 && directory.errors.contains("is a directory"), "\(directory.errors)")
            #expect(TreeFixture.owner(daemon.here + "/got") == "nothing")
            #expect(TreeFixture.owner(daemon.here + "/pipe") == "10640 0:0")

            let plan = try await daemon.ferry("restore", "--dry-run", "\(place)/file", "new")
            #expect(plan.status == 0 && plan.text.contains("new"), "\(plan.text)\(plan.errors)")
            #expect(TreeFixture.owner(daemon.here + "/new") == "nothing")
        }
    }
}
