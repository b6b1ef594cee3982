import FerryErrors
import FerryFiles
import Glibc
import Testing

@Suite struct PartialFileTests {
    @Test func publishesContentModeAndTime() throws {
        let scratch = try Scratch()
        try push(scratch.root(), "new", "hello", mode: 0o640)
        let status = try #require(scratch.status("new"))
        #expect(scratch.read("new") == "hello")
        #expect(status.st_mode & 0o7777 == 0o640)
        #expect(status.st_mtim.tv_sec == 1_000_000_000)
        #expect(scratch.names() == ["new"])
    }

    @Test func masksSetuidAndUmask() throws {
        let scratch = try Scratch()
        try push(scratch.root(umask: 0o027), "new", "x", mode: 0o7777)
        #expect(try #require(scratch.status("new")).st_mode & 0o7777 == 0o750)
    }

    @Test func isHiddenAndPrivateUntilPublished() throws {
        let scratch = try Scratch()
        try scratch.write("old", "old")
        let partial = try scratch.root().createPartial(for: RelativePath("old"), makeParents: false)
        try partial.write("new")
        let name = try #require(scratch.names().first { $0.hasPrefix(".ferry-part.") })
        #expect(try #require(scratch.status(name)).st_mode & 0o7777 == 0o600)
        #expect(scratch.read("old") == "old")
        #expect(failure { _ = try RelativePath(name) }?.code == .invalidPath)
        try partial.publish(size: 3, mode: 0o644, modified: nil)
        #expect(scratch.read("old") == "new")
        #expect(scratch.names() == ["old"])
    }

    @Test func writesAnywhereReadsBackAndFitsTheSize() throws {
        let scratch = try Scratch()
        let partial = try scratch.root().createPartial(for: RelativePath("x"), makeParents: false)
        try partial.write("cde", at: 2)
        try partial.write("", at: .max)
        try partial.write("ab", at: 0)
        #expect(try partial.read(16, at: 1) == "bcde")
        #expect(try partial.read(16, at: 5) == "")
        try partial.publish(size: 4, mode: 0o600, modified: nil)
        #expect(scratch.read("x") == "abcd")
    }

    @Test func extendsWithZeros() throws {
        let scratch = try Scratch()
        let partial = try scratch.root().createPartial(for: RelativePath("x"), makeParents: false)
        try partial.publish(size: 3, mode: 0o600, modified: nil)
        #expect(scratch.read("x") == "\0\0\0")
    }

    @Test(arguments: [Int64.max, Int64.max - 2, -1])
    func refusesOffsetsOutOfRange(_ offset: Int64) throws {
        let scratch = try Scratch()
        let partial = try scratch.root().createPartial(for: RelativePath("x"), makeParents: false)
        #expect(failure { try partial.write("abcdef", at: offset) }?.code == .tooLarge)
        #expect(failure { try partial.publish(size: -1, mode: 0, modified: nil) }?.code == .tooLarge)
        #expect(scratch.names() == [])
    }

    @Test func isDiscardedWithItsLastReference() throws {
        let scratch = try Scratch()
        try scratch.write("old", "old")
        do {
            let partial = try scratch.root().createPartial(for: RelativePath("old"), makeParents: false)
            try partial.write("new")
        }
        #expect(scratch.names() == ["old"])
        #expect(scratch.read("old") == "old")
    }

    @Test func discardsOnceAndCannotBePublishedThen() throws {
        let scratch = try Scratch()
        let partial = try scratch.root().createPartial(for: RelativePath("x"), makeParents: false)
        partial.discard()
        partial.discard()
        #expect(scratch.names() == [])
        #expect(failure { try partial.publish(size: 0, mode: 0, modified: nil) }?.code == .internalError)
    }

    @Test func replacesALinkAndNotWhatItPointsTo() throws {
        let scratch = try Scratch()
        try scratch.write("kept", "kept")
        try scratch.link("link", to: "kept")
        try push(scratch.root(), "link", "new")
        #expect(scratch.read("kept") == "kept")
        #expect(try #require(scratch.status("link")).st_mode & S_IFMT == S_IFREG)
        #expect(scratch.read("link") == "new")
    }

    @Test func refusesADirectoryBeforeAndAfterTheTransfer() throws {
        let scratch = try Scratch()
        try scratch.makeDirectory("early")
        let root = try scratch.root()
        #expect(failure { try push(root, "early", "x") }?.code == .notAFile)
        let partial = try root.createPartial(for: RelativePath("late"), makeParents: false)
        try scratch.makeDirectory("late")
        #expect(failure { try partial.publish(size: 0, mode: 0o600, modified: nil) }?.code == .notAFile)
        #expect(scratch.names() == ["early", "late"])
    }

    @Test func makesParentsOnlyIfAsked() throws {
        let scratch = try Scratch()
        let root = try scratch.root()
        #expect(failure { try push(root, "a/b/c", "x") }?.code == .notFound)
        #expect(scratch.names() == [])
        try push(root, "a/b/c", "x", makeParents: true)
        #expect(scratch.read("a/b/c") == "x")
    }

    @Test func twoAtOnceBothSucceed() throws {
        let scratch = try Scratch()
        let root = try scratch.root()
        let first = try root.createPartial(for: RelativePath("x"), makeParents: false)
        let second = try root.createPartial(for: RelativePath("x"), makeParents: false)
        try first.write("first")
        try second.write("second")
        try second.publish(size: 6, mode: 0o600, modified: nil)
        try first.publish(size: 5, mode: 0o600, modified: nil)
        #expect(scratch.read("x") == "first")
        #expect(scratch.names() == ["x"])
    }

    @Test func cannotWriteTheRoot() throws {
        let scratch = try Scratch()
        let root = try scratch.root()
        #expect(failure { _ = try root.createPartial(for: .root, makeParents: true) }?.code == .invalidPath)
    }

    /// Numbers above a second mean "now" and "leave" to the kernel.
    @Test(arguments: [UInt32(999_999_999), 1_000_000_000, (1 << 30) - 1, (1 << 30) - 2, .max])
    func keepsNanosecondsInRange(_ nanoseconds: UInt32) throws {
        let scratch = try Scratch()
        let partial = try scratch.root().createPartial(for: RelativePath("x"), makeParents: false)
        try partial.publish(size: 0, mode: 0o600, modified: Timestamp(seconds: 5, nanoseconds: nanoseconds))
        let status = try #require(scratch.status("x"))
        #expect(status.st_mtim.tv_sec == 5)
        #expect(status.st_mtim.tv_nsec == 999_999_999)
    }
}
