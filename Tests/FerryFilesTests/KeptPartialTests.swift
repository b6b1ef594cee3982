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
        #expect(try root.createPartial(for: RelativePath("y"), makeParents: false).kept == nil)
        #expect(try root.createPartial(for: RelativePath("x"), makeParents: false, owner: "other").kept == nil)
        let partial = try root.createPartial(for: RelativePath("x"), makeParents: false)
        #expect(partial.kept?.size == 64 << 10)
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
        #expect(again.kept?.size == Int64(text.utf8.count))
        #expect(try again.read(10, at: (again.kept?.size ?? 0) - 10) == "dddddddddd")
    }

    /// Past the page cache only whole pages can be read; nobody needs to know.
    @Test(arguments: [0, 1, 4096, 4097, (64 << 10) - 1, 64 << 10]) func whatIsKeptIsReadAtAnyPlace(_ offset: Int) throws
    {
        let scratch = try Scratch()
        let root = try scratch.root()
        let text = (0..<(64 << 10)).map { String($0 % 10) }.joined()
        try self.keep(root, "x", text)
        let kept = try #require(try root.createPartial(for: RelativePath("x"), makeParents: false).kept)
        for (skipped, length) in [(0, 8192), (1, 100), (0, 128 << 10)] {
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: length + 1, alignment: 4096)
            defer { buffer.deallocate() }
            let part = UnsafeMutableRawBufferPointer(rebasing: buffer[skipped..<(skipped + length)])
            let count = try kept.read(into: part, at: Int64(offset))
            let expected = text.utf8.dropFirst(offset).prefix(length)
            #expect(count == expected.count && part.prefix(count).elementsEqual(expected))
        }
    }

    @Test func oneInUseIsLeftAloneAndTheOtherGetsItsOwn() throws {
        let scratch = try Scratch()
        let root = try scratch.root()
        try self.keep(root, "x")
        let first = try root.createPartial(for: RelativePath("x"), makeParents: false)
        let second = try root.createPartial(for: RelativePath("x"), makeParents: false)
        #expect(first.kept?.size == 64 << 10 && second.kept == nil)
        // Nobody would find the second one's.
        try second.write(Self.enough)
        second.keep()
        #expect(scratch.names().count == 1)
        first.keep()
        #expect(try root.createPartial(for: RelativePath("x"), makeParents: false).kept?.size == 64 << 10)
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
            #expect(partial.kept == nil)
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
        #expect(partial.kept == nil)
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
        #expect(partial.kept == nil)
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
        #expect(try root.createPartial(for: RelativePath("d/x"), makeParents: false).kept?.size == 64 << 10)
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

    @Test func whatCannotBeRemovedIsTheNextTransfers() throws {
        let scratch = try Scratch()
        let script = CallScript { _, call in call == .unlinkat ? .fail(EIO) : .proceed }
        let broken = try scratch.root(calls: script.calls).createPartial(for: RelativePath("x"), makeParents: false)
        try broken.write(Self.enough)
        broken.discard()
        try withExtendedLifetime(broken) {
            let next = try scratch.root().createPartial(for: RelativePath("x"), makeParents: false)
            #expect(next.kept?.size == 64 << 10)
            next.discard()
            #expect(scratch.names() == [])
        }
    }

    // MARK: Sweeping

    private func sweep(_ root: RootDirectory, before: Int64) throws -> Int {
        var sweep = try PartialSweep(root, before: before)
        while sweep.proceed() {}
        return sweep.removed
    }

    private let now = Int64(time(nil))

    @Test func aSweepRemovesWhatIsOldEnoughWhereverItLies() throws {
        let scratch = try Scratch()
        let root = try scratch.root()
        try root.makeDirectory(RelativePath("a/b/c"), parents: true)
        for target in ["x", "a/b/c/y"] { try self.keep(root, target) }
        try scratch.write("a/b/file", "x")
        // About to be published, it has the time of its source already.
        let times = [timespec(tv_sec: 1000, tv_nsec: 0), timespec(tv_sec: 1000, tv_nsec: 0)]
        #expect(utimensat(AT_FDCWD, scratch.full(try #require(scratch.hidden("").first)), times, 0) == 0)
        #expect(try self.sweep(root, before: self.now - 60) == 0)
        #expect(try self.sweep(root, before: self.now + 60) == 2)
        #expect(scratch.hidden("").isEmpty && scratch.hidden("a/b/c").isEmpty)
        #expect(scratch.read("a/b/file") == "x")
    }

    @Test func aSweepLeavesWhatATransferHasAndFollowsNoLink() throws {
        let (scratch, outside) = (try Scratch(), try Scratch())
        let root = try scratch.root()
        try self.keep(try outside.root(), "x")
        let foreign = try #require(outside.names().first)
        #expect(symlink(outside.path, scratch.full("link")) == 0)
        #expect(symlink(outside.full(foreign), scratch.full(".ferry-part.0123")) == 0)
        try self.keep(root, "x")
        let running = try root.createPartial(for: RelativePath("x"), makeParents: false)
        #expect(try self.sweep(root, before: self.now + 60) == 0)
        #expect(outside.names() == [foreign])
        running.keep()
        #expect(try self.sweep(root, before: self.now + 60) == 1)
    }

    // MARK: Two at once

    /// While one waits for its sync, with the mode of its target already, another comes for the same target.
    @Test func whatIsAboutToBePublishedIsNotTakenAway() throws {
        let scratch = try Scratch()
        let root = try scratch.root()
        let second = Mutex<PartialFile?>(nil)
        let script = CallScript { _, call in
            guard call == .fsync, second.withLock({ $0 == nil }) else { return .proceed }
            let partial = try? root.createPartial(for: RelativePath("x"), makeParents: false)
            try? partial?.write("half")
            second.withLock { $0 = partial }
            return .proceed
        }
        let first = try scratch.root(calls: script.calls).createPartial(for: RelativePath("x"), makeParents: false)
        try first.write("whole")
        try first.publish(size: 5, mode: 0o444, modified: nil)
        #expect(scratch.read("x") == "whole")
        let other = try #require(second.withLock { $0 })
        #expect(other.kept == nil)
        try other.publish(size: 4, mode: 0o644, modified: nil)
        #expect(scratch.read("x") == "half")
        #expect(scratch.names() == ["x"])
    }

    /// Whoever removed the hidden name, and whatever lies there now: it is not published as this transfer's.
    @Test func aNameThatLeadsElsewhereIsNotPublished() throws {
        let scratch = try Scratch()
        try scratch.write("x", "old")
        let partial = try scratch.root().createPartial(for: RelativePath("x"), makeParents: false)
        try partial.write("whole")
        let name = try #require(scratch.hidden("").first)
        #expect(unlink(scratch.full(name)) == 0)
        try scratch.write(name, "another's")
        #expect(failure { try partial.publish(size: 5, mode: 0o644, modified: nil) }?.code == .busy)
        #expect(scratch.read("x") == "old" && scratch.read(name) == "another's")
    }
}
