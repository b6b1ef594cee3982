import FerryErrors
import FerryFiles
import FerryTestKit
import Testing

@Suite struct IncludedPathsTests {
    private func walk(_ list: String) throws -> FilterWalk {
        var walk = FilterWalk()
        walk.filter.includedPaths = try IncludedPaths(Array(list.utf8), named: "list")
        return walk
    }

    @Test func takesWhatIsListedBelowItAndAbove() throws {
        let walk = try self.walk("a/b\nc\n")
        for path in ["a/", "a/b", "a/b/", "a/b/x", "a/b/x/y/", "c", "c/", "c/x"] {
            #expect(try !walk.excludes(path), "\(path)")
        }
        // A file where a directory should lead to a listed path is none of them.
        for path in ["b", "a", "a/x", "x/", "x/a/b", "ab", "cc"] { #expect(try walk.excludes(path), "\(path)") }
    }

    @Test func aListedDirectoryIsWhole() throws {
        for list in ["a/b/c\na\n", "a\na/b/c\n", "a/\n"] {
            #expect(try !self.walk(list).excludes("a/x/y"), "\(list)")
            #expect(try self.walk(list).excludes("b"), "\(list)")
        }
    }

    @Test func nothingInItIsAPattern() throws {
        let walk = try self.walk("*\n#a\n!b\nc \n\\d\n")
        for path in ["*", "#a", "!b", "c ", "\\d"] { #expect(try !walk.excludes(path), "\(path)") }
        for path in ["x", "a", "b", "c", "d"] { #expect(try walk.excludes(path), "\(path)") }
    }

    /// What the list says, one path after the other.
    @Test func propertyTakesWhatTheListSays() throws {
        var taken = 0
        try withFreshSeed { generator in
            func path() -> String {
                (0...generator.below(4)).map { _ in ["a", "b", "ab"][generator.below(3)] }.joined(separator: "/")
            }
            for _ in 0..<500 {
                let listed = (0...generator.below(4)).map { _ in path() }
                let walk = try self.walk(listed.joined(separator: "\n"))
                for _ in 0..<20 {
                    let (asked, isDirectory) = (path(), generator.oneIn(2))
                    let takes = listed.contains { one in
                        asked == one || asked.hasPrefix(one + "/") || isDirectory && one.hasPrefix(asked + "/")
                    }
                    let mine = try !walk.excludes(Array(asked.utf8), isDirectory: isDirectory)
                    #expect(mine == takes, "\(asked), directory \(isDirectory), of \(listed)")
                    if takes { taken += 1 }
                }
            }
        }
        #expect(taken > 1000 && taken < 9000, "\(taken)")
    }

    @Test func anEmptyListTakesNothing() throws {
        #expect(try self.walk("").excludes("a"))
        #expect(try self.walk("\n\r\n\n").excludes("a/"))
    }

    @Test func theTopMayBeListed() throws {
        for list in [".", "./", "a\n.\n"] { #expect(try !self.walk(list).excludes("b/c"), "\(list)") }
    }

    @Test func readsLinesAndWhatFindPrints() throws {
        let walk = try self.walk("\u{FEFF}./a/b\r\n././c\r\n")
        #expect(try !walk.excludes("a/b"))
        #expect(try !walk.excludes("c"))
        #expect(try walk.excludes("a/b\r"))
    }

    @Test func readsPathsBetweenNULBytes() throws {
        let walk = try self.walk("a\nb\0./c\r\0\0\u{FEFF}d")
        for path in ["a\nb", "c\r", "\u{FEFF}d"] { #expect(try !walk.excludes(path), "\(path)") }
        for path in ["a", "b", "c", "d"] { #expect(try walk.excludes(path), "\(path)") }
    }

    @Test func rulesLeaveOutOfWhatIsListed() throws {
        var walk = try self.walk("a\nb\n")
        try walk.filter.exclude("x".utf8)
        try walk.filter.include("c".utf8)
        walk.ignoreFiles[[]] = Array("b\n".utf8)
        #expect(try !walk.excludes("a/y"))
        #expect(try walk.excludes("a/x"))
        #expect(try walk.excludes("b"))
        #expect(try walk.excludes("c"))
    }

    @Test func tellsItsPaths() throws {
        let paths = try IncludedPaths(Array("a/b\n./a/b/\nc\n".utf8), named: "list").paths
        #expect(paths == [try RelativePath("a/b"), try RelativePath("c")])
    }

    @Test(arguments: [
        ("a\n/b\n", "list:2: the path /b begins with a slash"),
        ("../b", "list:1: the path ../b has a component \"..\""),
        ("a\0b//c", "list: path 2: the path b//c has two slashes in a row"),
        ("\n\n.ferry-part.1", "list:3: the path .ferry-part.1 has a component that begins with .ferry-part."),
    ])
    func refusesPathsThatAreNotGood(_ list: String, _ message: String) throws {
        let refused = refusal { _ = try IncludedPaths(Array(list.utf8), named: "list") }
        #expect(refused?.hasPrefix("configuration: " + message) == true, "\(refused ?? "nothing")")
    }

    @Test func limitsTheList() throws {
        var largest = [UInt8](repeating: UInt8(ascii: "\n"), count: IncludedPaths.maximumSize)
        largest[largest.count - 1] = UInt8(ascii: "a")
        #expect(try IncludedPaths(largest, named: "list").paths.count == 1)
        #expect(
            refusal { _ = try IncludedPaths(largest + largest.suffix(1), named: "list") }
                == "configuration: list: the list takes more than 67108864 bytes"
        )
    }
}
