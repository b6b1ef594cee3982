import FerryErrors
import FerryFiles
import FerryProtocol
import FerryTestKit
import FerryTransfer
import Foundation
import Glibc
import Synchronization
import Testing

/// What is only at the receiver goes in the end, if that was asked for, and nothing else does.
@Suite struct TreeDeletionTests {
    private func options(
        _ change: (inout TreeReceiver.Options) throws -> Void = { _ in }
    ) rethrows -> TreeReceiver.Options {
        var options = TreeReceiver.Options()
        options.deletes = true
        options.reports = true
        try change(&options)
        return options
    }

    @Test func anyTreeBecomesAnyOther() throws {
        try withFreshSeed { generator in
            for _ in 0..<Soak.count(6, soak: 300) {
                let scratch = try TreeScratch()
                TreeFixture.make(scratch.source, entries: 4 + generator.below(80), &generator)
                try FileManager.default.removeItem(atPath: scratch.target)
                TreeFixture.make(scratch.target, entries: 4 + generator.below(80), &generator)
                let pair = try TreePair(scratch.source, scratch.target, options: self.options())
                try pair.run(&generator)
                #expect(pair.failedPaths.isEmpty, "\(pair.failedPaths)")
                #expect(try TreeFixture.differences(scratch.source, scratch.target) == "")
            }
        }
    }

    @Test func whatAFilterLeavesOutStays() throws {
        var generator = SeededGenerator(seed: 1)
        let scratch = try TreeScratch()
        for path in ["source/.ferryignore", "target/old/.ferryignore"] { try scratch.write(path, "build/\n") }
        try scratch.write("source/a", "a")
        for path in ["build/x", "old/build/y", "old/gone", "a.o", "gone", "gone too/gone"] {
            try scratch.write("target/" + path, "x")
        }
        let options = try self.options { try $0.filter.exclude(Array("*.o".utf8)) }
        let pair = try TreePair(scratch.source, scratch.target, options: options)
        try pair.run(&generator)
        let left = try FileManager.default.subpathsOfDirectory(atPath: scratch.target).sorted()
        // The ignore file in `old` is only here itself, and goes when what it says has been heeded.
        #expect(left == [".ferryignore", "a", "a.o", "build", "build/x", "old", "old/build", "old/build/y"])
        #expect(pair.deleted == ["gone", "gone too", "gone too/gone", "old/.ferryignore", "old/gone"])
    }

    /// Each of these is in the source too, and only left out there: it stays, though the target's looks otherwise.
    @Test func whatTheSourceHasAndLeavesOutStays() throws {
        var generator = SeededGenerator(seed: 10)
        let scratch = try TreeScratch()
        try scratch.write("source/grown", "much larger than ten bytes")
        try scratch.write("target/grown", "old")
        try scratch.write("source/.ferryignore", "private\n.ferryignore\n")
        for side in ["source", "target"] {
            try scratch.write("\(side)/private/x", "x")
            try scratch.write("\(side)/cache/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55")
            try scratch.write("\(side)/cache/data", "x")
        }
        try scratch.write("target/gone", "x")
        let options = self.options {
            $0.filter.maxSize = 10
            $0.filter.skipsCacheDirectories = true
        }
        let pair = try TreePair(scratch.source, scratch.target, options: options, filter: options.filter)
        try pair.run(&generator)
        #expect(pair.deleted == ["gone"])
    }

    /// What an ignore file that goes itself says counts until the end, in a dry run and in a real one.
    @Test func anIgnoreFileGoesLast() throws {
        for isDryRun in [true, false] {
            var generator = SeededGenerator(seed: 11)
            let scratch = try TreeScratch()
            try scratch.write("source/t/sub/kept", "x")
            try scratch.write("target/t/.ferryignore", "*.log\n")
            try scratch.write("target/t/sub/a.log", "x")
            let pair = try TreePair(scratch.source, scratch.target, options: self.options { $0.isDryRun = isDryRun })
            try pair.run(&generator)
            #expect(pair.deleted == ["t/.ferryignore"])
        }
    }

    @Test func nothingGoesUnlessAllHasArrived() throws {
        var generator = SeededGenerator(seed: 12)
        let scratch = try TreeScratch()
        try scratch.write("source/new/photo", "the only one")
        try scratch.write("target/old/photo", "the only one")
        let calls = SystemCalls { name, _ in name == .fchmod ? .fail(EPERM) : .proceed }
        let pair = try TreePair(scratch.source, scratch.target, options: self.options(), targetCalls: calls)
        try pair.run(&generator)
        #expect(pair.failedPaths.contains("new/photo: permission"))
        #expect(scratch.read("target/old/photo") == "the only one")
    }

    @Test(arguments: [3, 2]) func theLimitIsKept(_ limit: UInt64) throws {
        var generator = SeededGenerator(seed: 2)
        let scratch = try TreeScratch()
        try scratch.write("source/new", "new")
        for path in ["one", "directory/two"] { try scratch.write("target/" + path, "x") }
        let pair = try TreePair(scratch.source, scratch.target, options: self.options { $0.maxDelete = limit })
        if limit == 3 {
            try pair.run(&generator)
            #expect(try TreeFixture.differences(scratch.source, scratch.target) == "")
        } else {
            let error = #expect(throws: FerryError.self) { try pair.run(&generator) }
            #expect(error?.code == .tooManyDeletions)
            #expect(scratch.read("target/one") == "x" && scratch.read("target/directory/two") == "x")
        }
        // All that was to come has come either way.
        #expect(scratch.read("target/new") == "new")
    }

