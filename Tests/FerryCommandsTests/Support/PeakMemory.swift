import FerryTestKit
import Foundation
import Testing

/// Runs `ferry` as a child of something small: what a process had at most counts for the programs that it starts, and the tests' own
/// is no measure.
enum PeakMemory {
    private static let script = """
        import resource, subprocess, sys
        status = subprocess.call(["ferry"] + sys.argv[1:])
        print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
        sys.exit(status)
        """

    /// Runs `ferry`, which must succeed.
    ///
    /// - Returns: how many MiB it had at most.
    static func ofFerry(
        _ arguments: [String],
        _ daemon: TestDaemon,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> Int {
        let outcome = try await daemon.run("/usr/bin/python3", ["-c", Self.script] + arguments)
        #expect(outcome.status == 0, "\(arguments): \(outcome.errors)", sourceLocation: sourceLocation)
        return try #require(outcome.text.split(separator: "\n").last.flatMap { Int($0) }, "\(outcome.text)")
    }

    /// How many MiB the daemon had at most.
    static func of(_ daemon: TestDaemon) throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(daemon.process)/status", encoding: .utf8)
        return try #require(status.firstMatch(of: /VmHWM:\s+(\d+) kB/).flatMap { Int($0.1) }) / 1024
    }
}
