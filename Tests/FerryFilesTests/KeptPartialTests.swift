import FerryErrors
import FerryFiles
import Glibc
import Synchronization
import Testing

/// What is left of a transfer that was cut, and who finds it.
@Suite struct KeptPartialTests {
    /// As many bytes as are worth keeping.
    private static let enough = String(repeating: "k", count: 64 << 10)

    private func keep(_ root: RootDirectory, _ target: String, _ text: String = enough, owner: String = "") throws {
        let partial = try root.createPartial(for: RelativePath(target), makeParents: false, owner: owner)
        try partial.write(text)
        partial.keep()
    }

    @Test func theNextTransferToTheTargetFindsItAndNoOther() throws {
        let scratch = try Scratch()
        let root = try scratch.root()
        try self.keep(root, "x")
        #expect(scratch.names().count == 1)
        #expect(try root.createPartial(for: RelativePath("y"), makeParents: false).kept == 0)
        #expect(try root.createPartial(for: RelativePath("x"), makeParents: false, owner: "other").kept == 0)
        let partial = try root.createPartial(for: RelativePath("x"), makeParents: false)
        #expect(partial.kept == 64 << 10)
        #expect(try partial.read(4, at: 100) == "kkkk")
        try partial.write("new")
        try partial.publish(size: 5, mode: 0o600, modified: nil)
        #expect(scratch.read("x") == "newkk")
        #expect(scratch.names() == ["x"])
    }

    @Test func theLeastThatIsKeptAndOneByteLess() throws {
        let scratch = try Scratch()
        let root = try scratch.root()
        try self.keep(root, "x", String(Self.enough.dropLast()))
        #expect(scratch.names() == [])
        try self.keep(root, "x")
        #expect(scratch.names().count == 1)
    }

    @Test func whatIsCollectedForTheDiskIsKeptToo() throws {
        let scratch = try Scratch()
        let root = try scratch.root()
        // Large enough for direct writing, and no multiple of its blocks.
        let text = String(repeating: "d", count: 3 << 19 + 4321)
        let partial = try root.createPartial(for: RelativePath("x"), makeParents: false)
        try partial.write(text)
        partial.keep()
        let again = try root.createPartial(for: RelativePath("x"), makeParents: false)
        #expect(again.kept == text.utf8.count)
        #expect(try again.read(10, at: again.kept - 10) == "dddddddddd")
    }

    @Test func oneInUseIsLeftAloneAndTheOtherGetsItsOwn() throws {
        let scratch = try Scratch()
        let root = try scratch.root()
        try self.keep(root, "x")
        let first = try root.createPartial(for: RelativePath("x"), makeParents: false)
        let second = try root.createPartial(for: RelativePath("x"), makeParents: false)
        #expect(first.kept == 64 << 10 && second.kept == 0)
        // Nobody would find the second one's.
        try second.write(Self.enough)
        second.keep()
        #expect(scratch.names().count == 1)
        first.keep()
        #expect(try root.createPartial(for: RelativePath("x"), makeParents: false).kept == 64 << 10)
    }

    /// What somebody else put under the name is neither written through nor used.
    @Test func aLinkOrADirectoryUnderTheNameIsNotUsed() throws {
        for makesLink in [true, false] {
            let scratch = try Scratch()
            let root = try scratch.root()
            try self.keep(root, "x")
            let name = try #require(scratch.names().first)
            try scratch.write("victim", Self.enough)
            #expect(unlink(scratch.full(name)) == 0)
            #expect((makesLink ? symlink("victim", scratch.full(name)) : mkdir(scratch.full(name), 0o700)) == 0)
            let partial = try root.createPartial(for: RelativePath("x"), makeParents: false)
            #expect(partial.kept == 0)
            try partial.write("new")
            try partial.publish(size: 3, mode: 0o600, modified: nil)
            #expect(scratch.read("x") == "new" && scratch.read("victim") == Self.enough)
        }
    }

    @Test func aSecondNameOfAnotherFileIsNotUsed() throws {
        let scratch = try Scratch()
        let root = try scratch.root()
        try self.keep(root, "x")
        let name = try #require(scratch.names().first)
        #expect(link(scratch.full(name), scratch.full("second")) == 0)
        let partial = try root.createPartial(for: RelativePath("x"), makeParents: false)
        #expect(partial.kept == 0)
        try partial.write("new")
        #expect(scratch.read("second") == Self.enough)
    }

