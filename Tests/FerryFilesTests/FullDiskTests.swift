import FerryErrors
import FerryFiles
import Glibc
import Testing

/// A real file system of one MiB, for what injection cannot show.
private final class SmallDisk: Sendable {
    /// Mounting needs a right that a test runner may lack.
    static let isPossible: Bool = {
        guard let scratch = try? Scratch() else { return false }
        return SmallDisk(scratch) != nil
    }()

    let scratch: Scratch

    init?(_ scratch: Scratch) {
        guard mount("tmpfs", scratch.path, "tmpfs", 0, "size=1m") == 0 else { return nil }
        self.scratch = scratch
    }

    deinit { umount2(self.scratch.path, Int32(MNT_DETACH)) }
}

@Suite(.enabled(if: SmallDisk.isPossible, "mounting a tmpfs is not permitted here"))
struct FullDiskTests {
    @Test func aFullDiskIsReportedAndLeavesTheOldFileAndItsSpace() throws {
        let disk = try #require(SmallDisk(Scratch()))
        let root = try disk.scratch.root()
        try push(root, "x", "old")
        let before = try root.availableBytes()
        #expect(before < 1 << 20)
        let block = String(repeating: "x", count: 1 << 16)
        let partial = try root.createPartial(for: RelativePath("x"), makeParents: false)
        let error = failure {
            for index in 0..<32 { try partial.write(block, at: Int64(index) << 16) }
        }
        #expect(error?.code == .noSpace)
        #expect(error?.remedy != nil)
        partial.discard()
        #expect(disk.scratch.names() == ["x"])
        #expect(disk.scratch.read("x") == "old")
    }

    @Test func spaceComesBackWithThePartial() throws {
        let disk = try #require(SmallDisk(Scratch()))
        let root = try disk.scratch.root()
        let block = String(repeating: "x", count: 1 << 19)
        // Each takes half of the disk: the third fits only if the ones before gave their space back.
        for _ in 0..<4 {
            let partial = try root.createPartial(for: RelativePath("x"), makeParents: false)
            try partial.write(block)
        }
        #expect(disk.scratch.names() == [])
    }
}
