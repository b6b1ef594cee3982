import FerryCatalog
import Foundation
import Testing

/// Rates as users and administrators set them. That limits add up on a connection is RateTests' to prove.
@Suite struct LimitRateTests {
    private static let rate = 512 << 10

    /// Moves 1 MiB, and expects that its connection carried no more than the rate has room for in the time that the daemon's
    /// log gives it. Beyond the rate: what a bucket at rest has saved, the read that is too much, what logs in and asks.
    private static func expectLimit(_ direction: String, options: [String], _ daemon: TestDaemon) async throws {
        let noise = TestDaemon.noise(1 << 20)
        try daemon.write(noise, to: "file")
        try noise.write(to: URL(fileURLWithPath: daemon.share + "/there"))
        let operands = direction == "push" ? ["file", "nas:inbox/copy"] : ["nas:inbox/there", "copy"]
        let outcome = try await daemon.run("ferry", [direction, "--compress", "off"] + options + operands)
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(try (direction == "push" ? daemon.shared("copy") : daemon.read("copy")) == noise)
        let done = try await daemon.log.text(matching: " info \(direction) [^\\n]*\\n")
        let last = try #require(done.split(separator: "\n").last { $0.contains(" info \(direction) ") })
        let session = try #require(last.firstMatch(of: /session=([0-9a-f]+)/)).1
        let log = try await daemon.log.text(matching: "connection closed [^\\n]*session=\(session)[^\\n]*\\n")
        let closed = { (line: Substring) in line.contains("connection closed") && line.contains("session=\(session)") }
        let line = try #require(log.split(separator: "\n").last(where: closed))
        let way = direction == "push" ? /received=(\d+)/ : /sent=(\d+)/
        let moved = try #require(line.firstMatch(of: way).flatMap { Int($0.1) })
        let seconds = try #require(line.firstMatch(of: /seconds=([0-9.]+)/).flatMap { Double($0.1) })
        #expect(moved > noise.count && moved <= Int(seconds * Double(Self.rate)) + Self.rate / 8, "\(line)")
    }

    @Test(arguments: ["push", "pull"]) func aClientKeepsToItsOwnRate(_ direction: String) async throws {
        try await TestDaemon.with { daemon in
            try await Self.expectLimit(direction, options: ["--limit-rate", "512K"], daemon)
        }
    }

    @Test(arguments: ["rate: 512KiB", "rates: ['127.0.0.1:0=512KiB']"]) func aReloadedRateHolds(
        _ setting: String
    ) async throws {
        try await TestDaemon.with { daemon in
            try daemon.configure("limits:\n  \(setting)\n")
            #expect(try await daemon.ferryd("reload").status == 0)
            try await Self.expectLimit("push", options: [], daemon)
        }
    }

    @Test func transfersUnderAllThreeLimitsAreIdentical() async throws {
        try await TestDaemon.with { daemon in
            let noise = TestDaemon.noise(3 << 20)
            try daemon.write(noise, to: "file")
            try daemon.configure("limits:\n  rate: 8MiB\n")
            #expect(try await daemon.ferryd("reload").text == "limits.rate=8MiB\n")
            #expect(try await daemon.ferryd("user", "limit", "alice", "--rate", "8M").status == 0)
            let push = try await daemon.ferry("push", "--limit-rate", "8M", "file", "nas:inbox/")
            #expect(push.status == 0, "\(push.errors)")
            let pull = try await daemon.ferry("pull", "--limit-rate", "8M", "nas:inbox/file", "back")
            #expect(pull.status == 0, "\(pull.errors)")
            #expect(try daemon.read("back") == noise)
        }
    }

    @Test func aUsersLimitIsListedAndTakenAway() async throws {
        let program = try DaemonProgram()
        _ = try await program.run("user", "add", "alice", "--host", "nas")
        for (rate, shown, bytes) in [("10M", "10MiB/s", 10 << 20), ("64KiB", "64KiB/s", 64 << 10), ("none", "-", nil)] {
            let limit = try await program.run("user", "limit", "alice", "--rate", rate)
            #expect(limit.status == 0, "\(limit.errors)")
            #expect(limit.errors.contains("action=user-limit user=alice rate=\(bytes.map { "\($0)" } ?? "none")"))
            let table = try await program.run("user", "list").output
            #expect(table.split(separator: "\n").last?.split(separator: " ").contains(Substring(shown)) == true)
            let json = try await program.run("user", "list", "--json").output
            #expect(try JSONDecoder().decode([UserRecord].self, from: Data(json.utf8)).map(\.rate) == [bytes])
        }
        #expect(try await program.run("user", "limit", "bob", "--rate", "1M").errors.contains("there is no user bob"))
    }

    @Test(arguments: ["0", "63KiB", "-1", "10X", "1.5M", "M", "99999999999999999999"])
    func whatIsNoRateIsRefused(_ rate: String) async throws {
        let program = try DaemonProgram()
        let outcome = try await program.run("user", "limit", "alice", "--rate=\(rate)")
        #expect(outcome.status == 64)
        #expect(outcome.errors.contains("is no rate"))
    }
}
