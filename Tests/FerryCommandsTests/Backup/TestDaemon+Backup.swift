import FerryTestKit
import Foundation
import Testing

/// Backups into the repository `laptops` of a test's daemon.
extension TestDaemon {
    /// Where the repository lies.
    var repository: String { self.directory + "/repository" }
    /// The directory of the tests' trees, as a path from a snapshot's top.
    var inSnapshot: String {
        let real = URL(fileURLWithPath: self.here).resolvingSymlinksInPath().path
        return String(real.drop { $0 == "/" })
    }

    /// Starts a daemon with the repository, on which alice has `grant`.
    static func withRepository(
        _ grant: String = "read,write",
        settings: [String: String] = [:],
        _ body: (TestDaemon) async throws -> Void
    ) async throws {
        try await Self.with(settings: settings) { daemon in
            let made = try await daemon.ferryd("repository", "create", "laptops", "--path", daemon.repository)
            #expect(made.status == 0, "\(made.errors)")
            let granted = try await daemon.ferryd("grant", "alice", "laptops=\(grant)")
            #expect(granted.status == 0, "\(granted.errors)")
            try await body(daemon)
        }
    }

    /// Adds a user, who is logged in under their own name.
    func add(user: String, grant: String) async throws {
        let grants = grant.isEmpty ? [] : ["--grant", "laptops=\(grant)"]
        let state = ["--host", "127.0.0.1", "--state", self.directory + "/state"]
        let link = try await self.run("ferryd", ["user", "add", user] + grants + state)
        #expect(link.status == 0, "\(link.errors)")
        try self.write(link.output, to: "link-" + user)
        let login = try await self.ferry("login", "--name", user, "--link-file", "link-" + user)
        #expect(login.status == 0, "\(login.errors)")
    }

    /// Backs `tree` up and tells what `--json` says of it.
    @discardableResult
    func backUp(_ arguments: String..., sourceLocation: SourceLocation = #_sourceLocation) async throws -> BackupEvent {
        let backup = try await self.run("ferry", ["backup", "--json", "tree", "nas:laptops"] + arguments)
        #expect(backup.status == 0, "\(backup.errors)", sourceLocation: sourceLocation)
        return try BackupEvent(backup)
    }

    /// Restores `tree` of the latest snapshot.
    func restore(
        to target: String,
        _ arguments: String...,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let source = "nas:laptops@latest/\(self.inSnapshot)/tree"
        let restore = try await self.run("ferry", ["restore", "--specials", source, target] + arguments)
        #expect(restore.status == 0, "\(restore.errors)", sourceLocation: sourceLocation)
    }

    /// What `ferry snapshots --json` lists.
    func snapshots(of server: String = "nas") async throws -> [[String: Any]] {
        let list = try await self.ferry("snapshots", "\(server):laptops", "--json")
        #expect(list.status == 0, "\(list.errors)")
        return try list.events()
    }
}

/// What `ferry backup --json` says at the end.
struct BackupEvent {
    let snapshot: String?
    let files: Int
    let failed: Int
    let bytes: Int
    let savedBytes: Int
    let wireBytes: Int

    init(_ outcome: TestDaemon.Outcome) throws {
        let event = try #require(try outcome.events().first { $0["event"] as? String == "transfer" }, "\(outcome.text)")
        func number(_ name: String) throws -> Int { try #require(event[name] as? Int, "\(name)") }
        self.snapshot = event["snapshot"] as? String
        self.files = try number("files")
        self.failed = try number("failed")
        self.bytes = try number("bytes")
        self.savedBytes = try number("savedBytes")
        self.wireBytes = try number("wireBytes")
    }
}
