import Foundation
import Testing

/// `--connections`: what travels over several, and what becomes of it when one of them is lost.
@Suite struct ConnectionsTests {
    /// Slow enough for connections to join long before the end.
    private static let options = [
        "--connections", "4", "--limit-rate", "8M", "--compress", "off", "--json", "--verbose",
    ]
    private static let kinds = ["push", "pull", "push -r", "pull -r", "sync up", "sync down"]

    /// Makes a source of 16 MB and the command that transfers it.
    private static func prepare(
        _ kind: String,
        _ daemon: TestDaemon,
        server: String
    ) throws -> (
        command: [String], source: String, target: String
    ) {
        let isUp = kind.hasPrefix("push") || kind == "sync up"
        let (here, there) = isUp ? (daemon.here, daemon.share) : (daemon.share, daemon.here)
        let data = TestDaemon.noise(16_000_000)
        if kind == "push" || kind == "pull" {
            try data.write(to: URL(fileURLWithPath: here + "/source"))
        } else {
            for number in 0..<40 {
                let directory = "\(here)/source/d\(number % 3)"
                try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
                try data[(number * 400_000)..<((number + 1) * 400_000)].write(
                    to: URL(fileURLWithPath: "\(directory)/f\(number)")
                )
            }
        }
        let verb = kind.split(separator: " ").first.map(String.init) ?? kind
        let operands = isUp ? ["source", "\(server):inbox/target"] : ["\(server):inbox/source", "target"]
        let recursive = kind.hasSuffix("-r") ? ["-r"] : []
        return ([verb] + recursive + self.options + operands, here + "/source", there + "/target")
    }

    private static func expectEqual(_ source: String, _ target: String) {
        let isEqual = FileManager.default.contentsEqual(atPath: source, andPath: target)
        #expect(isEqual, "\(target) differs")
    }

    /// Bytes of files on each connection that the daemon has closed.
    private static func traffic(_ daemon: TestDaemon) -> [Int] {
        daemon.log.text.matches(of: /connection closed .* received=(\d+) .*sent=(\d+)/).map { match in
            max(Int(match.1) ?? 0, Int(match.2) ?? 0)
        }
    }

    @Test(arguments: kinds) func blocksTravelOverAllConnections(_ kind: String) async throws {
        try await TestDaemon.with { daemon in
            let (command, source, target) = try Self.prepare(kind, daemon, server: "nas")
            let outcome = try await daemon.run("ferry", command)
            #expect(outcome.status == 0, "\(outcome.errors)")
            Self.expectEqual(source, target)
            #expect(outcome.errors.matches(of: /session [0-9a-f]{16} has joined/).count == 3)
            #expect(daemon.log.text.matches(of: /joined session=/).count == 3)
            _ = try await daemon.log.text(matching: #"(connection closed[\s\S]*){5}"#)
            #expect(Self.traffic(daemon).count { $0 > 1_000_000 } == 4, "\(Self.traffic(daemon))")
        }
    }

    /// Each connection that joins breaks in the middle of what it carries.
    @Test(arguments: kinds) func nothingIsLostWithAJoinedConnection(_ kind: String) async throws {
        try await TestDaemon.with { daemon in
            // The login and the transfer itself are spared.
            let relay = try BreakingRelay(to: daemon.port, breakingAfter: 1_200_000, sparing: 2)
            try await daemon.logIn("far", port: relay.port)
            let (command, source, target) = try Self.prepare(kind, daemon, server: "far")
            let outcome = try await daemon.run("ferry", command)
            #expect(outcome.status == 0, "\(outcome.errors)")
            Self.expectEqual(source, target)
            #expect(outcome.errors.matches(of: /has joined/).count == 3, "\(outcome.errors)")
            await relay.broken()
            let wire = try #require(try outcome.events().compactMap { $0["wireBytes"] as? Int }.last)
            #expect(wire >= 16_000_000)
        }
    }

    @Test(arguments: [
        "FERRY_LIMITS_CONNECTIONS_PER_TRANSFER": "1", "FERRY_LIMITS_CONNECTIONS_PER_ADDRESS": "2",
    ]) func itGoesOnWithFewer(_ limit: (key: String, value: String)) async throws {
        try await TestDaemon.with(settings: [limit.key: limit.value]) { daemon in
            try daemon.write(TestDaemon.noise(6_000_000), to: "file")
            let push = ["push", "--connections", "4", "--limit-rate", "6M"]
            let quiet = try await daemon.run("ferry", push + ["file", "nas:inbox/quiet"])
            #expect(quiet.status == 0 && !quiet.errors.contains("join"), "\(quiet.errors)")
            let verbose = try await daemon.run("ferry", push + ["--verbose", "file", "nas:inbox/verbose"])
            #expect(verbose.status == 0, "\(verbose.errors)")
            let joined = verbose.errors.matches(of: /has joined/).count
            let missed = verbose.errors.matches(of: /a further connection did not join:/).count
            #expect(limit.value == "1" ? (joined, missed) == (1, 0) : (joined, missed) == (1, 2), "\(verbose.errors)")
            #expect(try daemon.shared("verbose") == daemon.read("file"))
        }
    }

    @Test func streamsTravelToo() async throws {
        try await TestDaemon.with { daemon in
            let data = TestDaemon.noise(9_000_000)
            let push = try await daemon.run("ferry", ["push"] + Self.options + ["-", "nas:inbox/file"], input: data)
            #expect(push.status == 0, "\(push.errors)")
            #expect(push.errors.matches(of: /has joined/).count == 3, "\(push.errors)")
            #expect(try daemon.shared("file") == data)
            // Standard output takes bytes in order: one connection brings them.
            let pull = try await daemon.ferry("pull", "--connections", "4", "--verbose", "nas:inbox/file", "-")
            #expect(pull.status == 0 && pull.output == data && !pull.errors.contains("joined"), "\(pull.errors)")
        }
    }

    @Test(arguments: ["0", "17", "-1", "many"]) func aCountThatIsNone(_ count: String) async throws {
        try await TestDaemon.with { daemon in
            let outcome = try await daemon.ferry("push", "--connections=\(count)", "file", "nas:inbox/file")
            #expect(outcome.status == 64 && outcome.errors.contains("connections"), "\(outcome.errors)")
        }
    }
}
