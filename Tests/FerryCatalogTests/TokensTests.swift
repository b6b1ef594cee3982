import Crypto
import Dispatch
import FerryCatalog
import FerryErrors
import FoundationEssentials
import Synchronization
import Testing

@Suite struct TokensTests {
    private let test: TestCatalog
    private let catalog: Catalog
    private let first: IssuedToken

    init() throws {
        self.test = try TestCatalog()
        self.catalog = try self.test.open()
        self.first = try #require(try self.catalog.addUser(.alice))
    }

    @Test func secretsAreTextOf256RandomBits() throws {
        var secrets: Set<String> = []
        var ids: Set<String> = []
        var letters: Set<UInt8> = []
        for index in 0..<100 {
            let token = try self.catalog.addToken(user: .alice, name: "device \(index)")
            #expect(token.secret.hasPrefix("ferry_"))
            #expect(token.secret.utf8.count == 6 + 43)
            #expect(token.id.utf8.count == 8)
            // Base64url of 32 bytes: the last of 43 characters carries 4 bits.
            let text = token.secret.dropFirst(6).replacing("-", with: "+").replacing("_", with: "/")
            #expect(Data(base64Encoded: text + "=")?.count == 32)
            secrets.insert(token.secret)
            ids.insert(token.id)
            letters.formUnion(token.secret.utf8.dropFirst(6))
        }
        #expect(secrets.count == 100)
        #expect(ids.count == 100)
        // 4300 draws miss one of 64 letters with probability below 1e-27.
        #expect(letters.count == 64)
    }

