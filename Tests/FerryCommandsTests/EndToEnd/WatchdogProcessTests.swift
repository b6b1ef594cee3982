import Foundation
import Testing

/// A service manager's side of the watchdog.
@Suite(.timeLimit(.minutes(5))) struct WatchdogProcessTests {
    @Test func theDaemonPingsOnlyWhileItsAccountsAnswer() async throws {
        let manager = try NotifySocket()
        let settings = ["NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "20000"]
        try await TestDaemon.with(settings: settings) { daemon in
            _ = try await manager.messages.text(matching: "(?s)READY=1.*WATCHDOG=1.*WATCHDOG=1")
            let held = try HeldReaders(daemon.directory + "/state/catalog.sqlite")
            try manager.send("held;")
            // SQLite asks again and again, for some ten seconds.
            _ = try await daemon.log.text(matching: "error the watchdog found something broken error=")
            try manager.send("broken;")
            let text = try await manager.messages.text(matching: "broken;")
            let meanwhile = try #require(text.firstMatch(of: /held;([^;]*)broken;/)).output.1
            // One may have been on its way.
            #expect(meanwhile.split(separator: "WATCHDOG=1").count <= 1, "\(meanwhile)")
            held.release()
            _ = try await manager.messages.text(matching: "(?s)broken;.*WATCHDOG=1.*WATCHDOG=1")
        }
    }
}
