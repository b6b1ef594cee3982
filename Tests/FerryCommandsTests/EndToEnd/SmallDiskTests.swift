import Foundation
import Glibc
import Testing

/// A disk that is full, as the real programs meet it; ReceiverFaultTests has what injection can show.
@Suite(.enabled(if: SmallDisk.isPossible, "mounting a tmpfs is not permitted here"))
struct SmallDiskTests {
    private static let new = TestDaemon.noise(6 << 20, seed: 8)
    /// Copied from, until there is no room for what follows it.
    private static let old = new[..<(1 << 20)]

    private let settings = ["FERRY_LIMITS_RESERVE": "0"]

    /// Runs `command`, whose target is on a small disk and has an old version there; then once more, with more room.
    private func expectFull(_ status: Int32, _ command: String, _ daemon: TestDaemon, at path: String) async throws {
        try await SmallDisk.with(mebibytes: 4, at: path) { disk in
            let copy = URL(fileURLWithPath: path + "/copy")
            try Data(Self.old).write(to: copy)
            let full = try await daemon.shell(command)
            #expect(full.status == status, "\(full.errors)")
            #expect(full.errors.contains("no space left on the file system; free some space"), "\(full.errors)")
            #expect(try Data(contentsOf: copy) == Self.old)
            let left = try daemon.names(in: path).filter { $0 != "copy" }
            #expect(left.count == 1 && left.allSatisfy { $0.hasPrefix(".ferry-part.") }, "\(left)")
            try disk.grow(mebibytes: 32)
            let again = try await daemon.shell(command + " --json")
            #expect(again.status == 0, "\(again.errors)")
            // Nothing that had arrived, or was copied, travels again.
            let wire = try #require(try again.events().compactMap { $0["wireBytes"] as? Int }.last)
            #expect(wire < 4 << 20)
            #expect(try Data(contentsOf: copy) == Self.new)
            #expect(try daemon.names(in: path) == ["copy"])
        }
    }

    /// A stream, whose size nobody knows beforehand.
    @Test func aPushThatFillsTheDisk() async throws {
        try await TestDaemon.with(settings: self.settings) { daemon in
            try daemon.write(Self.new, to: "file")
            let command = "cat file | ferry push --compress off - nas:inbox/copy"
            try await self.expectFull(6, command, daemon, at: daemon.share)
        }
    }

    @Test func aPullThatFillsTheDisk() async throws {
        try await TestDaemon.with(settings: self.settings) { daemon in
            try Self.new.write(to: URL(fileURLWithPath: daemon.share + "/file"))
            let path = daemon.here + "/disk"
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            try await self.expectFull(1, "ferry pull --compress off nas:inbox/file disk/copy", daemon, at: path)
        }
    }

    /// The reserve is reached in the middle of a stream: the rest of the disk stays free, and what has come is not lost.
    @Test func aStreamThatReachesTheReserve() async throws {
        let (disk, reserve, stream) = (64, 32, 48)
        try await TestDaemon.with { daemon in
            try daemon.configure("limits:\n  reserve: \(reserve)MiB\n")
            #expect(try await daemon.ferryd("reload").status == 0)
            try await SmallDisk.with(mebibytes: disk, at: daemon.share) { _ in
                let data = TestDaemon.noise(stream << 20, seed: 9)
                try daemon.write(data, to: "file")
                let command = "cat file | ferry push --compress off - nas:inbox/copy"
                let full = try await daemon.shell(command)
                #expect(full.status == 6, "\(full.errors)")
                #expect(full.errors.contains("and \(reserve << 20) are kept in reserve"), "\(full.errors)")
                let left = try daemon.names(in: daemon.share)
                #expect(left.count == 1 && left.allSatisfy { $0.hasPrefix(".ferry-part.") }, "\(left)")
                // It is looked at after every 8 MiB.
                #expect(try Self.free(daemon.share) >= (reserve - 9) << 20)
                try daemon.configure("limits:\n  reserve: 0\n")
                #expect(try await daemon.ferryd("reload").status == 0)
                let again = try await daemon.shell(command + " --json")
                #expect(again.status == 0, "\(again.errors)")
                let wire = try #require(try again.events().compactMap { $0["wireBytes"] as? Int }.last)
                #expect(wire <= (stream - (disk - reserve) + 9) << 20)
                #expect(try daemon.shared("copy") == data)
                #expect(try daemon.names(in: daemon.share) == ["copy"])
            }
        }
    }

    private static func free(_ path: String) throws -> Int {
        var status = statvfs()
        try #require(statvfs(path, &status) == 0)
        return Int(status.f_bavail) * Int(status.f_frsize)
    }

    /// What has a size is refused before anything of it travels.
    @Test func aPushThatIsLargerThanTheDisk() async throws {
        try await TestDaemon.with(settings: self.settings) { daemon in
            try await SmallDisk.with(mebibytes: 4, at: daemon.share) { _ in
                try daemon.write(Self.new, to: "file")
                let push = try await daemon.ferry("push", "file", "nas:inbox/")
                #expect(push.status == 6, "\(push.errors)")
                #expect(push.errors.contains("has no room for \(Self.new.count) bytes"), "\(push.errors)")
                #expect(try daemon.names(in: daemon.share) == [])
                try daemon.write(Data(Self.old), to: "file")
                let next = try await daemon.ferry("push", "file", "nas:inbox/")
                #expect(next.status == 0, "\(next.errors)")
            }
        }
    }

    /// The daemon holds nothing of a share that nobody uses, and serves what lies there next.
    @Test func theDiskOfAShareCanBeTakenAway() async throws {
        try await TestDaemon.with(settings: self.settings) { daemon in
            try daemon.write(Data(Self.old), to: "file")
            try await SmallDisk.with(mebibytes: 4, at: daemon.share) { disk in
                #expect(try await daemon.ferry("push", "file", "nas:inbox/").status == 0)
                var isGone = disk.unmount()
                // The last request may still be on its way out.
                for _ in 0..<100 where !isGone {
                    _ = try await daemon.ferryd("status")
                    isGone = disk.unmount()
                }
                #expect(isGone)
                #expect(try await daemon.ferry("push", "file", "nas:inbox/beneath").status == 0)
                #expect(try daemon.names(in: daemon.share) == ["beneath"])
            }
        }
    }
}
