import FerryErrors
import FerryServer
import FerryTestKit
import FoundationEssentials
import Testing

@Suite struct SharePathTests {
    private let temporary: TemporaryDirectory
    private var root: String { self.temporary.path }

    init() throws {
        self.temporary = try TemporaryDirectory()
        for name in ["/srv/inbox", "/srv/state/tls", "/srv/state2"] {
            try FileManager.default.createDirectory(atPath: self.root + name, withIntermediateDirectories: true)
        }
        try TemporaryDirectory.write(self.root + "/srv/file", "")
        try FileManager.default.createSymbolicLink(
            atPath: self.root + "/link",
            withDestinationPath: self.root + "/srv/state"
        )
    }

    private func code(_ path: String, state: String = "/srv/state") -> FerryError.Code? {
        do { _ = try SharePath.check(self.root + path, state: self.root + state) } catch { return error.code }
        return nil
    }

    @Test func directoryIsMadeAbsolute() throws {
        let state = self.root + "/srv/state"
        #expect(try SharePath.check(self.root + "/srv/./inbox/../inbox/", state: state) == self.root + "/srv/inbox")
        // Only the name begins alike.
        #expect(try SharePath.check(self.root + "/srv/state2", state: state) == self.root + "/srv/state2")
    }

    @Test func whatIsNoDirectoryIsRefused() {
        #expect(self.code("/srv/nothing") == .notFound)
        #expect(self.code("/srv/file") == .notADirectory)
    }

    @Test(arguments: ["/srv/state", "/srv/state/tls", "/srv", "", "/link", "/link/tls", "/srv/inbox/../state"])
    func stateDirectoryIsOutOfReach(_ path: String) {
        #expect(self.code(path) == .denied)
        #expect(self.code(path, state: "/link") == .denied)
        #expect(self.code(path, state: "/srv/state/") == .denied)
    }

    @Test func rootHoldsEverything() {
        let error = #expect(throws: FerryError.self) { try SharePath.check("/", state: self.root + "/srv/state") }
        #expect(error?.code == .denied)
    }

    @Test func stateDirectoryThatIsYetToComeCounts() {
        #expect(self.code("/srv/inbox", state: "/srv/inbox/a/b") == .denied)
        #expect(self.code("/srv", state: "/srv/new") == .denied)
        #expect(self.code("/srv/inbox", state: "/srv/new/") == nil)
    }
}
