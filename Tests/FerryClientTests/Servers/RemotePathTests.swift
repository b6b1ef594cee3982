import FerryClient
import FerryErrors
import FerryFiles
import Testing

@Suite struct RemotePathTests {
    @Test(arguments: [
        ("nas:inbox", "nas", "inbox", "", false),
        ("nas:inbox/", "nas", "inbox", "", true),
        ("nas:inbox/2026/report.pdf", "nas", "inbox", "2026/report.pdf", false),
        ("nas:inbox/2026/", "nas", "inbox", "2026", true),
        ("nas:inbox/a:b", "nas", "inbox", "a:b", false),
        ("nas:inbox/\u{301}x", "nas", "inbox", "\u{301}x", false),
        ("n-1.x_y:in.box/Über uns.txt", "n-1.x_y", "in.box", "Über uns.txt", false),
    ])
    func parses(_ text: String, _ server: String, _ share: String, _ path: String, _ isDirectory: Bool) throws {
        let parsed = try RemotePath(text)
        #expect(parsed.server == server)
        #expect(parsed.share == share)
        #expect(parsed.path.bytes == Array(path.utf8))
        #expect(parsed.isDirectory == isDirectory)
        #expect(try CommandPath(text) == .remote(parsed))
        #expect("\(parsed)" == (text.hasSuffix("/") ? String(text.dropLast()) : text))
    }

    @Test(arguments: ["a", "-", ".", "./a:b", "/a:b", "a/b:c", ":a", ":", "../nas:x", "~/a:b", "a/\u{301}:b"])
    func aColonAfterASlashIsLocal(_ text: String) throws {
        #expect(try CommandPath(text) == .local(text))
        #expect { try RemotePath(text) } throws: { ($0 as? FerryError)?.code == .usage }
    }

    @Test(arguments: [
        ("", "is empty"), ("nas:", "names no share"), ("nas:/inbox", "names no share"), ("NAS:inbox", "no server"),
        ("C:\\x", "no server"), ("my file: x", "no server"), ("-x:inbox", "no server"),
        ("nas:Inbox", "no share's name"),
        ("nas:.ssh/x", "no share's name"), ("nas:in box/x", "no share's name"), ("nas:..", "no share's name"),
        ("nas\u{1B}:x", "nas\\x1B:x"), ("nas:laptops@2026-02-30", "no day or moment"),
        ("nas:laptops@2026-01-31T25:00/etc", "no day or moment"),
    ])
    func refusesWhatNamesNothing(_ text: String, _ part: String) {
        #expect { try CommandPath(text) } throws: { error in
            guard let error = error as? FerryError else { return false }
            return error.code == .usage && error.message.contains(part)
        }
    }

    @Test(arguments: ["nas:inbox/../x", "nas:inbox/./x", "nas:inbox//x", "nas:inbox/..", "nas:inbox/a\0b"])
    func refusesPathsThatLeadAstray(_ text: String) {
        #expect { try CommandPath(text) } throws: { ($0 as? FerryError)?.code == .invalidPath }
    }

    @Test func namesAreBounded() throws {
        let longest = String(repeating: "n", count: 64)
        #expect(throws: Never.self) { try RemotePath("\(longest):\(longest)/x") }
        #expect(throws: FerryError.self) { try RemotePath("\(longest)n:inbox/x") }
        #expect(throws: FerryError.self) { try RemotePath("nas:\(longest)n/x") }
    }
}
