import FerryErrors
import FerryFiles
import FerryProtocol
import FerryTestKit
import FerryTransfer
import FerryWire
import Foundation
import Glibc
import Testing

/// Whole trees from one directory to another, in every order that the two sides may come to act in.
@Suite struct TreeTransferTests {
    private func transfer(
        _ scratch: TreeScratch,
        _ generator: inout SeededGenerator,
        options: TreeReceiver.Options = TreeReceiver.Options(),
        limits: FrameLimits = FrameLimits()
    ) throws -> TreePair {
        let pair = try TreePair(scratch.source, scratch.target, options: options, limits: limits)
        try pair.run(&generator)
        return pair
    }

    @Test func anyTreeArrivesExactlyAndASecondRunTouchesNothing() throws {
        try withFreshSeed { generator in
            for _ in 0..<Soak.count(8, soak: 400) {
                let scratch = try TreeScratch()
                TreeFixture.make(scratch.source, entries: 4 + generator.below(120), &generator)
                let limits = FrameLimits(nameWindow: generator.oneIn(2) ? 16 : 4096)
                var options = TreeReceiver.Options()
                if generator.oneIn(2) { options.batchFiles = 1 + generator.below(5) }
                let first = try self.transfer(scratch, &generator, options: options, limits: limits)
                #expect(first.failedPaths.isEmpty, "\(first.failedPaths)")
                #expect(try TreeFixture.differences(scratch.source, scratch.target) == "")
                let before = TreeFixture.fingerprint(scratch.target)
                let second = try self.transfer(scratch, &generator)
                #expect(second.sender.summary.tree?.changed == 0)
                #expect(second.sender.summary.wireBytes == 0)
                let touched = Set(TreeFixture.fingerprint(scratch.target)).symmetricDifference(before)
                #expect(touched == [])
            }
        }
    }

    @Test func aTreeOverAnotherOneLeavesWhatIsOnlyThere() throws {
        try withFreshSeed { generator in
            for _ in 0..<Soak.count(4, soak: 200) {
                let scratch = try TreeScratch()
                TreeFixture.make(scratch.source, entries: 60, &generator)
                _ = try self.transfer(scratch, &generator)
                try scratch.write("target/only here/file", "stays")
                // Each file gets another time and a byte more, or only another time.
                let files = try FileManager.default.subpathsOfDirectory(atPath: scratch.source).sorted()
                for name in files {
                    let path = scratch.source + "/" + name
                    guard TreeFixture.isFile(path), let data = FileManager.default.contents(atPath: path) else {
                        continue
                    }
                    if generator.oneIn(2) { TreeFixture.write(path, Array(data) + [7]) }
                }
                let again = try self.transfer(scratch, &generator)
                #expect(again.failedPaths.isEmpty)
                #expect(scratch.read("target/only here/file") == "stays")
                try FileManager.default.removeItem(atPath: scratch.target + "/only here")
                // The top's time is that of before the removal.
                let differences = try TreeFixture.differences(scratch.source, scratch.target)
                #expect(differences == "" || differences == ".d..t...... ./\n")
            }
        }
    }

    @Test func whatWasOnlyTouchedDoesNotTravel() throws {
        var generator = SeededGenerator(seed: 1)
        let scratch = try TreeScratch()
        try scratch.makeSource()
        TreeFixture.write(scratch.source + "/small", generator.bytes(5000))
        TreeFixture.write(scratch.source + "/large", generator.bytes(3 << 20))
        _ = try self.transfer(scratch, &generator)
        for name in ["small", "large"] { TreeFixture.setTime(scratch.source + "/" + name, seconds: 1, nanoseconds: 2) }
        let again = try self.transfer(scratch, &generator)
        #expect(again.sender.summary.tree?.changed == 2)
        #expect(again.sender.summary.wireBytes == 0)
        #expect(try TreeFixture.differences(scratch.source, scratch.target) == "")
    }

