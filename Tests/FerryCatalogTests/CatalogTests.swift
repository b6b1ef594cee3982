import FerryCatalog
import FerryErrors
import FoundationEssentials
import Testing

@Suite struct CatalogTests {
    @Test func everythingSurvivesReopening() throws {
        let test = try TestCatalog()
        let secret: String
        do {
            let catalog = try test.open()
            try catalog.addShare(.inbox, path: "/srv/inbox", readOnly: true)
            let token = try catalog.addUser(.alice, grants: [GrantRecord(share: .inbox, rights: .read)])
            secret = try #require(token).secret
            try catalog.close()
        }
        let catalog = try test.open()
        #expect(try catalog.shares() == [catalog.share(.inbox)])
        #expect(try catalog.share(.inbox)?.path == "/srv/inbox")
        #expect(try catalog.share(.inbox)?.readOnly == true)
        #expect(try catalog.authenticate(secret: secret)?.user == .alice)
        #expect(try catalog.rights(user: .alice, share: .inbox)?.rights == .read)
        #expect(try catalog.users().first?.created == test.clock.now)
    }

    @Test func commitsAreOnDiskWithoutClosing() throws {
        let test = try TestCatalog()
        let first = try test.open()
        try first.addShare(.inbox, path: "/srv/inbox")
        // A second opening while the first still lives, as after a crash: no close has tidied up.
        let second = try test.open()
        #expect(try second.shares().map(\.name) == [.inbox])
        #expect(try first.shares().map(\.name) == [.inbox])
    }

    @Test func connectionIsDurable() throws {
        let settings = try TestCatalog().open().settings()
        #expect(settings.journalMode == "wal")
        #expect(settings.synchronous == 2)
        #expect(settings.foreignKeys == true)
    }

    @Test func sideFilesHaveTheModeOfTheFile() throws {
        let test = try TestCatalog()
        #expect(
            FileManager.default.createFile(atPath: test.path, contents: nil, attributes: [.posixPermissions: 0o600])
        )
        let catalog = try test.open()
        try catalog.addShare(.inbox, path: "/srv/inbox")
        let names = try FileManager.default.contentsOfDirectory(atPath: test.directory)
        #expect(names.contains("catalog.sqlite") && names.contains("catalog.sqlite-wal"))
        for name in names {
            let attributes = try FileManager.default.attributesOfItem(atPath: test.directory + "/" + name)
            #expect(attributes[.posixPermissions] as? Int == 0o600, "\(name)")
        }
    }

    @Test func newerMigrationIsRefused() throws {
        let test = try TestCatalog()
        let before = try test.open()
        try before.addShare(.inbox, path: "/srv/inbox")
        try before.close()
        // What a newer release leaves: the name of a migration that this one does not know.
        var bytes = Array(try Data(contentsOf: URL(filePath: test.path)))
        let old = Array("1 accounts".utf8)
        let new = Array("9 accounts".utf8)
        var replaced = 0
        for start in 0..<bytes.count - old.count
        where bytes[start] == old[0] && bytes[start..<start + old.count] == old[...] {
            bytes.replaceSubrange(start..<start + new.count, with: new)
            replaced += 1
        }
        #expect(replaced > 0)
        try Data(bytes).write(to: URL(filePath: test.path))

        let error = #expect(throws: FerryError.self) { _ = try test.open() }
        #expect(error?.code == .newerState)
        #expect(error?.message.contains(test.path) == true)
    }

    @Test func closedFileAloneIsAWholeCopy() throws {
        let test = try TestCatalog()
        let before = try test.open()
        try before.addShare(.inbox, path: "/srv/inbox")
        _ = try before.shares()
        try before.close()
        let copy = try TestCatalog()
        try FileManager.default.copyItem(atPath: test.path, toPath: copy.path)
        #expect(try copy.open().shares().map(\.name) == [.inbox])
    }

    @Test func damagedFileIsRefused() throws {
        let test = try TestCatalog()
        try Data(repeating: 0x41, count: 8192).write(to: URL(filePath: test.path))
        #expect(code { _ = try test.open() } == .integrity)
    }

    @Test func missingDirectoryIsRefused() throws {
        #expect(code { _ = try Catalog(path: "/nonexistent-ferry/catalog.sqlite") } == .permission)
    }

    @Test func closedCatalogThrows() throws {
        let catalog = try TestCatalog().open()
        try catalog.close()
        #expect(code { _ = try catalog.shares() } != nil)
        #expect(code { try catalog.addShare(.inbox, path: "/srv") } != nil)
    }
}
