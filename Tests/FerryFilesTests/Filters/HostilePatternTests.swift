import FerryFiles
import Testing

/// Patterns that keep a matcher busy that retries every star; one that tries them all would not end within years.
@Suite(.timeLimit(.minutes(2))) struct HostilePatternTests {
    private static let longName = String(repeating: "a", count: 255)

    @Test(arguments: ["*a", "*?", "*[a]", "a*", "**a", "*a?*"])
    func manyStarsInAName(_ part: String) throws {
        let stars = String(repeating: part, count: 60)
        #expect(try FilterWalk(stars + "*b").excludes(Self.longName) == false)
        #expect(try FilterWalk(stars + "*").excludes(Self.longName))
        #expect(try FilterWalk("x/" + stars + "*b").excludes("x/" + Self.longName) == false)
        #expect(try FilterWalk("x/" + stars + "*").excludes("x/" + Self.longName))
    }

    @Test func manyTwoStarsInAPath() throws {
        let pattern = String(repeating: "**/a/", count: 800)
        let path = String(repeating: "a/", count: 2000)
        #expect(try FilterWalk(pattern + "b").excludes(path) == false)
        #expect(try FilterWalk(pattern + "b").excludes(path + "b"))
        #expect(try FilterWalk(pattern + "b").excludes(String(repeating: "a/", count: 799) + "b") == false)
    }

    @Test func manyStarsInManyNamesOfAPath() throws {
        let pattern = String(repeating: "**/*a*a*a*a*b/", count: 250)
        let path = String(repeating: String(repeating: "a", count: 40) + "/", count: 1000)
        #expect(try FilterWalk(pattern + "c").excludes(path + "c") == false)
    }

    @Test func manyHostilePatterns() throws {
        let patterns = String(repeating: "*a*a*a*a*a*a*b\n", count: IgnoreFile.maximumPatterns)
        #expect(patterns.utf8.count < IgnoreFile.maximumSize)
        #expect(try FilterWalk(patterns).excludes(Self.longName) == false)
    }

    @Test func longestPatterns() throws {
        for part in ["*", "?", "[", "[a]", "[!a]", "\\", "/", "**/", "[[:alpha:]]", "[[:", "a/", "!"] {
            let count = IgnorePattern.maximumLength / part.utf8.count
            let walk = FilterWalk(String(repeating: part, count: count))
            #expect(try walk.excludes("b/" + Self.longName) == ["*", "**/"].contains(part), "\(part)")
        }
    }
}
