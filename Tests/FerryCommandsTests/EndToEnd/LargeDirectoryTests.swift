import FerryTestKit
import Foundation
import Glibc
import Testing

/// One directory with very many things in it.
@Suite struct LargeDirectoryTests {
    private static let count = Soak.count(50_000, soak: 200_000)
    /// MiB; names of so many things and what is to be remembered of each would take more.
    private static let memory = 96

    /// Runs `ferry` and says how many MiB it had at most.
    private static let measured = """
        python3 -c 'import resource, subprocess, sys
        status = subprocess.call(["ferry"] + sys.argv[1:])
        print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
        sys.exit(status)'
        """

    private func run(_ command: String, _ daemon: TestDaemon) async throws {
        let outcome = try await daemon.shell(Self.measured + " " + command)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let most = try #require(outcome.text.split(separator: "\n").last.flatMap { Int($0) }, "\(outcome.text)")
        #expect(most < Self.memory, "\(command): \(most) MiB")
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
            try await self.run("push -r tree nas:inbox/copy", daemon)
            #expect(try TreeFixture.differences(here, daemon.share + "/copy") == "")
            let before = TreeFixture.fingerprint(daemon.share + "/copy")
            try await self.run("sync --delete tree nas:inbox/copy", daemon)
            #expect(TreeFixture.fingerprint(daemon.share + "/copy") == before)
            try await self.run("pull -r nas:inbox/copy back", daemon)
            #expect(try TreeFixture.differences(here, daemon.here + "/back") == "")
            let status = try String(contentsOfFile: "/proc/\(daemon.process)/status", encoding: .utf8)
            let peak = try #require(status.firstMatch(of: /VmHWM:\s+(\d+) kB/).flatMap { Int($0.1) })
            #expect(peak / 1024 < Self.memory, "\(peak) KiB")
        }
    }
}
