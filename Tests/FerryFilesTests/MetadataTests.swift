import FerryErrors
import FerryFiles
import FerryTestKit
import Testing

@Suite struct MetadataTests {
    /// Debian's list for `setfacl -m u:1000:rx,g:50:r`, as `getfattr -e hex` prints it.
    private static let list: [UInt8] = [
        2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 2, 0, 5, 0, 0xE8, 3, 0, 0, 4, 0, 4, 0, 255, 255, 255, 255, 8, 0, 4,
        0, 50,
        0, 0, 0, 16, 0, 5, 0, 255, 255, 255, 255, 32, 0, 4, 0, 255, 255, 255, 255,
    ]

    @Test func numbersInAListAreReplaced() throws {
        var seen: [String] = []
        let changed = AccessControlList.mapping(Self.list) { id, isGroup in
            seen.append("\(id) \(isGroup)")
            return id + 256
        }
        #expect(seen == ["1000 false", "50 true"])
        var expected = Self.list
        expected[17] = 4
        expected[33] = 1
        #expect(changed == expected)
    }

    @Test func whatIsNoListIsNotTouched() {
        for length in 0..<Self.list.count where length % 8 != 4 {
            #expect(AccessControlList.mapping(Array(Self.list.prefix(length))) { id, _ in id } == nil)
        }
        #expect(AccessControlList.mapping([3] + Self.list.dropFirst()) { id, _ in id } == nil)
    }

    @Test func deviceNumbersAreLinuxs() throws {
        for (text, number) in [("c 1:3", 0x103), ("b 8:17", 0x811), ("c 259:256", 0x11_0300)] as [(String, UInt64)] {
            #expect(try #require(DeviceNode(text)).number == number)
        }
        withFreshSeed { generator in
            for _ in 0..<1000 {
                let number = UInt64.random(in: 0...UInt64.max, using: &generator)
                let node = DeviceNode(posixMode: 0o060000, number: number)
                #expect(node.number == number)
                let text = String(decoding: KeptMetadata.keeping(node).value, as: UTF8.self)
                #expect(DeviceNode(text)?.number == number)
            }
        }
        for text in ["", "c", "c 1", "c 1:", "x 1:2", "c -1:2", "c 1:2:3", "c 4294967296:1"] {
            #expect(DeviceNode(text) == nil, "\(text)")
        }
    }

    @Test func onlyWhatCanBeANameIsLookedUp() {
        for name in ["", "a:b", "a/b", "a\nb", String(repeating: "a", count: 257)] {
            #expect(!Accounts.isName(Array(name.utf8)), "\(name)")
        }
        #expect(Accounts.isName(Array("domain users".utf8)))
        let accounts = Accounts()
        #expect(accounts.account(0, isGroup: false).name == Array("root".utf8))
        #expect(accounts.id(of: Account(id: 77, name: Array("root".utf8), isGroup: true)) == 0)
        #expect(accounts.id(of: Account(id: 0, name: Array("daemon".utf8), isGroup: false)) == 0)
        #expect(accounts.id(of: Account(id: 77, name: Array("nobody by this name".utf8), isGroup: false)) == 77)
        #expect(Accounts(isNumeric: true).id(of: Account(id: 77, name: Array("root".utf8), isGroup: false)) == 77)
    }

    /// What is kept may be anything, for whoever can write to the file can write there.
    @Test func whatIsKeptWronglyCountsForNothing() {
        for (name, value) in [
            ("owner", "1:2"), ("owner", "a:b:c:d"), ("owner", "1:2:3:4:5"), ("owner", "4294967296:0::"),
            ("mode", "17777"),
            ("mode", "x"), ("mode", "-1"), ("node", "d 1:2"), ("kept.user.x", "y"), ("kept.security.selinux", "y"),
            ("", ""),
        ] {
            var told = ToldMetadata(posixMode: 0o100644)
            told.user = Account(id: 5, name: [], isGroup: false)
            told.group = Account(id: 6, name: [], isGroup: true)
            let before = told
            let attribute = ExtendedAttribute(name: Array("user.ferry.\(name)".utf8), value: Array(value.utf8))
            KeptMetadata.restore(attribute, to: &told)
            #expect(told == before, "\(name) \(value)")
        }
    }

    /// By its name where there is such a user here, else by its number.
    @Test func ownersAreFoundByName() {
        var policy = MetadataPolicy()
        policy.isPrivileged = true
        for (user, group, expected) in [
            ("daemon", "daemon", Owner(user: 1, group: 1)), ("no such user", "", Owner(user: 4242, group: 4243)),
        ] {
            var told = ToldMetadata(posixMode: 0o100644)
            told.user = Account(id: 4242, name: Array(user.utf8), isGroup: false)
            told.group = Account(id: 4243, name: Array(group.utf8), isGroup: true)
            #expect(FileMetadata(told, here: nil, policy: policy, accounts: Accounts()).owner == expected)
            let numbers = FileMetadata(told, here: nil, policy: policy, accounts: Accounts(isNumeric: true))
            #expect(numbers.owner == Owner(user: 4242, group: 4243))
        }
    }
}
