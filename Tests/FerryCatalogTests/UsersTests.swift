import FerryCatalog
import FerryErrors
import FoundationEssentials
import Testing

@Suite struct UsersTests {
    private let test: TestCatalog
    private let catalog: Catalog

    init() throws {
        self.test = try TestCatalog()
        self.catalog = try self.test.open()
        try self.catalog.addShare(.inbox, path: "/srv/inbox")
        try self.catalog.addShare(.outbox, path: "/srv/outbox", readOnly: true)
    }

    @Test func addingMakesAFirstToken() throws {
        let token = try #require(try self.catalog.addUser(.alice, tokenName: "laptop"))
        let identity = try #require(try self.catalog.authenticate(secret: token.secret))
        #expect(identity == Identity(user: .alice, tokenID: token.id, tokenName: "laptop"))
        #expect(try self.catalog.tokens(user: .alice).map(\.id) == [token.id])
    }

    @Test func addingTwiceMakesNoSecondTokenButAddsGrants() throws {
        let first = try self.catalog.addUser(.alice, grants: [GrantRecord(share: .inbox, rights: .read)])
        let second = try self.catalog.addUser(.alice, grants: [GrantRecord(share: .inbox, rights: .write)])
        #expect(first != nil)
        #expect(second == nil)
        #expect(try self.catalog.tokens(user: .alice).count == 1)
        #expect(try self.catalog.rights(user: .alice, share: .inbox)?.rights == .all)
    }

    @Test func addingIsAllOrNothing() throws {
        let unknown = GrantRecord(share: try Name("nowhere"), rights: .read)
        let known = GrantRecord(share: .inbox, rights: .read)
        #expect(code { _ = try self.catalog.addUser(.alice, grants: [known, unknown]) } == .notFound)
        #expect(code { _ = try self.catalog.addUser(.alice, grants: [known], tokenName: "") } == .usage)
        #expect(try self.catalog.users().isEmpty)
    }

    @Test func removingTakesTokensAndGrantsAlong() throws {
        let token = try #require(try self.catalog.addUser(.alice, grants: [GrantRecord(share: .inbox, rights: .all)]))
        let other = try #require(try self.catalog.addUser(.bob, grants: [GrantRecord(share: .inbox, rights: .read)]))
        try self.catalog.removeUser(.alice)
        #expect(try self.catalog.authenticate(secret: token.secret) == nil)
        #expect(try self.catalog.authenticate(secret: other.secret)?.user == .bob)
        #expect(try self.catalog.users().map(\.name) == [.bob])
        #expect(code { try self.catalog.removeUser(.alice) } == .notFound)
        // Whoever takes the name later must not inherit the rights.
        _ = try self.catalog.addUser(.alice)
        #expect(try self.catalog.rights(user: .alice, share: .inbox) == nil)
    }

    @Test func rightsAreAddedAndTaken() throws {
        _ = try self.catalog.addUser(.alice)
        #expect(try self.catalog.rights(user: .alice, share: .inbox) == nil)
        try self.catalog.grant(user: .alice, share: .inbox, rights: .read)
        try self.catalog.grant(user: .alice, share: .inbox, rights: .read)
        #expect(try self.catalog.rights(user: .alice, share: .inbox)?.rights == .read)
        try self.catalog.grant(user: .alice, share: .inbox, rights: .write)
        #expect(try self.catalog.rights(user: .alice, share: .inbox)?.rights == .all)
        #expect(try self.catalog.rights(user: .alice, share: .inbox)?.share.path == "/srv/inbox")
        #expect(try self.catalog.revoke(user: .alice, share: .inbox, rights: .write) == .read)
        #expect(try self.catalog.users().first?.grants == [GrantRecord(share: .inbox, rights: .read)])
        #expect(try self.catalog.revoke(user: .alice, share: .inbox) == [])
        #expect(try self.catalog.revoke(user: .alice, share: .inbox) == [])
        #expect(try self.catalog.rights(user: .alice, share: .inbox) == nil)
        #expect(try self.catalog.users().first?.grants == [])
    }

    @Test func unknownNamesAreErrors() throws {
        let nobody = try Name("nobody")
        let nowhere = try Name("nowhere")
        _ = try self.catalog.addUser(.alice)
        #expect(code { try self.catalog.grant(user: nobody, share: .inbox, rights: .read) } == .notFound)
        #expect(code { try self.catalog.grant(user: .alice, share: nowhere, rights: .read) } == .notFound)
        #expect(code { try self.catalog.revoke(user: nobody, share: .inbox) } == .notFound)
        #expect(code { try self.catalog.revoke(user: .alice, share: nowhere) } == .notFound)
        #expect(try self.catalog.rights(user: nobody, share: .inbox) == nil)
        #expect(try self.catalog.rights(user: .alice, share: nowhere) == nil)
    }

    @Test(arguments: [Rights([]), Rights(rawValue: 4), Rights(rawValue: -1)])
    func onlyKnownRightsAreGranted(_ rights: Rights) throws {
        _ = try self.catalog.addUser(.alice)
        #expect(code { try self.catalog.grant(user: .alice, share: .inbox, rights: rights) } == .usage)
    }

    @Test func rightsTravelAsWords() throws {
        for (rights, text) in [([], "[]"), (.read, #"["read"]"#), (.all, #"["read","write"]"#)] as [(Rights, String)] {
            #expect(try JSONEncoder().encode(rights) == Data(text.utf8))
            #expect(try JSONDecoder().decode(Rights.self, from: Data(text.utf8)) == rights)
        }
        #expect(throws: DecodingError.self) { try JSONDecoder().decode(Rights.self, from: Data(#"["own"]"#.utf8)) }
    }

    @Test func rightsAreWritten() {
        #expect(Rights.all.description == "read,write")
        #expect(Rights.read.description == "read")
        #expect(Rights.write.description == "write")
        #expect(Rights([]).description == "none")
    }
}
