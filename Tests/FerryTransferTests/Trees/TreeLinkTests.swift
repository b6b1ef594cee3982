import FerryProtocol
import FerryTestKit
import FerryTransfer
import Foundation
import Glibc
import Testing

/// What is one thing under several names in the source is one in the result.
@Suite struct TreeLinkTests {
    /// Two names of a file and two of a symbolic link, in different directories, and in one.
    private func make(_ scratch: TreeScratch) throws {
        try scratch.write("source/a/file", "content")
        try scratch.write("source/c/other", "other")
        let root = scratch.source
        try #require(symlink("file", root + "/a/link") == 0)
        for (old, new) in [("a/file", "c/file"), ("a/link", "a/link2"), ("a/link", "c/link"), ("c/other", "a/zz")] {
            try #require(linkat(AT_FDCWD, "\(root)/\(old)", AT_FDCWD, "\(root)/\(new)", 0) == 0)
        }
    }

    @Test func linksOfFilesAndOfLinksStaySuch() throws {
        var generator = SeededGenerator(seed: 1)
        let scratch = try TreeScratch()
        try self.make(scratch)
        try TreePair(scratch.source, scratch.target).run(&generator)
        #expect(try TreeFixture.differences(scratch.source, scratch.target) == "")
        let before = TreeFixture.fingerprint(scratch.target)
        let again = try TreePair(scratch.source, scratch.target)
        try again.run(&generator)
        #expect(again.receiver.summary.tree?.changed == 0 && TreeFixture.fingerprint(scratch.target) == before)
    }

    /// Other things have the names: files of their own, links that say something else, directories.
    @Test func linksTakeThePlacesOfOtherThings() throws {
        var generator = SeededGenerator(seed: 2)
        let scratch = try TreeScratch()
        try self.make(scratch)
        for name in ["a/file", "a/link2", "c/file"] { try scratch.write("target/" + name, "content") }
        for name in ["a/link/in", "c/link/in", "a/zz/in"] { try scratch.write("target/" + name, "gone") }
        try #require(symlink("elsewhere", scratch.target + "/c/other") == 0)
        var options = TreeReceiver.Options()
        options.deletes = true
        let pair = try TreePair(scratch.source, scratch.target, options: options)
        try pair.run(&generator)
        #expect(pair.failedPaths == [])
        #expect(try TreeFixture.differences(scratch.source, scratch.target) == "")
    }

    /// A name that becomes another file's is a change, also where none is made.
    @Test func aLinkInAnotherFilesPlaceIsReported() throws {
        let scratch = try TreeScratch()
        try scratch.write("source/a", "A")
        #expect(link(scratch.source + "/a", scratch.source + "/c") == 0)
        try scratch.write("target/a", "A")
        try scratch.write("target/c", "C")
        for path in [scratch.source, scratch.target] { TreeFixture.setTime(path + "/a", seconds: 1) }
        var options = TreeReceiver.Options()
        options.reports = true
        for isDryRun in [true, false] {
            options.isDryRun = isDryRun
            var generator = SeededGenerator(seed: 1)
            let pair = try TreePair(scratch.source, scratch.target, options: options)
            try pair.run(&generator)
            #expect(pair.changes == ["changed c 32"])
        }
        #expect(try TreeFixture.differences(scratch.source, scratch.target) == "")
    }
}
