import FerryTestKit
import Foundation
import Testing

/// File systems within trees, and small ones beneath them.
@Suite(.enabled(if: SmallDisk.isPossible, "mounting a tmpfs is not permitted here"))
struct MountTests {
    private let settings = ["FERRY_LIMITS_RESERVE": "0"]

    private func makeDirectory(_ path: String) throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    private func expect(_ outcome: TestDaemon.Outcome, _ status: Int32, _ location: SourceLocation = #_sourceLocation) {
        #expect(outcome.status == status, "\(outcome.errors)", sourceLocation: location)
    }

    @Test func aFileSystemInTheSourceIsEnteredUnlessAskedNotTo() async throws {
        try await TestDaemon.with { daemon in
            try daemon.put("tree/a", "1")
            try self.makeDirectory(daemon.here + "/tree/disk")
            try await SmallDisk.with(mebibytes: 4, at: daemon.here + "/tree/disk") { _ in
                try daemon.put("tree/disk/d/b", "2")
                self.expect(try await daemon.ferry("push", "-r", "--one-file-system", "tree", "nas:inbox/one"), 0)
                #expect(
                    try FileManager.default.subpathsOfDirectory(atPath: daemon.share + "/one").sorted() == [
                        "a", "disk",
                    ]
                )
                self.expect(try await daemon.ferry("push", "-r", "tree", "nas:inbox/all"), 0)
                #expect(try TreeFixture.differences(daemon.here + "/tree", daemon.share + "/all") == "")
                // What is in it at the target stays.
                let sync = ["sync", "--delete", "--one-file-system", "tree", "nas:inbox/all"]
                self.expect(try await daemon.run("ferry", sync), 0)
                #expect(try TreeFixture.differences(daemon.here + "/tree", daemon.share + "/all") == "")
                self.expect(try await daemon.ferry("pull", "-r", "nas:inbox/all", "back"), 0)
                #expect(try TreeFixture.differences(daemon.here + "/tree", daemon.here + "/back") == "")
            }
        }
    }

    /// A mounted file system in the target is written to, and nothing in it deleted that is only there.
    @Test func aFileSystemInTheTargetIsKept() async throws {
        try await TestDaemon.with(settings: self.settings) { daemon in
            let disk = daemon.share + "/copy/old/disk"
            try self.makeDirectory(disk)
            try daemon.put("tree/a", "1")
            try daemon.put("tree/new/disk/b", "2")
            try await SmallDisk.with(mebibytes: 4, at: disk) { _ in
                for name in ["old/x", "old/disk/y"] {
                    try Data("stays".utf8).write(to: URL(fileURLWithPath: daemon.share + "/copy/" + name))
                }
                self.expect(try await daemon.ferry("sync", "--delete", "tree", "nas:inbox/copy"), 0)
                let there = try FileManager.default.subpathsOfDirectory(atPath: daemon.share + "/copy").sorted()
                #expect(there == ["a", "new", "new/disk", "new/disk/b", "old", "old/disk", "old/disk/y"])
                // Nor is it replaced by something else.
                try daemon.put("tree/old", "a file")
                let replaced = try await daemon.ferry("sync", "--delete", "tree", "nas:inbox/copy")
                #expect(replaced.status != 0 && replaced.errors.contains("old"), "\(replaced.errors)")
                #expect(FileManager.default.contents(atPath: disk + "/y") == Data("stays".utf8))
            }
        }
    }

    /// Files go where a file system is mounted; of two names of one file on two of them, each gets its own.
    @Test func aTreeSpansTheFileSystemsOfTheTarget() async throws {
        try await TestDaemon.with(settings: self.settings) { daemon in
            let disk = daemon.share + "/copy/disk"
            try self.makeDirectory(disk)
            for (name, text) in ["a": "1", "disk/b": "2", "disk/c": "3"] { try daemon.put("tree/" + name, text) }
            try await SmallDisk.with(mebibytes: 4, at: disk) { _ in
                self.expect(try await daemon.ferry("push", "-r", "tree", "nas:inbox/copy"), 0)
                #expect(try TreeFixture.differences(daemon.here + "/tree", daemon.share + "/copy") == "")
                try FileManager.default.linkItem(atPath: daemon.here + "/tree/a", toPath: daemon.here + "/tree/disk/d")
                let linked = try await daemon.ferry("push", "-r", "tree", "nas:inbox/copy")
                #expect(linked.status != 0 && linked.errors.contains("disk/d"), "\(linked.errors)")
            }
        }
    }

    /// The disk is full in the middle of a tree: what is there is whole, and the next run with room goes on.
    @Test(arguments: ["push", "pull"]) func aTreeThatFillsTheDisk(_ direction: String) async throws {
        try await TestDaemon.with(settings: self.settings) { daemon in
            let isPush = direction == "push"
            let (source, target) =
                isPush ? (daemon.here + "/tree", daemon.share) : (daemon.share, daemon.here + "/disk")
            for name in [source, target] { try self.makeDirectory(name) }
            for number in 0..<24 {
                let content = TestDaemon.noise(300_000 + number * 10_000, seed: UInt64(number))
                try self.makeDirectory("\(source)/d\(number % 3)")
                try content.write(to: URL(fileURLWithPath: "\(source)/d\(number % 3)/\(number)"))
            }
            let command = isPush ? "push -r tree nas:inbox" : "pull -r nas:inbox disk"
            try await SmallDisk.with(mebibytes: 4, at: target) { disk in
                let full = try await daemon.shell("ferry \(command)")
                #expect(full.status == (isPush ? 6 : 1), "\(full.errors)")
                #expect(full.errors.contains("no space left on the file system; free some space"), "\(full.errors)")
                for name in try FileManager.default.subpathsOfDirectory(atPath: target)
                where TreeFixture.isFile("\(target)/\(name)") && !name.contains(".ferry-part.") {
                    #expect(
                        FileManager.default.contentsEqual(atPath: "\(target)/\(name)", andPath: "\(source)/\(name)")
                    )
                }
                try disk.grow(mebibytes: 64)
                let again = try await daemon.shell("ferry \(command)")
                #expect(again.status == 0, "\(again.errors)")
                #expect(try TreeFixture.differences(source, target) == "")
            }
        }
    }
}
