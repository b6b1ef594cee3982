import FerryErrors
import FerryFiles
import Testing

@Suite struct RootDirectoryLinksTests {
    private func follow(_ scratch: Scratch, _ path: String) throws -> String {
        try scratch.root().followingLink(RelativePath(path)).description
    }

    private func scratch() throws -> Scratch {
        let scratch = try Scratch()
        try scratch.makeDirectory("d/e")
        try scratch.write("d/file", "x")
        try scratch.link("short", to: "d/e")
        return scratch
    }

    @Test(arguments: ["missing", "d/file", "d/missing", "d", "short/file"]) func whatIsNoLinkStays(
        _ path: String
    ) throws {
        #expect(try self.follow(self.scratch(), path) == path)
    }

    @Test(arguments: [
        ("d/file", "d/file"), ("d/new", "d/new"), ("./d/./file", "d/file"), ("short/../file", "d/file"),
        ("d/e/../../other", "other"), ("short/new", "d/e/new"), ("d//file", "d/file"),
    ]) func aLinkLeadsToItsTargetWhichNeedNotExist(_ text: String, _ target: String) throws {
        let scratch = try self.scratch()
        try scratch.link("link", to: text)
        #expect(try self.follow(scratch, "link") == target)
        try scratch.link("again", to: "link")
        #expect(try self.follow(scratch, "again") == target)
    }

    @Test func aLinkBelowALinkIsRelativeToWhereItLies() throws {
        let scratch = try self.scratch()
        try scratch.link("d/e/up", to: "../file")
        #expect(try self.follow(scratch, "short/up") == "d/file")
    }

    @Test(arguments: ["/etc/passwd", "../outside", "d/../../outside", "short/../../../x"])
    func aLinkThatLeadsOutIsRefused(_ text: String) throws {
        let scratch = try self.scratch()
        try scratch.link("link", to: text)
        #expect(failure { _ = try self.follow(scratch, "link") }?.code == .denied)
    }

    @Test func aLinkThatGoesRoundIsRefused() throws {
        let scratch = try self.scratch()
        try scratch.link("a", to: "b")
        try scratch.link("b", to: "a")
        #expect(failure { _ = try self.follow(scratch, "a") }?.code == .denied)
    }

    /// As many links in a row as Linux follows, and one more.
    @Test(arguments: [(40, nil), (41, FerryError.Code.denied)] as [(Int, FerryError.Code?)])
    func linksInARow(_ count: Int, _ code: FerryError.Code?) throws {
        let scratch = try self.scratch()
        for number in 1..<count { try scratch.link("l\(number)", to: "l\(number + 1)") }
        try scratch.link("l\(count)", to: "end")
        #expect(failure { _ = try self.follow(scratch, "l1") }?.code == code)
    }

    @Test(arguments: [".", "d/.."]) func aLinkToTheRootItselfNamesNoFile(_ text: String) throws {
        let scratch = try self.scratch()
        try scratch.link("link", to: text)
        #expect(failure { _ = try self.follow(scratch, "link") }?.code == .notAFile)
    }

    @Test func aLinkToAHiddenNameIsRefused() throws {
        let scratch = try self.scratch()
        try scratch.link("link", to: ".ferry-part.0123")
        #expect(failure { _ = try self.follow(scratch, "link") }?.code == .invalidPath)
    }
}
