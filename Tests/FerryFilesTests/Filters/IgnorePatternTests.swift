import FerryErrors
import FerryFiles
import Testing

/// One case for each rule of gitignore(5), as lines of a `.ferryignore` at the top. A path with a slash at its end is a
/// directory.
@Suite struct IgnorePatternTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let lines: String
        let excluded: [String]
        let included: [String]

        init(_ lines: String, excluded: [String] = [], included: [String] = []) {
            self.lines = lines
            self.excluded = excluded
            self.included = included
        }

        var testDescription: String { self.lines.debugDescription }
    }

    private func check(_ one: Case) throws {
        let walk = FilterWalk(one.lines)
        for path in one.excluded { #expect(try walk.excludes(path), "\(path)") }
        for path in one.included { #expect(try !walk.excludes(path), "\(path)") }
    }

    @Test(arguments: [
        Case("", included: ["a", "a/b"]),
        Case("\n\n  \n", included: ["a", " ", "  "]),
        Case("#a", included: ["#a", "a"]),
        Case("\\#a", excluded: ["#a"], included: ["\\#a", "a"]),
        Case(" #a", excluded: [" #a"], included: ["#a"]),
        Case("a#b", excluded: ["a#b"], included: ["a"]),
        Case("a  ", excluded: ["a"], included: ["a  "]),
        Case("a\\ ", excluded: ["a "], included: ["a"]),
        Case("a\\  ", excluded: ["a "], included: ["a", "a  "]),
        Case("a \\ b  ", excluded: ["a  b"], included: ["a", "a b"]),
        Case("a\t", excluded: ["a\t"], included: ["a"]),
        Case(" a", excluded: [" a"], included: ["a"]),
    ])
    func blanksAndComments(_ one: Case) throws { try self.check(one) }

    @Test(arguments: [
        Case("a\n!a", included: ["a", "x/a"]),
        Case("!a\na", excluded: ["a"]),
        Case("*\n!keep", excluded: ["a", "keep.not"], included: ["keep"]),
        Case("\\!a", excluded: ["!a"], included: ["a"]),
        Case("a\n!!a", excluded: ["a"], included: ["!a"]),
        Case("!a", included: ["!a", "a"]),
        Case("!\na", excluded: ["a"], included: ["!"]),
        // What lies in an excluded directory cannot be included again; what lies in an included one can.
        Case("a/\n!a/b", excluded: ["a/b", "a/"]),
        Case("a/*\n!a/b", excluded: ["a/c"], included: ["a/b", "a/"]),
        Case("/*\n!/a/\n/a/*\n!/a/b", excluded: ["c", "a/c"], included: ["a/b", "a/"]),
    ])
    func negation(_ one: Case) throws { try self.check(one) }

    @Test(arguments: [
        Case("a", excluded: ["a", "a/", "x/a", "x/y/a", "a/x"], included: ["b", "aa", "A"]),
        Case("/a", excluded: ["a", "a/", "a/x"], included: ["x/a"]),
        Case("a/b", excluded: ["a/b", "a/b/c"], included: ["x/a/b", "a", "b"]),
        Case("/a/b", excluded: ["a/b"], included: ["x/a/b"]),
        Case("a/", excluded: ["a/", "x/a/", "a/b"], included: ["a", "x/a"]),
        Case("/a/", excluded: ["a/", "a/b"], included: ["a", "x/a/"]),
        Case("a/b/", excluded: ["a/b/", "a/b/c"], included: ["a/b", "x/a/b/"]),
        Case("//a", included: ["a", "x/a"]),
        Case("a//b", included: ["a/b"]),
        Case("a//", included: ["a", "a/"]),
        Case("/", included: ["a", "a/"]),
        Case("./a", included: ["a"]),
        Case("../a", included: ["a"]),
    ])
    func anchorsAndDirectories(_ one: Case) throws { try self.check(one) }

    @Test(arguments: [
        Case("*", excluded: ["a", "a/", ".hidden"]),
        Case("*/", excluded: ["a/", "a/b"], included: ["a"]),
        Case("*.o", excluded: ["a.o", ".o", "x/b.o"], included: ["a.oo", "o"]),
        Case("core.*", excluded: ["core.1", "core."], included: ["core", "xcore.1"]),
        Case("a*b", excluded: ["ab", "aXb", "aabb"], included: ["abc", "xab", "b"]),
        Case("a*b*c", excluded: ["abc", "abbc", "axbycbc"], included: ["acb", "abcd"]),
        Case("/*/b", excluded: ["a/b"], included: ["b", "a/x/b"]),
        Case("a/*", excluded: ["a/b", "a/b/c"], included: ["a/"]),
        Case("?", excluded: ["a", "\u{7F}"], included: ["ab"]),
        Case("a?c", excluded: ["abc", "a?c"], included: ["ac", "abbc"]),
        // A question mark is one byte, as everything is.
        Case("??", excluded: ["\u{E4}"], included: ["a"]),
        Case("a?b/c", included: ["a/b/c"]),
        Case("\\*", excluded: ["*"], included: ["a", "\\*"]),
        Case("\\?\\[\\\\", excluded: ["?[\\"], included: ["a[\\"]),
        Case("\\a", excluded: ["a"], included: ["\\a"]),
        Case("a\\", included: ["a", "a\\"]),
        Case("a\\/b", excluded: ["a/b"], included: ["x/a/b"]),
    ])
    func starsAndEscapes(_ one: Case) throws { try self.check(one) }

    @Test(arguments: [
        Case("[a-c]", excluded: ["a", "b", "c"], included: ["d", "-", "A", "ab"]),
        Case("[!a-c]", excluded: ["d", "-", "!"], included: ["a", "b", "c"]),
        Case("[^a-c]", excluded: ["d", "-", "^"], included: ["a", "b", "c"]),
        Case("[]]", excluded: ["]"], included: ["[", "a"]),
        Case("[!]]", excluded: ["a"], included: ["]"]),
        Case("[]-_]", excluded: ["]", "^", "_"], included: ["-", "a"]),
        Case("[a-]", excluded: ["a", "-"], included: ["b"]),
        Case("[-a]", excluded: ["a", "-"], included: ["b"]),
        Case("[a-c-e]", excluded: ["b", "-", "e"], included: ["d"]),
        // The range is empty, but its beginning has been a member already.
        Case("[c-a]", excluded: ["c"], included: ["a", "b", "-"]),
        Case("[\\]a]", excluded: ["]", "a"], included: ["\\"]),
        Case("[\\a-\\c]", excluded: ["a", "b", "c"], included: ["\\", "-"]),
        Case("[a!]", excluded: ["a", "!"], included: ["b"]),
        Case("[a", included: ["a", "[a"]),
        Case("[", included: ["[", "a"]),
        Case("[]", included: ["[]", "]"]),
        Case("x[a-", included: ["xa", "x[a-"]),
        Case("[a\\", included: ["a", "[a\\"]),
        Case("a[/]b", included: ["a/b", "a"]),
        Case("a[!x]b/c", excluded: ["a-b/c"], included: ["a/b/c"]),
        Case("[b/a]", excluded: ["a", "b"], included: ["x/a"]),
    ])
    func brackets(_ one: Case) throws { try self.check(one) }

    @Test(arguments: [
        Case("[[:alnum:]]", excluded: ["a", "Z", "0"], included: ["-", "_"]),
        Case("[[:alpha:]]", excluded: ["a", "Z"], included: ["0", "-"]),
        Case("[[:blank:]]", excluded: [" ", "\t"], included: ["\r", "a"]),
        Case("[[:cntrl:]]", excluded: ["\u{1}", "\u{7F}"], included: [" ", "a"]),
        Case("[[:digit:]]", excluded: ["0", "9"], included: ["a", "/"]),
        Case("[[:graph:]]", excluded: ["!", "~", "a"], included: [" ", "\u{7F}"]),
        Case("[[:lower:]]", excluded: ["a", "z"], included: ["A", "{", "`"]),
        Case("[[:print:]]", excluded: [" ", "~"], included: ["\u{1}", "\u{7F}"]),
        Case("[[:punct:]]", excluded: ["!", "_", "~"], included: ["a", "0", " "]),
        Case("[[:space:]]", excluded: [" ", "\t", "\r"], included: ["a", "\u{B}"]),
        Case("[[:upper:]]", excluded: ["A", "Z"], included: ["a", "[", "@"]),
        Case("[[:xdigit:]]", excluded: ["0", "a", "F"], included: ["g", "G", "`", "@"]),
        Case("[![:alpha:]x]", excluded: ["0"], included: ["a", "x"]),
        Case("[[:alpha:]-z]", excluded: ["b", "-"], included: ["0"]),
        Case("[[:digit:][:upper:]_]", excluded: ["1", "B", "_"], included: ["b"]),
        Case("[[:nonsense:]a]", included: ["a", "n"]),
        Case("[[::]a]", included: ["a", ":"]),
        Case("[[:a]", excluded: ["[", ":", "a"], included: ["b"]),
        Case("[[:]", excluded: ["[", ":"], included: ["a", "]"]),
        Case("[[:]a]", excluded: ["[a]", ":a]"], included: ["a", "]"]),
        Case("[[:a]]", excluded: ["a]"], included: ["a"]),
        Case("[:alpha:]", excluded: [":", "a", "l"], included: ["b"]),
        Case("[[:alpha:", included: ["a", "["]),
    ])
    func characterClasses(_ one: Case) throws { try self.check(one) }

    @Test(arguments: [
        Case("**/a", excluded: ["a", "x/a", "x/y/a"], included: ["xa"]),
        Case("/**/a", excluded: ["a", "x/a"]),
        Case("**/a/b", excluded: ["a/b", "x/y/a/b"], included: ["b", "a"]),
        Case("a/**", excluded: ["a/b", "a/b/c"], included: ["a/", "x/a/b"]),
        Case("a/**/", excluded: ["a/b/", "a/b/c"], included: ["a/b"]),
        Case("a/**\n!a/b/", excluded: ["a/x", "a/b/c"], included: ["a/b/"]),
        Case("a/**/b", excluded: ["a/b", "a/x/b", "a/x/y/b"], included: ["b", "x/a/b", "ab"]),
        Case("a/**/**/b", excluded: ["a/b", "a/x/b"], included: ["b"]),
        Case("a/**/b/**/c", excluded: ["a/b/c", "a/x/b/b/y/c"], included: ["a/c", "a/x/c"]),
        Case("**", excluded: ["a", "a/"]),
        Case("/**", excluded: ["a", "a/"]),
        // Only the automaton's memory of the two stars excludes what lies in the directory taken back.
        Case("/**\n!/a/", excluded: ["b", "a/b"], included: ["a/"]),
        Case("**\n!a", excluded: ["b", "a/b"], included: ["a/"]),
        Case("**/", excluded: ["a/"], included: ["a"]),
        Case("***/a", excluded: ["a", "x/y/a"]),
        Case("**\\/a", excluded: ["x/a", "x/y/a"], included: ["a"]),
        // Anything else that two stars stand in is a name.
        Case("a**b", excluded: ["ab", "axxb", "x/axb"], included: ["a/b"]),
        Case("a**/b", excluded: ["a/b", "ax/b"], included: ["ab", "a/x/b", "ax/y/b"]),
        Case("a/**b", excluded: ["a/b", "a/xb"], included: ["a/x/b"]),
        Case("a/b**", excluded: ["a/b", "a/bx"], included: ["a/x/b"]),
        Case("a/b**\n!a/bx/", excluded: ["a/b"], included: ["a/bx/", "a/bx/c"]),
    ])
    func twoStars(_ one: Case) throws { try self.check(one) }

    @Test func bytesThatAreNotText() throws {
        var walk = FilterWalk()
        walk.ignoreFiles[[]] = [0xFF, 0x0A] + Array("[".utf8) + [0x80] + Array("-".utf8) + [0x90] + Array("]x".utf8)
        #expect(try walk.excludes([0xFF]))
        #expect(try walk.excludes([0x88, UInt8(ascii: "x")]))
        #expect(try !walk.excludes([0xFE]))
        #expect(try !walk.excludes([0x91, UInt8(ascii: "x")]))
    }

    @Test func tellsWhatItIs() throws {
        let plain = try IgnorePattern("a".utf8)
        #expect(!plain.isNegated && !plain.isAnchored && !plain.isDirectoryOnly && plain.canMatch)
        let full = try IgnorePattern("!/a/".utf8)
        #expect(full.isNegated && full.isAnchored && full.isDirectoryOnly && full.canMatch)
        #expect(!full.negated.isNegated)
        #expect(full.negated.isAnchored && full.negated.isDirectoryOnly)
    }

    @Test(arguments: ["", "!", "/", "[a", "a\\", "a//b", "./a", "a/../b", "[[:nonsense:]]"])
    func argumentsThatCanNeverMatchAreRefused(_ text: String) throws {
        let escaped = text.replacing("\\", with: "\\\\")
        #expect(
            refusal { _ = try IgnorePattern(text.utf8) } == "usage: the pattern \"\(escaped)\" can never match"
        )
    }

    @Test func argumentsAreNoLines() throws {
        var walk = FilterWalk()
        try walk.filter.exclude("#a".utf8)
        try walk.filter.exclude("b ".utf8)
        #expect(try walk.excludes("#a"))
        #expect(try walk.excludes("b "))
        #expect(try !walk.excludes("b"))
    }

    @Test func limitsArguments() throws {
        let longest = [UInt8](repeating: UInt8(ascii: "a"), count: IgnorePattern.maximumLength)
        #expect(try IgnorePattern(longest).canMatch)
        #expect(
            refusal { _ = try IgnorePattern(longest + [0x61]) }?.hasSuffix("aaaa is longer than 4096 bytes") == true
        )
        #expect(refusal { _ = try IgnorePattern("a\0".utf8) } == "usage: the pattern a\\x00 contains a NUL byte")
    }
}
