import Foundation
import Glibc
import Testing

/// SIGHUP and `ferryd reload` on a real daemon.
@Suite struct ReloadTests {
    /// 6 MiB at 1 MiB/s take some seconds: long enough that the signal comes within the transfer, which the listing of the
    /// share proves.
    @Test func aTransferRunsAcrossAReload() async throws {
        try await TestDaemon.with { daemon in
            try daemon.write(TestDaemon.noise(4 << 20), to: "file")
            let before = try await daemon.ferryd("fingerprint").text
            let push = Task { try await daemon.ferry("push", "--limit-rate", "2M", "file", "nas:inbox/") }
            while try daemon.names(in: daemon.share).isEmpty { await Task.yield() }
            // Another certificate and another limit.
            try FileManager.default.removeItem(atPath: daemon.directory + "/state/tls")
            try daemon.configure("limits:\n  window: 2MiB\n")
            daemon.signal(SIGHUP)
            _ = try await daemon.log.text(matching: "notice reloaded .*changed=\"limits.window=2MiB")
            #expect(try daemon.names(in: daemon.share).allSatisfy { $0.hasPrefix(".ferry-part.") })
            let after = try await daemon.ferryd("fingerprint").text
            #expect(after != before)
            let outcome = try await push.value
            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(try daemon.shared("file") == TestDaemon.noise(4 << 20))
            // A new connection is shown the new certificate, which this client has not pinned.
            let refused = try await daemon.ferry("ls", "nas:inbox")
            #expect(refused.status != 0)
            #expect(refused.errors.contains("got \(after.trimmingCharacters(in: .whitespacesAndNewlines))"))
            let link = try await daemon.ferryd("token", "add", "alice", "--name", "new", "--host", "127.0.0.1")
            try daemon.write(link.output, to: "link")
            #expect(try await daemon.ferry("login", "--name", "nas", "--link-file", "link").status == 0)
            #expect(try await daemon.ferry("ls", "nas:inbox").text.contains("file"))
        }
    }

    @Test func aBadFileChangesNothing() async throws {
        try await TestDaemon.with { daemon in
            try daemon.configure("limits:\n  reserve: 1KiB\n  conections: 3\n")
            daemon.signal(SIGHUP)
            let text = try await daemon.log.text(matching: "error not reloaded.*\n")
            #expect(text.contains("ferryd.yaml:3: unknown setting `limits.conections`"))
            let told = try await daemon.ferryd("reload")
            #expect(told.status == 64)
            #expect(told.errors.contains("ferryd.yaml:3: unknown setting `limits.conections`"))
            #expect(try await daemon.ferry("ls", "nas:").status == 0)
        }
    }

    @Test func aChangedLimitCountsAndWhatNeedsARestartIsNamed() async throws {
        try await TestDaemon.with { daemon in
            try daemon.write(TestDaemon.noise(1000), to: "file")
            try daemon.configure("limits:\n  reserve: 16TiB\nbacklog: 3\nlog:\n  format: json\n")
            let reload = try await daemon.ferryd("reload")
            #expect(reload.status == 0, "\(reload.errors)")
            #expect(reload.text == "limits.reserve=16TiB\nlog.format=json\n")
            #expect(reload.errors.contains("counts after a restart: backlog=3"))
            _ = try await daemon.log.text(matching: #""message":"a restart is needed","changed":"backlog=3""#)
            // No disk has so much free.
            #expect(try await daemon.ferry("push", "file", "nas:inbox/").status == 6)
            // It is still not in force, and said again.
            try daemon.configure("backlog: 3\n")
            #expect(try await daemon.ferryd("reload").errors.contains("backlog=3"))
            #expect(try await daemon.ferry("push", "file", "nas:inbox/").status == 0)
        }
    }

    @Test func withoutADaemonNothingReloads() async throws {
        let program = try DaemonProgram()
        _ = try await program.run("share", "add", "x", program.makeDirectory("x"))
        let outcome = try await program.run("reload")
        #expect(outcome.status != 0)
        #expect(outcome.errors.contains("no daemon runs on"))
    }
}
