import FerryCatalog
import FerryErrors
import FoundationEssentials
import Testing

@Suite struct NameTests {
    @Test(arguments: ["a", "0", "a.b_c-d", "7z", "a..", String(repeating: "x", count: 64)])
    func validNamesAreKept(_ text: String) throws {
        #expect(try Name(text).text == text)
    }

    @Test(arguments: [
        "", ".", "..", "-a", "_a", ".a", "A", "aB", "a b", "a/b", "a\0", "a\n", "é", "ａ",
        String(repeating: "x", count: 65),
    ])
    func othersAreRefused(_ text: String) {
        #expect(code { _ = try Name(text) } == .usage)
    }

    @Test func decodingChecksToo() throws {
        #expect(try JSONDecoder().decode([Name].self, from: Data(#"["inbox"]"#.utf8)) == [.inbox])
        #expect(code { _ = try JSONDecoder().decode([Name].self, from: Data(#"["../x"]"#.utf8)) } == .usage)
        #expect(try JSONEncoder().encode([Name.inbox]) == Data(#"["inbox"]"#.utf8))
    }

    @Test func errorNamesItEscapedAndShort() {
        let text = "\u{1b}[2J" + String(repeating: "x", count: 1000)
        let error = #expect(throws: FerryError.self) { try Name(text) }
        #expect(error?.message.contains("\u{1b}") == false)
        #expect((error?.message.utf8.count ?? .max) < 200)
    }
}