    @Test func oneThatIsGoneBetweenOpeningAndLockingIsMadeAnew() throws {
        let scratch = try Scratch()
        try self.keep(scratch.root(), "x")
        let name = try #require(scratch.names().first)
        let path = scratch.full(name)
        // The first look is at the target, the second, between the two, at the opened file.
        let looks = Atomic(0)
        let script = CallScript { _, call in
            if call == .fstat, looks.add(1, ordering: .relaxed).newValue == 2 { #expect(unlink(path) == 0) }
            return .proceed
        }
        let partial = try scratch.root(calls: script.calls).createPartial(for: RelativePath("x"), makeParents: false)
        #expect(partial.kept == 0)
        try partial.write("new")
        try partial.publish(size: 3, mode: 0o600, modified: nil)
        #expect(scratch.read("x") == "new")
    }

    @Test func removingADirectoryTakesWhatIsLeftInItAlong() throws {
        let scratch = try Scratch()
        let root = try scratch.root()
        try root.makeDirectory(RelativePath("d"), parents: false)
        try self.keep(root, "d/x")
        try scratch.write("d/file", "x")
        #expect(failure { try root.remove(RelativePath("d")) }?.code == .notEmpty)
        #expect(try root.createPartial(for: RelativePath("d/x"), makeParents: false).kept == 64 << 10)
        // Let go of without a word, it is gone.
        try self.keep(root, "d/x")
        try root.remove(RelativePath("d/file"))
        do {
            let running = try root.createPartial(for: RelativePath("d/x"), makeParents: false)
            let error = failure { try root.remove(RelativePath("d")) }
            #expect(error?.code == .notEmpty)
            #expect(error?.remedy?.contains("unfinished") == true)
            running.keep()
        }
        try root.remove(RelativePath("d"))
        #expect(scratch.names() == [])
    }

    // MARK: Sweeping

    private func sweep(_ root: RootDirectory, before: Int64) throws -> Int {
        var sweep = try PartialSweep(root, before: before)
        while sweep.proceed() {}
        return sweep.removed
    }

    private func age(_ path: String, to seconds: Int) {
        let times = [timespec(tv_sec: seconds, tv_nsec: 0), timespec(tv_sec: seconds, tv_nsec: 0)]
        #expect(utimensat(AT_FDCWD, path, times, 0) == 0)
    }

    @Test func aSweepRemovesWhatIsOldEnoughWhereverItLies() throws {
        let scratch = try Scratch()
        let root = try scratch.root()
        try root.makeDirectory(RelativePath("a/b/c"), parents: true)
        for target in ["old", "young", "a/b/c/old"] { try self.keep(root, target) }
        for directory in ["", "a/b/c/"] {
            for name in scratch.hidden(directory) { self.age(scratch.full(directory + name), to: 1000) }
        }
        // Written to again.
        try self.keep(root, "young")
        try scratch.write("a/b/file", "x")
        self.age(scratch.full("a/b/file"), to: 1000)
        #expect(try self.sweep(root, before: 1000) == 0)
        #expect(try self.sweep(root, before: 1001) == 2)
        #expect(scratch.hidden("").count == 1)
        #expect(scratch.hidden("a/b/c/").isEmpty)
        #expect(scratch.read("a/b/file") == "x")
    }

    @Test func aSweepLeavesWhatATransferHasAndFollowsNoLink() throws {
        let (scratch, outside) = (try Scratch(), try Scratch())
        let root = try scratch.root()
        try self.keep(try outside.root(), "x")
        let foreign = try #require(outside.names().first)
        self.age(outside.full(foreign), to: 1000)
        #expect(symlink(outside.full(""), scratch.full("link")) == 0)
        #expect(symlink(outside.full(foreign), scratch.full(".ferry-part.0123")) == 0)
        try self.keep(root, "x")
        let running = try root.createPartial(for: RelativePath("x"), makeParents: false)
        let name = try #require(scratch.hidden("").first { $0 != ".ferry-part.0123" })
        self.age(scratch.full(name), to: 1000)
        #expect(try self.sweep(root, before: 2000) == 0)
        #expect(outside.names() == [foreign])
        running.keep()
        self.age(scratch.full(name), to: 1000)
        #expect(try self.sweep(root, before: 2000) == 1)
    }
}
