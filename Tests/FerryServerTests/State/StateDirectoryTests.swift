import FerryCatalog
import FerryErrors
import FerryServer
import FerryTestKit
import FerryTransport
import FoundationEssentials
import Synchronization
import Testing

@Suite struct StateDirectoryTests {
    private let temporary: TemporaryDirectory
    private var root: String { self.temporary.path + "/a/state" }

    init() throws { self.temporary = try TemporaryDirectory() }

    private func code(_ body: () throws -> Void) -> FerryError.Code? {
        do { try body() } catch { return (error as? FerryError)?.code }
        return nil
    }

    @Test func isMadePrivateWithAVersion() throws {
        let state = try StateDirectory(self.root)
        #expect(state.paths.root == self.root)
        #expect(try TemporaryDirectory.mode(self.root) == 0o700)
        #expect(try TemporaryDirectory.read(self.root + "/version") == "1\n")
        #expect(state.paths.catalog == self.root + "/catalog.sqlite")
        #expect(state.paths.certificate == self.root + "/tls/cert.pem")
        #expect(state.paths.key == self.root + "/tls/key.pem")
        #expect(state.paths.adminSocket == self.root + "/admin.sock")
        #expect(state.paths.configuration == self.root + "/ferryd.yaml")
    }

    @Test func linksAndDotsAreResolved() throws {
        try FileManager.default.createDirectory(atPath: self.root, withIntermediateDirectories: true)
        let link = self.temporary.path + "/link"
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: self.root)
        #expect(try StateDirectory(link + "/../state/.").paths.root == self.root)
    }

    @Test func onlyOneDaemonHasIt() throws {
        do {
            let first = try StateDirectory(self.root)
            let error = #expect(throws: FerryError.self) { _ = try StateDirectory(self.root) }
            #expect(error?.code == .locked)
            #expect(error?.message.contains("one daemon per state directory") == true)
            #expect(error?.message.contains(self.root) == true)
            #expect(error?.remedy?.contains("--state") == true)
            #expect(first.paths.root == self.root)
        }
        _ = try StateDirectory(self.root)
    }

    @Test func newerLayoutIsRefusedAndLeftAlone() throws {
        _ = try StateDirectory(self.root)
        try TemporaryDirectory.write(self.root + "/version", "2\n")
        #expect(self.code { _ = try StateDirectory(self.root) } == .newerState)
        #expect(try TemporaryDirectory.read(self.root + "/version") == "2\n")
        try TemporaryDirectory.write(self.root + "/version", "1\n")
        _ = try StateDirectory(self.root)
    }

    @Test(arguments: ["", "\n", "0\n", "x\n", "+1\n", "-1\n", "1 \n", "1\n\n", "99999999999999999999\n"])
    func unreadableVersionIsRefused(_ text: String) throws {
        _ = try StateDirectory(self.root)
        try TemporaryDirectory.write(self.root + "/version", text)
        #expect(self.code { _ = try StateDirectory(self.root) } == .integrity)
    }

    @Test func migrationsRunOnceInOrderAndResume() throws {
        _ = try StateDirectory(self.root)
        let runs = Mutex<[Int]>([])
        let isBroken = Mutex(true)
        let first: StateDirectory.Migration = { _ in runs.withLock { $0.append(1) } }
        let second: StateDirectory.Migration = { (_: StatePaths) throws(FerryError) in
            guard !isBroken.withLock({ $0 }) else { throw FerryError(.noSpace, "full") }
            runs.withLock { $0.append(2) }
        }
        let migrations = [first, second]
        #expect(self.code { _ = try StateDirectory(self.root, migrations: migrations) } == .noSpace)
        #expect(try TemporaryDirectory.read(self.root + "/version") == "2\n")
        isBroken.withLock { $0 = false }
        _ = try StateDirectory(self.root, migrations: migrations)
        _ = try StateDirectory(self.root, migrations: migrations)
        #expect(runs.withLock { $0 } == [1, 2])
        #expect(try TemporaryDirectory.read(self.root + "/version") == "3\n")
        // And this release, which knows neither step, must refuse.
        #expect(self.code { _ = try StateDirectory(self.root) } == .newerState)
    }

    @Test func newDirectoryNeedsNoMigration() throws {
        let runs = Mutex(0)
        let migration: StateDirectory.Migration = { _ in runs.withLock { $0 += 1 } }
        _ = try StateDirectory(self.root, migrations: [migration])
        #expect(runs.withLock { $0 } == 0)
        #expect(try TemporaryDirectory.read(self.root + "/version") == "2\n")
    }

    @Test func catalogIsPrivateAndPersists() throws {
        let inbox = try Name("inbox")
        do {
            let state = try StateDirectory(self.root)
            let catalog = try state.openCatalog()
            try catalog.addShare(inbox, path: "/srv/inbox")
            for name in ["/catalog.sqlite", "/catalog.sqlite-wal"] {
                #expect(try TemporaryDirectory.mode(self.root + name) == 0o600)
            }
        }
        #expect(try StateDirectory(self.root).openCatalog().share(inbox)?.path == "/srv/inbox")
    }

    @Test func certificateIsMadeOnce() throws {
        let state = try StateDirectory(self.root)
        let first = try state.certificate()
        #expect(try state.certificate().fingerprint == first.fingerprint)
        #expect(try TemporaryDirectory.mode(state.paths.tls) == 0o700)
        #expect(try TemporaryDirectory.mode(state.paths.key) == 0o600)
    }

    @Test func keyThatOthersReadIsRefused() throws {
        let state = try StateDirectory(self.root)
        _ = try state.certificate()
        try TemporaryDirectory.setMode(state.paths.key, 0o640)
        #expect(self.code { _ = try state.certificate() } == .permission)
    }

    @Test func certificateWithoutItsKeyIsNotReplaced() throws {
        let state = try StateDirectory(self.root)
        _ = try state.certificate()
        let before = try TemporaryDirectory.read(state.paths.certificate)
        try FileManager.default.removeItem(atPath: state.paths.key)
        #expect(self.code { _ = try state.certificate() } == .configuration)
        #expect(try TemporaryDirectory.read(state.paths.certificate) == before)
    }

    @Test func keyOfACrashedFirstStartIsReplaced() throws {
        let state = try StateDirectory(self.root)
        let first = try state.certificate()
        try FileManager.default.removeItem(atPath: state.paths.certificate)
        let second = try state.certificate()
        #expect(second.fingerprint != first.fingerprint)
        #expect(try state.certificate().fingerprint == second.fingerprint)
    }

    @Test func fileInTheWayIsAnError() throws {
        try TemporaryDirectory.write(self.temporary.path + "/a", "")
        #expect(self.code { _ = try StateDirectory(self.root) } == .notADirectory)
        #expect(self.code { _ = try StateDirectory(self.temporary.path + "/a") } == .notADirectory)
    }
}
