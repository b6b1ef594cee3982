import FerryErrors
import FerryFiles
import Testing

@Suite struct FilterLevelTests {
    private static let name = Array("d".utf8)

    private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    @Test func aDeeperFileWins() throws {
        var walk = FilterWalk("*.o\n!a.o\n")
        walk.ignoreFiles[self.bytes("x")] = self.bytes("a.o\n!b.o\n")
        #expect(try !walk.excludes("a.o"))
        #expect(try walk.excludes("b.o"))
        #expect(try walk.excludes("x/a.o"))
        #expect(try !walk.excludes("x/b.o"))
        #expect(try walk.excludes("x/c.o"))
        #expect(try walk.excludes("x/y/a.o"))
        #expect(try !walk.excludes("x/y/b.o"))
    }

    @Test func aFileCountsFromItsOwnDirectory() throws {
        var walk = FilterWalk("/a\n")
        walk.ignoreFiles[self.bytes("x")] = self.bytes("/b\ny/c\n")
        #expect(try walk.excludes("a"))
        #expect(try !walk.excludes("x/a"))
        #expect(try walk.excludes("x/b"))
        #expect(try !walk.excludes("b"))
        #expect(try walk.excludes("x/y/c"))
        #expect(try !walk.excludes("y/c"))
        #expect(try !walk.excludes("z/b"))
    }

    /// A directory that the top excludes is not entered, so its own file is not asked.
    @Test func anExcludedDirectoryStaysOut() throws {
        var walk = FilterWalk("x/\n")
        walk.ignoreFiles[self.bytes("x")] = self.bytes("!a\n!/\n")
        #expect(try walk.excludes("x/a"))
    }

    @Test func levelsAreIndependent() throws {
        let top = try TreeFilter().top(ignoreFile: self.bytes("d/a\ne/b\n"))
        let first = try top.entering(Self.name, ignoreFile: self.bytes("c"))
        let second = try top.entering(self.bytes("e"), ignoreFile: nil)
        #expect(first.excludes(self.bytes("a"), isDirectory: false))
        #expect(first.excludes(self.bytes("c"), isDirectory: false))
        #expect(!first.excludes(self.bytes("b"), isDirectory: false))
        #expect(second.excludes(self.bytes("b"), isDirectory: false))
        #expect(!second.excludes(self.bytes("a"), isDirectory: false))
        #expect(!second.excludes(self.bytes("c"), isDirectory: false))
    }

    @Test func nothingIsAskedWhereNothingCanMatchAnyMore() throws {
        let top = try TreeFilter().top(ignoreFile: self.bytes("/d/a\n/d/b/c\n"))
        #expect(!top.isEmpty)
        #expect(try !top.entering(Self.name, ignoreFile: nil).isEmpty)
        #expect(try !top.entering(Self.name, ignoreFile: nil).entering(self.bytes("b"), ignoreFile: nil).isEmpty)
        #expect(try top.entering(self.bytes("e"), ignoreFile: nil).isEmpty)
        #expect(try top.entering(Self.name, ignoreFile: nil).entering(self.bytes("a"), ignoreFile: nil).isEmpty)
        #expect(try !top.entering(self.bytes("e"), ignoreFile: self.bytes("a")).isEmpty)
    }

    @Test func deepTreesNeedNoRecursion() throws {
        var filter = TreeFilter()
        try filter.exclude("/**/d/d/last".utf8)
        try filter.exclude(self.bytes(String(repeating: "d/", count: 2040) + "path"))
        var levels = [try filter.top(ignoreFile: self.bytes("**/d/**/x\n/e\n"))]
        for depth in 0..<4096 {
            let above = levels[depth]
            #expect(!above.excludes(Self.name, isDirectory: true))
            #expect(above.excludes(self.bytes("last"), isDirectory: false) == (depth >= 2))
            levels.append(try above.entering(Self.name, ignoreFile: depth == 4000 ? self.bytes("/f") : nil))
        }
        let last = levels[4096]
        #expect(last.excludes(self.bytes("x"), isDirectory: false))
        #expect(!last.excludes(self.bytes("e"), isDirectory: false))
        #expect(!last.excludes(self.bytes("f"), isDirectory: false))
        #expect(levels[4001].excludes(self.bytes("f"), isDirectory: false))
        #expect(levels[2040].excludes(self.bytes("path"), isDirectory: false))
        #expect(!levels[2041].excludes(self.bytes("path"), isDirectory: false))
    }

    @Test func limitsTheFilesInForce() throws {
        var level = try TreeFilter().top(ignoreFile: self.bytes("a"))
        for _ in 1..<FilterLevel.maximumIgnoreFiles {
            level = try level.entering(Self.name, ignoreFile: self.bytes("a"))
        }
        // Files without patterns do not count.
        level = try level.entering(Self.name, ignoreFile: self.bytes("# a"))
        let message = refusal {
            _ = try level.entering(Self.name, ignoreFile: self.bytes("a"), named: "p/.ferryignore")
        }
        #expect(
            message
                == "configuration: p/.ferryignore: with those above it, more than 256 files or 2097152 bytes of patterns"
                + " are in force"
        )
    }

    @Test func limitsTheBytesInForce() throws {
        let large = self.bytes(String(repeating: String(repeating: "#", count: 1023) + "\n", count: 1023) + "a\n")
        let half = large + self.bytes(String(repeating: "#", count: (1 << 20) - large.count))
        let level = try TreeFilter().top(ignoreFile: half).entering(Self.name, ignoreFile: half)
        #expect(level.excludes(self.bytes("a"), isDirectory: false))
        #expect(refusal { _ = try level.entering(Self.name, ignoreFile: self.bytes("b")) }?.contains("2097152") == true)
        // A sibling has those above it only.
        _ = try TreeFilter().top(ignoreFile: half).entering(self.bytes("e"), ignoreFile: half)
    }

    @Test func namesTheFileAndTheLineOfAFault() throws {
        #expect(
            refusal { _ = try TreeFilter().top(ignoreFile: [0]) }
                == "configuration: .ferryignore:1: the line contains a NUL byte"
        )
        let top = try TreeFilter().top(ignoreFile: nil)
        #expect(
            refusal { _ = try top.entering(self.bytes("a\n"), ignoreFile: self.bytes("b\n\0")) }
                == "configuration: a\\x0A/.ferryignore:2: the line contains a NUL byte"
        )
        #expect(
            refusal { _ = try top.entering(Self.name, ignoreFile: [0], named: "x/d/.ferryignore") }
                == "configuration: x/d/.ferryignore:1: the line contains a NUL byte"
        )
    }
}
