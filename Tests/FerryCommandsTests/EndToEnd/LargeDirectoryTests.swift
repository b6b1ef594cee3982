import FerryTestKit
import Foundation
import Glibc
import Testing

/// One directory with very many things in it.
@Suite struct LargeDirectoryTests {
    private static let count = Soak.count(50_000, soak: 200_000)
    /// MiB; names of so many things and what is to be remembered of each would take more.
    private static let memory = 96

    private func run(_ arguments: String..., on daemon: TestDaemon) async throws {
        let most = try await PeakMemory.ofFerry(arguments, daemon)
        #expect(most < Self.memory, "\(arguments): \(most) MiB")
    }

    @Test func veryManyNamesArriveInLittleMemory() async throws {
        try await TestDaemon.with { daemon in
            let here = daemon.here + "/tree"
            try FileManager.default.createDirectory(atPath: here, withIntermediateDirectories: true)
            // Mostly further names of a few files: a file of its own would take the disk ten times as long.
            for number in 0..<Self.count {
                let first = number - number % 500
                if number == first {
                    TreeFixture.write("\(here)/\(number)", Array("\(number)".utf8))
                } else {
                    try #require(link("\(here)/\(first)", "\(here)/\(number)") == 0)
                }
            }
            try await self.run("push", "-r", "tree", "nas:inbox/copy", on: daemon)
            #expect(try TreeFixture.differences(here, daemon.share + "/copy") == "")
            let before = TreeFixture.fingerprint(daemon.share + "/copy")
            try await self.run("sync", "--delete", "tree", "nas:inbox/copy", on: daemon)
            #expect(TreeFixture.fingerprint(daemon.share + "/copy") == before)
            try await self.run("pull", "-r", "nas:inbox/copy", "back", on: daemon)
            #expect(try TreeFixture.differences(here, daemon.here + "/back") == "")
            let most = try PeakMemory.of(daemon)
            #expect(most < Self.memory, "the daemon: \(most) MiB")
        }
    }
}
