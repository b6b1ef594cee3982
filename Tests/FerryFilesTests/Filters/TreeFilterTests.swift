import FerryErrors
import FerryFiles
import Glibc
import Testing

@Suite struct TreeFilterTests {
    @Test func theLastRuleThatMatchesWins() throws {
        var walk = FilterWalk()
        try walk.filter.exclude("*.log".utf8)
        try walk.filter.include("keep.log".utf8)
        #expect(try walk.excludes("a.log"))
        #expect(try !walk.excludes("keep.log"))
        try walk.filter.exclude("keep.*".utf8)
        #expect(try walk.excludes("keep.log"))

        var other = FilterWalk()
        try other.filter.include("keep.log".utf8)
        try other.filter.exclude("*.log".utf8)
        #expect(try other.excludes("keep.log"))
    }

    /// Rules about names and rules about paths are kept apart; their order still counts.
    @Test func theOrderHoldsAcrossKindsOfRules() throws {
        var walk = FilterWalk()
        try walk.filter.exclude("/a/*".utf8)
        try walk.filter.include("b".utf8)
        #expect(try !walk.excludes("a/b"))
        #expect(try walk.excludes("a/c"))
        try walk.filter.exclude("/a/b".utf8)
        #expect(try walk.excludes("a/b"))
        #expect(try !walk.excludes("b"))
        try walk.filter.include("/a/**/b".utf8)
        #expect(try !walk.excludes("a/b"))
    }

    @Test func anIncludeIsANegatedExclude() throws {
        var walk = FilterWalk()
        try walk.filter.include("!a".utf8)
        try walk.filter.exclude("b".utf8)
        try walk.filter.exclude("!b".utf8)
        #expect(try walk.excludes("a"))
        #expect(try !walk.excludes("b"))
    }

    @Test func filesOfRulesStandInTheirPlace() throws {
        var walk = FilterWalk()
        try walk.filter.exclude("a".utf8)
        walk.filter.include(from: try IgnoreFile(Array("a\nb\n!c\n".utf8), named: "in"))
        walk.filter.exclude(from: try IgnoreFile(Array("b\n!d\n".utf8), named: "out"))
        try walk.filter.exclude("d".utf8)
        #expect(try !walk.excludes("a"))
        #expect(try walk.excludes("b"))
        #expect(try walk.excludes("c"))
        #expect(try walk.excludes("d"))
    }

    @Test func rulesOfTheCommandOverrideFilesInTheTree() throws {
        var walk = FilterWalk("a\n!b\n")
        walk.ignoreFiles[Array("x".utf8)] = Array("a\nc\n".utf8)
        try walk.filter.include("a".utf8)
        try walk.filter.exclude("b".utf8)
        #expect(try !walk.excludes("a"))
        #expect(try !walk.excludes("x/a"))
        #expect(try walk.excludes("b"))
        #expect(try walk.excludes("x/c"))
    }

    @Test func filesInTheTreeCountUnlessToldNotTo() throws {
        var walk = FilterWalk("a\n")
        walk.ignoreFiles[Array("x".utf8)] = Array("b\n".utf8)
        #expect(try walk.excludes("a"))
        #expect(try walk.excludes("x/b"))
        walk.filter.readsIgnoreFiles = false
        #expect(try !walk.excludes("a"))
        #expect(try !walk.excludes("x/b"))
        // Not even their faults.
        walk.ignoreFiles[[]] = [0]
        #expect(try !walk.excludes("a"))
    }

