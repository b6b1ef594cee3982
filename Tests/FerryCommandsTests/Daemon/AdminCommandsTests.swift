import FerryCatalog
import FerryErrors
import FerryServer
import FerryTransport
import Foundation
import Testing

/// The admin commands as a script sees them: arguments in, streams and status out.
@Suite struct AdminCommandsTests {
    private let program: DaemonProgram
    private let inbox: String

    init() throws {
        self.program = try DaemonProgram()
        self.inbox = try self.program.makeDirectory("srv/inbox")
    }

    private func json<Value: Decodable>(_ outcome: DaemonProgram.Outcome, as type: Value.Type) throws -> Value {
        try JSONDecoder().decode(type, from: Data(outcome.output.utf8))
    }

    @Test func theLoginLinkIsAloneOnStandardOutput() async throws {
        let added = try await self.program.run("share", "add", "inbox", self.inbox)
        #expect(added.status == 0)
        #expect(added.output == "")
        let outcome = try await self.program.run(
            "user",
            "add",
            "alice",
            "--grant",
            "inbox=read,write",
            "--host",
            "nas.example.org",
            "--port",
            "7000"
        )
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.output.hasSuffix("\n"))
        #expect(outcome.output.dropLast().contains("\n") == false)
        let link = try LoginLink(outcome.output)
        #expect(link.user == "alice")
        #expect(link.host == "nas.example.org")
        #expect(link.port == 7000)
        #expect(!outcome.errors.contains(link.secret))
        let fingerprint = try await self.program.run("fingerprint")
        #expect(fingerprint.output == "\(link.pin)\n")
        let catalog = try StateDirectory(self.program.state).openCatalog()
        #expect(try catalog.authenticate(secret: link.secret)?.user == Name("alice"))
        #expect(try catalog.rights(user: Name("alice"), share: Name("inbox"))?.rights == .all)
    }

    @Test func addingTwiceSucceedsWithoutASecondLink() async throws {
        for expected in [1, 0] {
            let share = try await self.program.run("share", "add", "inbox", "srv/inbox/../inbox")
            #expect(share.status == 0)
            let user = try await self.program.run("user", "add", "alice", "--grant", "inbox=read", "--host", "nas")
            #expect(user.status == 0)
            #expect(user.output.split(separator: "\n").count == expected)
        }
        let tokens = try await self.program.run("token", "list", "alice", "--json")
        #expect(try self.json(tokens, as: [TokenRecord].self).count == 1)
    }

    @Test func sharesAreListedAndRemoved() async throws {
        _ = try await self.program.run("share", "add", "inbox", "srv/inbox", "--read-only")
        let list = try await self.program.run("share", "list", "--json")
        let root = try #require(try self.json(list, as: [ShareRecord].self).first)
        #expect(root.path.hasSuffix("/srv/inbox") && root.path.hasPrefix("/"))
        #expect(root.readOnly)
        let table = try await self.program.run("share", "list")
        #expect(
            table.output == "SHARE  PATH\(String(repeating: " ", count: root.path.count - 2))MODE\n"
                + "inbox  \(root.path)  read-only\n"
        )
        let removed = try await self.program.run("share", "remove", "inbox")
        #expect(removed.status == 0)
        let empty = try await self.program.run("share", "list")
        #expect(empty.output == "")
        let again = try await self.program.run("share", "remove", "inbox")
        #expect(again.status == 1)
        #expect(again.errors.contains("there is no share inbox"))
    }

    @Test func rightsAreGrantedAndRevoked() async throws {
        _ = try await self.program.run("share", "add", "inbox", self.inbox)
        _ = try await self.program.run("user", "add", "alice", "--host", "nas")
        for (arguments, rights) in [
            (["grant", "alice", "inbox=read"], ["read"]), (["grant", "alice", "inbox=write"], ["read", "write"]),
            (["revoke", "alice", "inbox=read"], ["write"]), (["revoke", "alice", "inbox"], []),
        ] {
            let change = try await self.program.run(arguments: arguments, output: nil)
            #expect(change.status == 0, "\(change.errors)")
            #expect(change.output == "")
            // Without a daemon, whose log would have it, the audit line goes to standard error.
            #expect(change.errors.contains("action=\(arguments[0]) user=alice grant=inbox:"))
            let list = try await self.program.run("user", "list", "--json")
            let user = try #require(try self.json(list, as: [UserRecord].self).first)
            #expect(user.grants.map { "\($0.rights)" } == (rights.isEmpty ? [] : [rights.joined(separator: ",")]))
        }
        let removed = try await self.program.run("user", "remove", "alice")
        #expect(removed.status == 0)
    }

    @Test func devicesGetTokensOfTheirOwn() async throws {
        _ = try await self.program.run("user", "add", "alice", "--host", "nas")
        let before = Int64(Date.now.timeIntervalSince1970)
        let added = try await self.program.run(
            "token",
            "add",
            "alice",
            "--name",
            "phone",
            "--expires",
            "90d",
            "--host",
            "::1"
        )
        let link = try LoginLink(added.output)
        #expect(link.host == "::1")
        let list = try await self.program.run("token", "list", "--json")
        let token = try #require(try self.json(list, as: [TokenRecord].self).first { $0.name == "phone" })
        // The command counts from its own second, which may be the one before the daemon's.
        let expires = try #require(token.expires)
        #expect((before...token.created).contains(expires - 90 * 86_400))
        #expect(!list.output.contains(link.secret))
        let again = try await self.program.run("token", "add", "alice", "--name", "phone", "--host", "nas")
        #expect(again.status == 1)
        #expect(again.output == "")
        let removed = try await self.program.run("token", "remove", "alice", token.id)
        #expect(removed.status == 0)
        let catalog = try StateDirectory(self.program.state).openCatalog()
        #expect(try catalog.authenticate(secret: link.secret) == nil)
    }

    @Test func expiryIsASpanOrADay() async throws {
        _ = try await self.program.run("user", "add", "alice", "--host", "nas", "--expires", "2099-02-28")
        let list = try await self.program.run("token", "list", "alice", "--json")
        #expect(try self.json(list, as: [TokenRecord].self).first?.expires == 4_075_920_000)
        for text in ["", "90", "d", "-1d", "+1d", "1y", "0d", "99999999999999999999d", "2099-02-29", "2099-2-28", "x"] {
            let bad = try await self.program.run(
                "token",
                "add",
                "alice",
                "--name",
                "t",
                "--host",
                "nas",
                "--expires=\(text)"
            )
            #expect(bad.status == 64, "\(text)")
        }
        let past = try await self.program.run(
            "token",
            "add",
            "alice",
            "--name",
            "t",
            "--host",
            "nas",
            "--expires",
            "2001-01-01"
        )
        #expect(past.status == 64)
    }

    @Test func thePortComesFromTheConfiguration() async throws {
        try await self.makeState()
        try Data("listen: ['127.0.0.1:0', '0.0.0.0:9000']\n".utf8)
            .write(to: URL(fileURLWithPath: self.program.state + "/ferryd.yaml"))
        let outcome = try await self.program.run("user", "add", "alice", "--host", "nas")
        #expect(try LoginLink(outcome.output).port == 9000)
    }

    @Test func withoutAHostTheMachineIsNamed() async throws {
        let outcome = try await self.program.run("user", "add", "alice")
        let host = try LoginLink(outcome.output).host
        #expect(ProcessInfo.processInfo.hostName.hasPrefix(host))
        #expect(outcome.errors.contains("--host"))
    }

    @Test(arguments: [
        ["share", "add", "Inbox", "."], ["share", "add", "inbox"], ["user", "add", "../x"],
        ["user", "add", "a", "--grant", "inbox"], ["user", "add", "a", "--grant", "inbox=own"],
        ["user", "add", "a", "--grant", "inbox=read,"], ["user", "add", "a", "--grant", "=read"],
        ["user", "add", "a", "--host", "not a host"], ["user", "add", "a", "--host", "nas", "--port", "0"],
        ["user", "add", "a", "--host", "nas", "--port", "65536"], ["token", "add", "a"], ["grant", "a", "inbox"],
        ["revoke", "a", "inbox="], ["revoke", "a"], ["share", "list", "--state="], ["share", "fly"],
    ])
    func wrongCommandLinesChangeNothing(_ arguments: [String]) async throws {
        let outcome = try await self.program.run(arguments: arguments, output: nil)
        #expect(outcome.status == 64, "\(outcome.errors)")
        #expect(outcome.output == "")
        #expect(!FileManager.default.fileExists(atPath: self.program.state + "/catalog.sqlite"))
    }

    @Test func stateDirectoryIsNoShare() async throws {
        try await self.makeState()
        for path in [self.program.state, self.program.directory, "/", "state/."] {
            let outcome = try await self.program.run("share", "add", "all", path)
            #expect(outcome.status == 1)
            #expect(outcome.errors.contains("overlaps with the state directory"))
        }
        let missing = try await self.program.run("share", "add", "all", "nothing")
        #expect(missing.status == 1)
    }

    @Test func aLinkThatNobodyGotIsAFailure() async throws {
        let outcome = try await self.program.run("user", "add", "alice", "--host", "nas", output: "/dev/full")
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("standard output"))
    }

    @Test func aCheckReadsTheCertificate() async throws {
        let state = self.program.state
        try FileManager.default.createDirectory(atPath: state, withIntermediateDirectories: true)
        let yaml = "log:\n  level: info\ntls:\n  certificate: /none/cert.pem\n  key: /none/key.pem\n"
        try Data(yaml.utf8).write(to: URL(fileURLWithPath: state + "/ferryd.yaml"))
        let check = try await self.program.run("config", "check")
        #expect(check.status == 64)
        #expect(check.output.isEmpty)
        #expect(check.errors.contains("ferryd.yaml:4: `tls.certificate`"), "\(check.errors)")
        #expect(check.errors.contains("/none/cert.pem"), "\(check.errors)")
        let serve = try await self.program.run("serve")
        #expect(serve.status == 64 && serve.errors.contains("ferryd.yaml:4: `tls.certificate`"), "\(serve.errors)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: state) == ["ferryd.yaml"])
    }

    @Test func theFlagWinsOverTheEnvironment() async throws {
        let other = self.program.directory + "/other"
        let outcome = try await self.program.run("share", "add", "inbox", "srv/inbox", "--state", other)
        #expect(outcome.status == 0)
        #expect(FileManager.default.fileExists(atPath: other + "/version"))
        #expect(!FileManager.default.fileExists(atPath: self.program.state))
    }

    /// A question makes no state to answer from: the answer, a fingerprint say, would be believed.
    @Test(
        arguments: [
            ["fingerprint"], ["status"], ["share", "list"], ["user", "list"], ["token", "list"],
            // What is about something that exists makes none, either.
            ["verify", "laptops"], ["grant", "carol", "laptops=append"], ["revoke", "carol", "laptops"],
            ["user", "add", "carol", "--grant", "laptops=append", "--host", "nas"], ["user", "remove", "carol"],
            ["user", "limit", "carol", "--rate", "1MiB"], ["token", "add", "carol", "--name", "x", "--host", "nas"],
            ["token", "remove", "carol", "x"], ["share", "remove", "x"], ["repository", "stats", "laptops"],
            ["repository", "rebuild-index", "laptops"], ["repository", "remove", "laptops"],
        ]
    )
    func aQuestionMakesNoState(_ arguments: [String]) async throws {
        for state in [self.program.state, self.program.directory] {
            let outcome = try await self.program.run(arguments: arguments + ["--state", state], output: nil)
            #expect(outcome.status == 1)
            #expect(outcome.output.isEmpty && outcome.errors.contains("there is no daemon's state in"))
        }
        #expect(!FileManager.default.fileExists(atPath: self.program.state))
        #expect(!FileManager.default.fileExists(atPath: self.program.directory + "/version"))
    }

    private func makeState() async throws {
        #expect(try await self.program.run("share", "add", "inbox", "srv/inbox").status == 0)
    }

    @Test func statusNeedsADaemon() async throws {
        try await self.makeState()
        let outcome = try await self.program.run("status")
        #expect(outcome.status == 5)
        #expect(outcome.errors.contains("no daemon runs"))
    }

    @Test func newerStateIsRefused() async throws {
        try await self.makeState()
        try Data("2\n".utf8).write(to: URL(fileURLWithPath: self.program.state + "/version"))
        let outcome = try await self.program.run("share", "list")
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("newer release"))
    }
}
