import FerryTransport
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

    @Test func theLevelOfTheLogIsAnotherAtOnce() async throws {
        try await TestDaemon.with { daemon in
            try daemon.write(Data("x".utf8), to: "file")
            for level in ["warning", "info"] {
                try daemon.configure("log:\n  level: \(level)\n")
                #expect(try await daemon.ferryd("reload").status == 0)
                #expect(try await daemon.ferry("push", "file", "nas:inbox/\(level)").status == 0)
            }
            let text = try await daemon.log.text(matching: "info push [^\\n]*inbox/info")
            #expect(!text.contains("inbox/warning"))
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

    /// What a certificate and its key may be damaged to.
    enum Damage: String, CaseIterable, Sendable {
        case noPEM, cutPEM, othersCertificate, othersKey, missingKey, openKey
    }

    /// A renewal that went wrong, say: whoever connects is shown the certificate that was there before.
    @Test(arguments: Damage.allCases) func aCertificateThatCannotBeUsedChangesNothing(_ damage: Damage) async throws {
        try await TestDaemon.with { daemon in
            let directory = daemon.directory + "/state/tls"
            let before = try await daemon.ferryd("fingerprint").text
            let own = try Data(contentsOf: URL(fileURLWithPath: directory + "/cert.pem"))
            let other = try ServerCertificate.makeSelfSigned()
            switch damage {
            case .noPEM: try Self.write(Array("no certificate".utf8), to: directory + "/cert.pem")
            case .cutPEM: try Self.write(Array(own.prefix(own.count / 2)), to: directory + "/cert.pem")
            case .othersCertificate: try Self.write(other.certificatePEM, to: directory + "/cert.pem")
            case .othersKey: try Self.write(other.privateKeyPEM, to: directory + "/key.pem")
            case .missingKey: try FileManager.default.removeItem(atPath: directory + "/key.pem")
            case .openKey: chmod(directory + "/key.pem", 0o644)
            }
            // What else has changed does not count either.
            try daemon.configure("limits:\n  reserve: 16TiB\n")
            daemon.signal(SIGHUP)
            _ = try await daemon.log.text(matching: "error not reloaded.*\n")
            #expect(try await daemon.ferryd("reload").status != 0)
            #expect(try await daemon.ferryd("fingerprint").text == before)
            #expect(try await daemon.ferry("ls", "nas:").status == 0)
            try daemon.write(Data("new".utf8), to: "file")
            #expect(try await daemon.ferry("push", "file", "nas:inbox/").status == 0)
        }
    }

    /// Files that the configuration names, which something else renews.
    @Test func aConfiguredCertificateIsExchanged() async throws {
        try await TestDaemon.with { daemon in
            let (certificate, key) = (daemon.directory + "/server.crt", daemon.directory + "/server.key")
            let pairs = try (0..<2).map { _ in try ServerCertificate.makeSelfSigned() }
            try daemon.configure("tls:\n  certificate: \(certificate)\n  key: \(key)\n")
            for pair in pairs {
                try Self.write(pair.certificatePEM, to: certificate)
                try Self.write(pair.privateKeyPEM, to: key)
                daemon.signal(SIGHUP)
                _ = try await daemon.log.text(matching: "notice reloaded .*certificate=\"?\(pair.fingerprint)")
                #expect(try await daemon.ferryd("fingerprint").text == "\(pair.fingerprint)\n")
                // The pin of before is not that of what is shown, which a new link has.
                #expect(try await daemon.ferry("ls", "nas:").errors.contains("got \(pair.fingerprint)"))
                try await daemon.logIn("nas", port: daemon.port, pin: pair.fingerprint)
                #expect(try await daemon.ferry("ls", "nas:").status == 0)
            }
            // Half of an exchange.
            try Self.write(pairs[0].certificatePEM, to: certificate)
            daemon.signal(SIGHUP)
            let text = try await daemon.log.text(matching: "error not reloaded.*\n")
            #expect(text.contains("`tls.certificate` and `tls.key`: "))
            #expect(try await daemon.ferryd("fingerprint").text == "\(pairs[1].fingerprint)\n")
            #expect(try await daemon.ferry("ls", "nas:").status == 0)
        }
    }

    /// Puts bytes into a file that only its owner may read.
    private static func write(_ bytes: [UInt8], to path: String) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        chmod(path, 0o600)
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