    @Test func tellsWhetherItIsEmpty() throws {
        #expect(TreeFilter().isEmpty)
        #expect(try TreeFilter().top(ignoreFile: nil).isEmpty)
        #expect(try TreeFilter().top(ignoreFile: Array("# nothing\n".utf8)).isEmpty)
        #expect(try !TreeFilter().top(ignoreFile: Array("a".utf8)).isEmpty)
        let changes: [(inout TreeFilter) throws -> Void] = [
            { try $0.exclude("a".utf8) }, { $0.minSize = 1 }, { $0.maxSize = 1 },
            { $0.newerThan = Timestamp(seconds: 1) }, { $0.olderThan = Timestamp(seconds: 1) },
            { $0.includedPaths = try IncludedPaths(Array("a".utf8), named: "list") },
        ]
        for change in changes {
            var filter = TreeFilter()
            try change(&filter)
            #expect(!filter.isEmpty)
            #expect(try !filter.top(ignoreFile: nil).isEmpty)
        }
        var filter = TreeFilter()
        filter.skipsCacheDirectories = true
        #expect(!filter.isEmpty)
    }

    private func info(_ scratch: Scratch, _ name: String) throws -> FileInfo {
        let listing = try DirectoryListing(scratch.root(), .root)
        while let entry = try listing.next() { if entry.name == Array(name.utf8) { return entry.info } }
        throw FerryError(.notFound, name)
    }

    private func excludes(_ scratch: Scratch, _ name: String, _ change: (inout TreeFilter) -> Void) throws -> Bool {
        var filter = TreeFilter()
        change(&filter)
        return try filter.top(ignoreFile: nil).excludes(Array(name.utf8), self.info(scratch, name))
    }

    @Test func sizesCountForRegularFilesOnly() throws {
        let scratch = try Scratch()
        try scratch.write("file", "12345")
        try scratch.makeDirectory("directory")
        try scratch.link("link", to: "1")
        #expect(try !self.excludes(scratch, "file") { $0.minSize = 5 })
        #expect(try self.excludes(scratch, "file") { $0.minSize = 6 })
        #expect(try !self.excludes(scratch, "file") { $0.maxSize = 5 })
        #expect(try self.excludes(scratch, "file") { $0.maxSize = 4 })
        for name in ["directory", "link"] {
            #expect(try !self.excludes(scratch, name) { $0.minSize = 1 << 40 })
            #expect(try !self.excludes(scratch, name) { $0.maxSize = 0 })
        }
    }

    @Test func timesCountForRegularFilesOnly() throws {
        let scratch = try Scratch()
        try scratch.write("file", "")
        try scratch.makeDirectory("directory")
        for name in ["file", "directory"] {
            let times = [timespec(tv_sec: 100, tv_nsec: 50), timespec(tv_sec: 100, tv_nsec: 50)]
            try #require(utimensat(AT_FDCWD, scratch.full(name), times, 0) == 0)
        }
        let (before, same, after) = (
            Timestamp(seconds: 100, nanoseconds: 49), Timestamp(seconds: 100, nanoseconds: 50),
            Timestamp(seconds: 100, nanoseconds: 51)
        )
        #expect(try !self.excludes(scratch, "file") { $0.newerThan = before })
        #expect(try self.excludes(scratch, "file") { $0.newerThan = same })
        #expect(try self.excludes(scratch, "file") { $0.newerThan = after })
        #expect(try self.excludes(scratch, "file") { $0.olderThan = before })
        #expect(try self.excludes(scratch, "file") { $0.olderThan = same })
        #expect(try !self.excludes(scratch, "file") { $0.olderThan = after })
        #expect(try self.excludes(scratch, "file") { $0.newerThan = Timestamp(seconds: 101) })
        #expect(try !self.excludes(scratch, "file") { $0.newerThan = Timestamp(seconds: 99, nanoseconds: 99) })
        #expect(try !self.excludes(scratch, "directory") { $0.newerThan = after })
        #expect(try !self.excludes(scratch, "directory") { $0.olderThan = before })
    }

    @Test func namesCountBesideSizes() throws {
        let scratch = try Scratch()
        try scratch.write("file", "12345")
        try scratch.makeDirectory("directory")
        for name in ["file", "directory"] {
            var filter = TreeFilter()
            filter.minSize = 5
            try filter.exclude("directory/".utf8)
            let info = try self.info(scratch, name)
            #expect(try filter.top(ignoreFile: nil).excludes(Array(name.utf8), info) == (name == "directory"))
        }
    }
}