    @Test func onlyTheHashIsStored() throws {
        let secret = Array(self.first.secret.utf8)
        let text = self.first.secret.dropFirst(6).replacing("-", with: "+").replacing("_", with: "/")
        let raw = Array(try #require(Data(base64Encoded: text + "=")))
        for bytes in [
            try self.test.bytes(),
            try {
                try self.catalog.close()
                return try self.test.bytes()
            }(),
        ] {
            #expect(bytes.contains(Array(SHA256.hash(data: Data(secret)))), "the search finds what is there")
            #expect(!bytes.contains(secret))
            #expect(!bytes.contains(Array(secret.dropFirst(6))))
            #expect(!bytes.contains(raw))
        }
    }

    @Test func secretsStayOutOfDescriptions() {
        #expect(!"\(self.first)".contains("ferry_"))
        #expect(!String(reflecting: self.first).contains("ferry_"))
        #expect(!String(describing: Optional(self.first)).contains("ferry_"))
    }

    @Test func whatOpensNothingIsNil() throws {
        let secret = self.first.secret
        let wrong = String(secret.dropLast()) + (secret.hasSuffix("A") ? "B" : "A")
        for text in [
            "", "ferry_", wrong, secret + " ", secret.uppercased(), "é\0", String(repeating: "x", count: 10_000),
        ] {
            #expect(try self.catalog.authenticate(secret: text) == nil)
        }
        #expect(try self.catalog.authenticate(secret: secret) != nil)
    }

    @Test func expiryIsTheFirstSecondOfRefusal() throws {
        let token = try self.catalog.addToken(user: .alice, name: "phone", expires: self.test.clock.now + 10)
        self.test.clock.advance(by: 9)
        #expect(try self.catalog.authenticate(secret: token.secret)?.tokenID == token.id)
        self.test.clock.advance(by: 1)
        #expect(try self.catalog.authenticate(secret: token.secret) == nil)
        #expect(try self.catalog.authenticate(secret: self.first.secret) != nil)
        #expect(code { _ = try self.catalog.addToken(user: .alice, name: "x", expires: self.test.clock.now) } == .usage)
    }

    @Test func removingClosesOneDoorOnly() throws {
        let phone = try self.catalog.addToken(user: .alice, name: "phone")
        let tablet = try self.catalog.addToken(user: .alice, name: "tablet")
        #expect(try self.catalog.removeToken(user: .alice, token: "phone") == phone.id)
        #expect(try self.catalog.authenticate(secret: phone.secret) == nil)
        #expect(try self.catalog.removeToken(user: .alice, token: tablet.id) == tablet.id)
        #expect(try self.catalog.authenticate(secret: tablet.secret) == nil)
        #expect(try self.catalog.authenticate(secret: self.first.secret) != nil)
        #expect(code { try self.catalog.removeToken(user: .alice, token: "phone") } == .notFound)
    }

    @Test func tokensOfOthersAreOutOfReach() throws {
        let other = try #require(try self.catalog.addUser(.bob))
        #expect(code { try self.catalog.removeToken(user: .alice, token: other.id) } == .notFound)
        #expect(try self.catalog.authenticate(secret: other.secret)?.user == .bob)
    }

    @Test func anIdComesBeforeAName() throws {
        let named = try self.catalog.addToken(user: .alice, name: self.first.id)
        #expect(try self.catalog.removeToken(user: .alice, token: self.first.id) == self.first.id)
        #expect(try self.catalog.authenticate(secret: named.secret) != nil)
    }

    @Test func namesAreUniqueWithinAUser() throws {
        _ = try self.catalog.addToken(user: .alice, name: "phone")
        #expect(code { _ = try self.catalog.addToken(user: .alice, name: "phone") } == .exists)
        _ = try self.catalog.addUser(.bob, tokenName: "phone")
        #expect(code { _ = try self.catalog.addToken(user: Name("nobody"), name: "phone") } == .notFound)
    }

    @Test func namesHaveLimits() throws {
        _ = try self.catalog.addToken(user: .alice, name: String(repeating: "x", count: 64))
        for name in ["", String(repeating: "x", count: 65), "a\nb", "\u{202e}x"] {
            #expect(code { _ = try self.catalog.addToken(user: .alice, name: name) } == .usage)
        }
    }

    @Test func listShowsWhoseAndWhen() throws {
        _ = try self.catalog.addUser(.bob)
        let expires = self.test.clock.now + 100
        let phone = try self.catalog.addToken(user: .alice, name: "phone", expires: expires)
        #expect(try self.catalog.tokens().map(\.user) == [.alice, .alice, .bob])
        let record = try #require(try self.catalog.tokens(user: .alice).first { $0.id == phone.id })
        #expect(record.name == "phone")
        #expect(record.created == self.test.clock.now)
        #expect(record.lastUsed == nil)
        #expect(record.expires == expires)
        #expect(code { _ = try self.catalog.tokens(user: Name("nobody")) } == .notFound)
    }

    @Test func lastUseIsWrittenAtMostOnceAMinute() throws {
        let start = self.test.clock.now
        func lastUsedAfterLogin() throws -> Int64? {
            _ = try self.catalog.authenticate(secret: self.first.secret)
            self.catalog.flush()
            return try self.catalog.tokens(user: .alice).first?.lastUsed
        }
        #expect(try lastUsedAfterLogin() == start)
        self.test.clock.advance(by: 59)
        #expect(try lastUsedAfterLogin() == start)
        self.test.clock.advance(by: 1)
        #expect(try lastUsedAfterLogin() == start + 60)
        // A clock set back is no reason to show a time in the future for ever.
        self.test.clock.advance(by: -1000)
        #expect(try lastUsedAfterLogin() == start + 60 - 1000)
    }

    @Test func threadsDoNotDisturbEachOther() throws {
        let failures = Mutex<[String]>([])
        let secrets = Mutex<[String]>([])
        DispatchQueue.concurrentPerform(iterations: 8) { worker in
            do {
                let user = try Name("user\(worker)")
                let share = try Name("share\(worker % 2)")
                for round in 0..<20 {
                    try self.catalog.addShare(share, path: "/srv/\(share)")
                    _ = try self.catalog.addUser(user)
                    try self.catalog.grant(user: user, share: share, rights: round % 2 == 0 ? .read : .write)
                    let token = try self.catalog.addToken(user: user, name: "t\(round)")
                    secrets.withLock { $0.append(token.secret) }
                    guard try self.catalog.authenticate(secret: token.secret)?.user == user,
                        try self.catalog.authenticate(secret: self.first.secret)?.user == .alice,
                        try self.catalog.rights(user: user, share: share) != nil
                    else { throw FerryError(.internalError, "round \(round) of \(user) lost something") }
                }
            } catch {
                failures.withLock { $0.append("\(error)") }
            }
        }
        #expect(failures.withLock { $0 } == [])
        #expect(Set(secrets.withLock { $0 }).count == 160)
        #expect(try self.catalog.users().count == 9)
        #expect(try self.catalog.tokens().count == 1 + 8 + 160)
        #expect(try self.catalog.users().filter { $0.grants.map(\.rights) == [.all] }.count == 8)
    }
}