    /// What a transfer that was cut left of a large file is looked through, and does not travel again.
    @Test func aCutTreeGoesOnWithinItsFiles() throws {
        var generator = SeededGenerator(seed: 9)
        let scratch = try TreeScratch()
        try scratch.makeSource()
        for name in ["a", "b"] { TreeFixture.write(scratch.source + "/" + name, generator.bytes(6 << 20)) }
        let first = try TreePair(scratch.source, scratch.target)
        try first.cut(after: 9 << 20, &generator)
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.target).contains("a"))
        let second = try TreePair(scratch.source, scratch.target)
        try second.run(&generator)
        #expect(try TreeFixture.differences(scratch.source, scratch.target) == "")
        #expect(second.sender.summary.savedBytes >= 2 << 20)
        #expect(second.sender.summary.wireBytes <= 4 << 20)
    }

    /// Blocks of many tiny chunks: their headers are to fit a frame.
    @Test func manyTinyFilesArrive() throws {
        var generator = SeededGenerator(seed: 10)
        let scratch = try TreeScratch()
        for number in 0..<6000 {
            TreeFixture.write(try scratch.place("source/\(number % 3)/\(number)"), generator.bytes(10))
        }
        let pair = try self.transfer(scratch, &generator)
        #expect(pair.failedPaths == [] && pair.sender.summary.tree?.changed == 6000)
        #expect(try TreeFixture.differences(scratch.source, scratch.target) == "")
    }

    /// A cut while what is there is still being looked through must not cost what is there.
    @Test func aResumeThatIsCutAgainKeepsWhatItHas() throws {
        var generator = SeededGenerator(seed: 11)
        let scratch = try TreeScratch()
        try scratch.makeSource()
        TreeFixture.write(scratch.source + "/a", generator.bytes(24 << 20))
        try TreePair(scratch.source, scratch.target).cut(after: 16 << 20, &generator)
        try TreePair(scratch.source, scratch.target).cut(after: 6 << 20, &generator)
        let last = try self.transfer(scratch, &generator)
        #expect(last.sender.summary.savedBytes >= 15 << 20)
        #expect(try TreeFixture.differences(scratch.source, scratch.target) == "")
    }

    /// However few names fit the window, an old version is found.
    @Test func aNarrowWindowStillFindsOldVersions() throws {
        var generator = SeededGenerator(seed: 12)
        let scratch = try TreeScratch()
        try scratch.makeSource()
        for number in 0..<40 {
            let old = generator.bytes(600_000)
            TreeFixture.write(try scratch.place("target/f\(number)"), old)
            TreeFixture.write(try scratch.place("source/f\(number)"), [1, 2, 3] + old)
        }
        let pair = try self.transfer(scratch, &generator, limits: FrameLimits(nameWindow: 16))
        #expect(pair.sender.summary.wireBytes < 40 * 150_000)
        #expect(try TreeFixture.differences(scratch.source, scratch.target) == "")
    }

    @Test func aChecksumFindsWhatSizeAndTimeHide() throws {
        var generator = SeededGenerator(seed: 2)
        let scratch = try TreeScratch()
        try scratch.write("source/file", "one")
        try scratch.write("target/file", "two")
        for path in [scratch.source, scratch.target] { TreeFixture.setTime(path + "/file", seconds: 1_000_000_000) }
        _ = try self.transfer(scratch, &generator)
        #expect(scratch.read("target/file") == "two")
        var options = TreeReceiver.Options()
        options.comparesContent = true
        _ = try self.transfer(scratch, &generator, options: options)
        #expect(scratch.read("target/file") == "one")
    }

    @Test func aFileTakesThePlaceOfALinkAndADirectoryThatOfAFile() throws {
        var generator = SeededGenerator(seed: 3)
        let scratch = try TreeScratch()
        try scratch.write("source/was a link", "file")
        try scratch.write("source/was a file/inside", "x")
        try scratch.write("source/was a link to a directory/inside", "y")
        try scratch.write("outside/inside", "untouched")
        try scratch.write("outside/file", "untouched")
        try scratch.write("target/was a file", "old")
        #expect(symlink("../outside/file", scratch.target + "/was a link") == 0)
        #expect(symlink("../outside", scratch.target + "/was a link to a directory") == 0)
        let pair = try self.transfer(scratch, &generator)
        #expect(pair.failedPaths.isEmpty)
        #expect(try TreeFixture.differences(scratch.source, scratch.target) == "")
        #expect(scratch.read("outside/inside") == "untouched" && scratch.read("outside/file") == "untouched")
    }

    @Test func aFileInThePlaceOfADirectoryIsNamedAndTheRestGoesOn() throws {
        var generator = SeededGenerator(seed: 4)
        let scratch = try TreeScratch()
        try scratch.write("source/taken", "a file")
        try scratch.write("source/z", "the rest")
        try scratch.write("target/taken/inside", "stays")
        let pair = try self.transfer(scratch, &generator)
        #expect(pair.failedPaths == ["taken: not-a-file"])
        #expect(pair.receiver.summary.tree?.failed == 1)
        #expect(scratch.read("target/taken/inside") == "stays")
        #expect(scratch.read("target/z") == "the rest")
    }

    @Test(arguments: [TreeWalk.maximumDepth - 1, TreeWalk.maximumDepth]) func aTreeMayBeDeep(_ depth: Int) throws {
        var generator = SeededGenerator(seed: 5)
        let scratch = try TreeScratch()
        try scratch.makeSource()
        // Its paths are far longer than the kernel takes.
        #expect(self.nest(scratch.source, depth) == depth)
        let pair = try self.transfer(scratch, &generator)
        #expect(self.depth(scratch.target) == min(depth, TreeWalk.maximumDepth - 1))
        #expect(pair.failedPaths.count == (depth < TreeWalk.maximumDepth ? 0 : 1))
        // The one that is too deep is named.
        #expect(pair.sender.summary.tree?.failed == (depth < TreeWalk.maximumDepth ? 0 : 1))
    }

    private static let longName = String(repeating: "d", count: 100)

    private func nest(_ path: String, _ depth: Int) -> Int {
        var directory = open(path, O_RDONLY | O_DIRECTORY)
        var done = 0
        while done < depth, mkdirat(directory, Self.longName, 0o755) == 0 {
            let next = openat(directory, Self.longName, O_RDONLY | O_DIRECTORY)
            close(directory)
            directory = next
            done += 1
        }
        close(directory)
        return done
    }

    private func depth(_ path: String) -> Int {
        var directory = open(path, O_RDONLY | O_DIRECTORY)
        var done = 0
        while case let next = openat(directory, Self.longName, O_RDONLY | O_DIRECTORY), next >= 0 {
            close(directory)
            directory = next
            done += 1
        }
        close(directory)
        return done
    }

    /// With `--checksum` content decides, and what is equal is not touched.
    @Test func comparingContentTouchesOnlyWhatDiffers() throws {
        try withFreshSeed { generator in
            for isDryRun in [true, false] {
                let scratch = try TreeScratch()
                try scratch.makeSource()
                for (name, length) in [("small", 900), ("middle", 200_000), ("large", 1_500_000), ("empty", 0)] {
                    for kind in ["same", "other"] {
                        let path = scratch.source + "/\(kind) \(name)"
                        TreeFixture.write(path, generator.bytes(length))
                        TreeFixture.setTime(path, seconds: 1_700_000_000)
                    }
                }
                _ = try self.transfer(scratch, &generator)
                for name in ["small", "middle", "large"] {
                    let path = scratch.target + "/other \(name)"
                    var bytes = try Array(Data(contentsOf: URL(fileURLWithPath: path)))
                    bytes[bytes.count - 1] ^= 1
                    TreeFixture.write(path, bytes)
                    TreeFixture.setTime(path, seconds: 1_700_000_000)
                }
                let before = TreeFixture.fingerprint(scratch.target).filter { $0.contains("same") }
                var options = TreeReceiver.Options()
                (options.comparesContent, options.reports, options.isDryRun) = (true, true, isDryRun)
                let pair = try self.transfer(scratch, &generator, options: options)
                #expect(pair.changes == ["large", "middle", "small"].map { "changed other \($0) 4" })
                #expect(TreeFixture.fingerprint(scratch.target).filter { $0.contains("same") } == before)
                let names = try FileManager.default.contentsOfDirectory(atPath: scratch.target)
                #expect(names.count == 8, "\(names)")
                if !isDryRun { #expect(try TreeFixture.differences(scratch.source, scratch.target) == "") }
            }
        }
    }
}
