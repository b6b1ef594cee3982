import Foundation
import Glibc
import Testing

/// A real file system of a few MiB.
struct SmallDisk {
    /// Mounting needs a right that a test runner may lack.
    static let isPossible: Bool = {
        let path = FileManager.default.temporaryDirectory.path + "/ferry-disk-\(UInt64.random(in: 0 ... .max))"
        try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: path) }
        guard mount("tmpfs", path, "tmpfs", 0, "size=1m") == 0 else { return false }
        return umount2(path, Int32(MNT_DETACH)) == 0
    }()

    private let path: String

    /// Runs `body` while the disk lies at `path`, which is an empty directory.
    static func with(mebibytes: Int, at path: String, _ body: (SmallDisk) async throws -> Void) async throws {
        try #require(mount("tmpfs", path, "tmpfs", 0, "size=\(mebibytes)m") == 0)
        defer { umount2(path, Int32(MNT_DETACH)) }
        try await body(SmallDisk(path: path))
    }

    /// Takes the disk away, unless somebody uses it.
    func unmount() -> Bool { umount2(self.path, 0) == 0 }

    func grow(mebibytes: Int) throws {
        try #require(mount("tmpfs", self.path, "tmpfs", UInt(MS_REMOUNT), "size=\(mebibytes)m") == 0)
    }
}