    @Test func directoriesBecomeFilesAndLinksOnceTheyAreEmpty() throws {
        var generator = SeededGenerator(seed: 6)
        let scratch = try TreeScratch()
        for name in ["small", "large", "kept"] {
            TreeFixture.write(try scratch.place("source/d/" + name), generator.bytes(name == "large" ? 2 << 20 : 10))
            try scratch.write("target/d/\(name)/inside/x.o", "x")
        }
        #expect(symlink("small", scratch.source + "/d/link") == 0)
        try scratch.write("target/d/link/inside", "x")
        // What a filter leaves out keeps its directory, and so that is not replaced.
        let options = try self.options { try $0.filter.exclude(Array("/d/kept/inside/".utf8)) }
        let pair = try TreePair(scratch.source, scratch.target, options: options)
        try pair.run(&generator)
        #expect(pair.failedPaths == ["d/kept: not-a-file"])
        #expect(scratch.read("target/d/kept/inside/x.o") == "x")
        try FileManager.default.removeItem(atPath: scratch.source + "/d/kept")
        TreeFixture.setTime(scratch.source + "/d", seconds: 1_234_567_890)
        let again = try TreePair(scratch.source, scratch.target, options: self.options())
        try again.run(&generator)
        #expect(try TreeFixture.differences(scratch.source, scratch.target) == "")
    }

    @Test func nothingIsReplacedIfTheSourceCouldNotBeRead() throws {
        var generator = SeededGenerator(seed: 7)
        let scratch = try TreeScratch()
        try scratch.write("source/a", "a file")
        try scratch.write("source/b", "b")
        try scratch.write("target/a/inside", "stays")
        let failed = Mutex(false)
        // Files are read in order: the second one fails.
        let count = Mutex(0)
        let calls = SystemCalls { name, _ in
            guard name == .pread else { return .proceed }
            let number = count.withLock { count in
                count += 1
                return count
            }
            if number > 2 { failed.withLock { $0 = true } }
            return number > 2 ? .fail(EIO) : .proceed
        }
        let pair = try TreePair(scratch.source, scratch.target, options: self.options(), sourceCalls: calls)
        try pair.run(&generator)
        #expect(failed.withLock { $0 })
        #expect(pair.failedPaths == ["a: not-a-file", "b: io"])
        #expect(scratch.read("target/a/inside") == "stays")
        #expect(try FileManager.default.subpathsOfDirectory(atPath: scratch.target).sorted() == ["a", "a/inside"])
    }

    @Test func comparingFindsWhatDiffersAndChangesNothing() throws {
        var generator = SeededGenerator(seed: 8)
        let scratch = try TreeScratch()
        TreeFixture.make(scratch.source, entries: 100, &generator)
        try TreePair(scratch.source, scratch.target).run(&generator)
        let large = generator.bytes(3 << 20)
        for path in [scratch.source, scratch.target] { TreeFixture.write(path + "/large", large) }
        let options = self.options { ($0.verifies, $0.isDryRun) = (true, true) }
        let equal = try TreePair(scratch.source, scratch.target, options: options)
        try equal.run(&generator)
        #expect(equal.changes == [])
        #expect(equal.sender.summary.wireBytes == 0)
        // One byte in the middle, with size and time as before; a file too many, and one too few.
        var damaged = large
        damaged[2 << 20] ^= 1
        TreeFixture.write(scratch.target + "/large", damaged)
        for path in [scratch.source, scratch.target] { TreeFixture.setTime(path + "/large", seconds: 1_000_000_000) }
        try scratch.write("target/extra", "x")
        try scratch.write("source/only here", "x")
        let before = TreeFixture.fingerprint(scratch.target)
        let pair = try TreePair(scratch.source, scratch.target, options: options)
        try pair.run(&generator)
        #expect(pair.changes == ["changed large 4", "deleted extra 0", "new only here 0"])
        #expect(TreeFixture.fingerprint(scratch.target) == before)
        #expect(pair.sender.summary.wireBytes == 0)
    }

    @Test func nothingGoesIfTheSourceCouldNotBeRead() throws {
        var generator = SeededGenerator(seed: 3)
        let scratch = try TreeScratch()
        try scratch.write("source/unreadable", "x")
        try scratch.write("target/only here", "x")
        let calls = SystemCalls { name, _ in name == .pread ? .fail(EIO) : .proceed }
        let pair = try TreePair(scratch.source, scratch.target, options: self.options(), sourceCalls: calls)
        try pair.run(&generator)
        #expect(pair.failedPaths == ["unreadable: io"])
        #expect(scratch.read("target/only here") == "x")
        #expect(pair.sender.summary.tree?.deleted == 0)
    }

    @Test func aDryRunSaysWhatARunDoesAndDoesNothing() throws {
        try withFreshSeed { generator in
            for _ in 0..<Soak.count(4, soak: 200) {
                let scratch = try TreeScratch()
                TreeFixture.make(scratch.source, entries: 40, &generator)
                try FileManager.default.removeItem(atPath: scratch.target)
                TreeFixture.make(scratch.target, entries: 40, &generator)
                let before = TreeFixture.fingerprint(scratch.target)
                let dry = try TreePair(scratch.source, scratch.target, options: self.options { $0.isDryRun = true })
                try dry.run(&generator)
                #expect(TreeFixture.fingerprint(scratch.target) == before)
                #expect(dry.sender.summary.wireBytes == 0)
                let real = try TreePair(scratch.source, scratch.target, options: self.options())
                try real.run(&generator)
                #expect(dry.changes == real.changes)
            }
        }
    }
}
