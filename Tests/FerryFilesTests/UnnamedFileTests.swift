import FerryErrors
import FerryFiles
import Glibc
import Testing

/// Small files of trees, which have no name until they get their target's.
@Suite struct UnnamedFileTests {
    private func make(
        _ name: String,
        _ text: String = "new",
        in scratch: Scratch,
        calls: SystemCalls = .real
    ) throws -> PartialFile {
        let top = try scratch.root(calls: calls).openTree(.root)
        let partial = try top.createPartial(Array(name.utf8), owner: "", isKept: false)
        try partial.write(text)
        let failure = try partial.seal(size: Int64(text.utf8.count), FileMetadata(mode: 0o640), modified: nil)
        #expect(failure == nil)
        return partial
    }

    @Test func nothingIsThereUntilItHasItsName() throws {
        let scratch = try Scratch()
        let partial = try self.make("x", in: scratch)
        #expect(scratch.names().isEmpty)
        #expect(try partial.replaceTarget() == nil)
        #expect(scratch.names() == ["x"] && scratch.read("x") == "new")
        #expect(scratch.status("x").map { $0.st_mode & 0o7777 } == 0o640)
    }

    @Test func whatIsDiscardedOrKeptLeavesNothing() throws {
        let scratch = try Scratch()
        try self.make("x", in: scratch).discard()
        try self.make("x", String(repeating: "n", count: 100_000), in: scratch).keep()
        #expect(scratch.names().isEmpty)
    }

    @Test func itReplacesAFileOrALinkAndNotWhatThatPointsTo() throws {
        let scratch = try Scratch()
        for name in ["file", "aim"] { try scratch.write(name, "old") }
        try scratch.link("link", to: "aim")
        for name in ["file", "link"] {
            #expect(try self.make(name, in: scratch).replaceTarget() == nil)
            #expect(scratch.read(name) == "new")
        }
        #expect(scratch.read("aim") == "old")
        #expect(scratch.names() == ["aim", "file", "link"])
    }

    @Test func aDirectoryStaysAndNoHiddenNameIsLeft() throws {
        let scratch = try Scratch()
        try scratch.makeDirectory("d")
        let partial = try self.make("d", in: scratch)
        #expect(failure { _ = try partial.replaceTarget() }?.code == .notAFile)
        #expect(scratch.names() == ["d"])
    }

    /// Each call on the way to a name that is taken fails in turn: the old file is whole, and nothing else is there.
    @Test(arguments: [(SystemCalls.Name.linkat, 0), (.linkat, 1), (.renameat, 0)])
    func theOldOneStaysIfItCannotBeReplaced(_ name: SystemCalls.Name, _ failing: Int) throws {
        let scratch = try Scratch()
        try scratch.write("x", "old")
        let count = CallCounter()
        let calls = SystemCalls { call, _ in call == name && count.next() == failing ? .fail(EIO) : .proceed }
        let partial = try self.make("x", in: scratch, calls: calls)
        #expect(failure { _ = try partial.replaceTarget() }?.code == .inputOutput)
        #expect(scratch.names() == ["x"] && scratch.read("x") == "old")
    }

    @Test(arguments: [EOPNOTSUPP, EISDIR, EINVAL]) func whereThereAreNoneItHasAHiddenName(_ code: Int32) throws {
        let scratch = try Scratch()
        let count = CallCounter()
        // The first two open the root and the top.
        let calls = SystemCalls { name, _ in name == .openat2 && count.next() == 2 ? .fail(code) : .proceed }
        let partial = try self.make("x", in: scratch, calls: calls)
        #expect(scratch.hidden("").count == 1 && scratch.names().count == 1)
        #expect(try partial.replaceTarget() == nil)
        #expect(scratch.names() == ["x"] && scratch.read("x") == "new")
    }
}
