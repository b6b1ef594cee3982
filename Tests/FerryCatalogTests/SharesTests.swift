import FerryCatalog
import FerryErrors
import Testing

@Suite struct SharesTests {
    @Test func addingTheSameTwiceSucceeds() throws {
        let catalog = try TestCatalog().open()
        try catalog.addShare(.inbox, path: "/srv/inbox")
        try catalog.addShare(.inbox, path: "/srv/inbox")
        #expect(try catalog.shares().count == 1)
    }

    @Test func anotherPathOrModeIsAConflict() throws {
        let catalog = try TestCatalog().open()
        try catalog.addShare(.inbox, path: "/srv/inbox")
        #expect(code { try catalog.addShare(.inbox, path: "/srv/other") } == .exists)
        #expect(code { try catalog.addShare(.inbox, path: "/srv/inbox", readOnly: true) } == .exists)
        #expect(try catalog.share(.inbox)?.path == "/srv/inbox")
        #expect(try catalog.share(.inbox)?.readOnly == false)
    }

    @Test(arguments: ["", "srv", "./srv", "/srv\0x"])
    func onlyAbsolutePathsAreTaken(_ path: String) throws {
        let catalog = try TestCatalog().open()
        #expect(code { try catalog.addShare(.inbox, path: path) } == .invalidPath)
        #expect(try catalog.shares().isEmpty)
    }

    @Test func removingTakesTheGrantsAlong() throws {
        let catalog = try TestCatalog().open()
        try catalog.addShare(.inbox, path: "/srv/inbox")
        try catalog.addShare(.outbox, path: "/srv/outbox")
        _ = try catalog.addUser(.bob, grants: [GrantRecord(share: .inbox, rights: .read)])
        _ = try catalog.addUser(.alice, grants: [GrantRecord(share: .inbox, rights: .all)])
        try catalog.grant(user: .alice, share: .outbox, rights: .read)

        #expect(try catalog.removeShare(.inbox) == [.alice, .bob])
        #expect(try catalog.share(.inbox) == nil)
        #expect(try catalog.rights(user: .alice, share: .inbox) == nil)
        #expect(try catalog.rights(user: .alice, share: .outbox)?.rights == .read)
        // A share that takes the name later must not inherit them.
        try catalog.addShare(.inbox, path: "/srv/new")
        #expect(try catalog.rights(user: .alice, share: .inbox) == nil)
    }

    @Test func removingAnUnknownOneIsAnError() throws {
        let catalog = try TestCatalog().open()
        #expect(code { try catalog.removeShare(.inbox) } == .notFound)
    }

    @Test func listIsInOrder() throws {
        let catalog = try TestCatalog().open()
        for name in ["b", "a.1", "a", "0"] { try catalog.addShare(Name(name), path: "/srv/\(name)") }
        #expect(try catalog.shares().map(\.name.text) == ["0", "a", "a.1", "b"])
    }
}

@Suite struct RepositoriesAndSharesTests {
    @Test func aRepositoryLiesInNoShareAndHasOneName() throws {
        let catalog = try TestCatalog().open()
        try catalog.addShare(Name("laptops"), path: "/srv/backups/laptops", isRepository: true)
        try catalog.addShare(Name("laptops"), path: "/srv/backups/laptops", isRepository: true)
        for path in ["/srv", "/srv/backups/laptops", "/srv/backups/laptops/packs", "/"] {
            #expect(code { try catalog.addShare(Name("share"), path: path) } == .denied)
            #expect(code { try catalog.addShare(Name("other"), path: path, isRepository: true) } == .denied)
        }
        try catalog.addShare(Name("share"), path: "/srv/backups/laptops2")
        #expect(
            code { try catalog.addShare(Name("more"), path: "/srv/backups/laptops2/a", isRepository: true) } == .denied
        )
    }
}
