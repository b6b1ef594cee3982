import FerryCatalog
import FerryErrors
import FerryServer
import FerryTestKit
import FerryTransport
import FoundationEssentials
import Glibc
import Synchronization
import Testing

@Suite struct AdminClientTests {
    private let temporary: TemporaryDirectory
    private let audit = RecordedLines()
    private var root: String { self.temporary.path + "/state" }

    init() throws { self.temporary = try TemporaryDirectory() }

    private func client(attempts: Int = AdminClient.attempts) -> AdminClient {
        AdminClient(state: self.root, audit: { [audit] line in audit.add(line) }, attempts: attempts)
    }

    private func code(_ body: () async throws -> Void) async -> FerryError.Code? {
        do { try await body() } catch { return (error as? FerryError)?.code }
        return nil
    }

    @Test func worksWithoutADaemon() async throws {
        let alice = try Name("alice")
        let client = self.client(attempts: 1)
        let response = try await client.perform(.userAdd(user: alice, grants: [], tokenName: "t", expires: nil))
        guard case .issued(let token?, let fingerprint) = response else {
            Issue.record("answered \(response)")
            return
        }
        // The lock is free again, the change is there, and the certificate stays.
        let state = try StateDirectory(self.root)
        #expect(try state.openCatalog().authenticate(secret: token.secret)?.user == alice)
        #expect(try state.certificate().fingerprint.description == fingerprint)
        let user = "local/uid:\(LocalSystem.user)/pid:\(ProcessInfo.processInfo.processIdentifier)"
        #expect(
            self.audit.lines == ["admin by=\(user) action=user-add user=alice token-name=t token=\(token.id) result=ok"]
        )
    }

    @Test func failuresAreThrown() async throws {
        _ = try StateDirectory(self.root)
        let client = self.client()
        let bob = try Name("bob")
        #expect(await self.code { _ = try await client.perform(.userRemove(user: bob)) } == .notFound)
        #expect(await self.code { _ = try await client.perform(.status) } == .connection)
        #expect(self.audit.lines.count == 1)
    }

    @Test func newerStateIsRefused() async throws {
        _ = try StateDirectory(self.root)
        try TemporaryDirectory.write(self.root + "/version", "2\n")
        #expect(await self.code { _ = try await self.client().perform(.shareList) } == .newerState)
    }

    @Test func directoryInUseWithoutAnAnswerIsLocked() async throws {
        let state = try StateDirectory(self.root)
        #expect(await self.code { _ = try await self.client(attempts: 2).perform(.shareList) } == .locked)
        #expect(state.paths.root == self.root)
    }

    @Test func commandsAtOnceWaitForEachOther() async throws {
        let client = self.client(attempts: 1000)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<4 {
                group.addTask {
                    let share = ShareRecord(name: try Name("share\(index)"), path: "/srv/\(index)", readOnly: false)
                    _ = try await client.perform(.shareAdd(share: share))
                }
            }
            try await group.waitForAll()
        }
        #expect(try StateDirectory(self.root).openCatalog().shares().count == 4)
    }

    // A process of its own, for the user id is the process's.
    @Test(.enabled(if: geteuid() == 0, "needs root"))
    func rootActsAsTheOwner() async throws {
        await #expect(processExitsWith: .success) {
            let temporary = try TemporaryDirectory()
            try #require(chmod(temporary.path, 0o755) == 0)
            let root = temporary.path + "/state"
            try #require(mkdir(root, 0o700) == 0 && chown(root, 4711, 4712) == 0)
            let client = AdminClient(state: root, audit: { _ in }, attempts: 1)
            _ = try await client.perform(.userAdd(user: Name("alice"), grants: [], tokenName: "t", expires: nil))
            try #require(geteuid() == 0 && getegid() == 0)
            let names = try FileManager.default.subpathsOfDirectory(atPath: root)
            try #require(names.contains("catalog.sqlite") && names.contains("tls/key.pem") && names.contains("version"))
            for name in names {
                let attributes = try FileManager.default.attributesOfItem(atPath: root + "/" + name)
                try #require(attributes[.ownerAccountID] as? UInt == 4711, "\(name)")
                try #require(attributes[.groupOwnerAccountID] as? UInt == 4712, "\(name)")
            }
        }
    }

    @Test(.enabled(if: geteuid() == 0, "needs root"))
    func othersAreToldWhoseItIs() async throws {
        await #expect(processExitsWith: .success) {
            let temporary = try TemporaryDirectory()
            try #require(chmod(temporary.path, 0o755) == 0)
            let root = temporary.path + "/state"
            _ = try StateDirectory(root)
            try #require(seteuid(4711) == 0)
            let client = AdminClient(state: root, audit: { _ in }, attempts: 1)
            let error = await #expect(throws: FerryError.self) { try await client.perform(.shareList) }
            try #require(seteuid(0) == 0)
            try #require(error?.code == .permission)
            try #require(error?.message.contains("uid 0") == true)
        }
    }
}

final class RecordedLines: Sendable {
    private let record = Mutex<[String]>([])
    func add(_ line: String) { self.record.withLock { $0.append(line) } }
    var lines: [String] { self.record.withLock { $0 } }
}
