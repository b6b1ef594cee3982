import FerryCatalog
import Foundation
import Testing

/// Rates as users and administrators set them. That they hold is RateTests' to prove.
@Suite struct LimitRateTests {
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
