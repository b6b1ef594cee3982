import FerryErrors
import FerryFiles
import FerryProtocol
import FerryTestKit
import FerryTransfer
import Foundation
import Glibc
import Synchronization
import Testing

/// Disks that fail in the middle of a tree: no file is half, and nothing has its name before it is durable.
@Suite struct TreeFaultTests {
    /// Calls in their order.
    private final class Recorder: Sendable {
        private let names = Mutex<[SystemCalls.Name]>([])
        var calls: SystemCalls {
            SystemCalls { name, _ in
                self.names.withLock { $0.append(name) }
                return .proceed
            }
        }
        var recorded: [SystemCalls.Name] { self.names.withLock { $0 } }
    }

    private func fill(_ scratch: TreeScratch) throws {
        for number in 0..<20 { try scratch.write("source/d\(number % 3)/f\(number)", "content of \(number)") }
    }

    @Test(arguments: [0, 1, 3]) func aNameIsGivenOnlyBetweenTwoSyncs(_ writers: Int) throws {
        var generator = SeededGenerator(seed: 1)
        let scratch = try TreeScratch()
        try self.fill(scratch)
        let recorder = Recorder()
        let pair = try TreePair(scratch.source, scratch.target, targetCalls: recorder.calls, writers: writers)
        try pair.run(&generator)
        let calls = recorder.recorded
        let names = calls.indices.filter { [.linkat, .renameat].contains(calls[$0]) }
        let firstName = try #require(names.first)
        // All files fit one batch here: what was written is synced, then named, then synced again.
        let firstSync = try #require(calls.firstIndex(of: .syncfs))
        let lastPwrite = try #require(calls.lastIndex(of: .pwrite))
        #expect(lastPwrite < firstSync && firstSync < firstName)
        let lastSync = try #require(calls.lastIndex(of: .syncfs))
        // Modes and times of directories come after the names in them, and are covered as well.
        #expect(try #require(names.last) < lastSync)
        #expect(try #require(calls.lastIndex(of: .futimens)) < lastSync)
    }

    @Test(arguments: [0, 1]) func aFailedSyncFailsTheTransfer(_ which: Int) throws {
        var generator = SeededGenerator(seed: 2)
        let scratch = try TreeScratch()
        try self.fill(scratch)
        let faults = FailingCalls(.syncfs, which...which, EIO)
        let pair = try TreePair(scratch.source, scratch.target, targetCalls: faults.calls)
        let error = #expect(throws: FerryError.self) { try pair.run(&generator) }
        #expect(error?.code == .inputOutput)
        let files = try FileManager.default.subpathsOfDirectory(atPath: scratch.target).filter { $0.contains("/") }
        // What the first sync covered has no name; the second one covers only names.
        if which == 0 { #expect(files.isEmpty) }
        #expect(!files.contains { $0.contains(".ferry-part.") })
    }

    /// A sync that fails is never tried again: nothing gets its name after it, whatever else has come meanwhile.
    @Test(arguments: [EIO, ENOSPC]) func nothingIsPublishedAfterAFailedSync(_ errno: Int32) throws {
        for failing in 0..<4 {
            var generator = SeededGenerator(seed: UInt64(failing))
            let scratch = try TreeScratch()
            for number in 0..<20 {
                TreeFixture.write(try scratch.place("source/f\(number)"), generator.bytes(600_000))
            }
            let state = Mutex((syncs: 0, hasFailed: false, namesAfter: 0))
            let calls = SystemCalls { name, _ in
                state.withLock { state in
                    if [.linkat, .renameat].contains(name), state.hasFailed { state.namesAfter += 1 }
                    guard name == .syncfs else { return .proceed }
                    state.syncs += 1
                    guard state.syncs == failing + 1 else { return .proceed }
                    state.hasFailed = true
                    return .fail(errno)
                }
            }
            var options = TreeReceiver.Options()
            options.batchFiles = 2
            let pair = try TreePair(scratch.source, scratch.target, options: options, targetCalls: calls)
            #expect(throws: FerryError.self) { try pair.run(&generator) }
            #expect(state.withLock { $0.namesAfter } == 0 && state.withLock { $0.hasFailed })
            let names = try FileManager.default.subpathsOfDirectory(atPath: scratch.target)
            #expect(!names.contains { $0.contains(".ferry-part.") })
        }
    }

    /// EACCES at each look at something in turn: what cannot be looked at is named, and nothing lands elsewhere.
    @Test func whatCannotBeLookedAtIsNamed() throws {
        var hits = 0
        for failing in 0..<40 {
            var generator = SeededGenerator(seed: 7)
            let scratch = try TreeScratch()
            try self.fill(scratch)
            try scratch.write("source/z", "the last")
            let faults = FailingCalls(.fstat, failing...failing, EACCES)
            let pair = try TreePair(scratch.source, scratch.target, sourceCalls: faults.calls)
            do {
                try pair.run(&generator)
                if !pair.failedPaths.isEmpty { hits += 1 }
            } catch let error as FerryError {
                // The top itself.
                #expect(error.code == .permission && failing == 0, "\(failing): \(error)")
            }
            for name in try FileManager.default.subpathsOfDirectory(atPath: scratch.target) {
                guard TreeFixture.isFile(scratch.target + "/" + name) else { continue }
                #expect(scratch.read("target/" + name) == scratch.read("source/" + name), "\(name)")
            }
        }
        #expect(hits >= 20)
    }

    /// EIO at each read of large files in turn, which are on their way then.
    @Test func aSourceThatFailsInTheMiddleEnds() throws {
        for failing in 0..<12 {
            var generator = SeededGenerator(seed: UInt64(failing))
            let scratch = try TreeScratch()
            try scratch.makeSource()
            for name in ["a", "b"] { TreeFixture.write(scratch.source + "/" + name, generator.bytes(4 << 20)) }
            let faults = FailingCalls(.pread, failing...failing, EIO)
            let pair = try TreePair(scratch.source, scratch.target, sourceCalls: faults.calls)
            try pair.run(&generator)
            #expect(pair.failedPaths.count == (faults.counted > failing ? 1 : 0))
        }
    }

    /// Thousands of files that fail at once are told as fast as the peer reads.
    @Test func manyFailuresAreToldInTime() throws {
        let scratch = try TreeScratch()
        for number in 0..<3000 { TreeFixture.write(try scratch.place("source/\(number)"), [1]) }
        var options = TreeReceiver.Options()
        options.tellsPeer = true
        let calls = SystemCalls { name, _ in [.linkat, .renameat].contains(name) ? .fail(EPERM) : .proceed }
        let pair = try TreePair(scratch.source, scratch.target, options: options, targetCalls: calls)
        // About what a problem takes, with its path and its reason.
        pair.queuedFrame = 512
        var generator = SeededGenerator(seed: 9)
        try pair.run(&generator)
        #expect(pair.failedPaths.count == 3000)
        #expect(pair.sender.summary.tree?.failed == 3000)
        #expect(pair.longestQueue < 1 << 20)
    }

    /// The same where what a cut transfer left, or an old version, is being looked through: names that wait for that are
    /// decided all the same.
    @Test func aSourceThatFailsWhileWhatIsHereIsLookedThroughEnds() throws {
        for failing in 0..<24 {
            var generator = SeededGenerator(seed: UInt64(failing))
            let scratch = try TreeScratch()
            try scratch.makeSource()
            TreeFixture.write(scratch.source + "/a", generator.bytes(12 << 20))
            if failing % 2 == 0 {
                try TreePair(scratch.source, scratch.target).cut(after: 8 << 20, &generator)
            } else {
                let old = try #require(FileManager.default.contents(atPath: scratch.source + "/a"))
                TreeFixture.write(scratch.target + "/a", [1, 2, 3] + old)
            }
            let faults = FailingCalls(.pread, (failing / 2)...(failing / 2), EIO)
            let pair = try TreePair(scratch.source, scratch.target, sourceCalls: faults.calls)
            pair.isEager = true
            try pair.run(&generator)
            #expect(pair.failedPaths == (faults.counted > failing / 2 ? ["a: io"] : []))
        }
    }

    /// A further name of a file that could not come is not given to the old file.
    @Test func aLinkToWhatFailedFails() throws {
        var generator = SeededGenerator(seed: 8)
        let scratch = try TreeScratch()
        try scratch.write("source/a", "new")
        try FileManager.default.linkItem(atPath: scratch.source + "/a", toPath: scratch.source + "/b")
        try scratch.write("target/a", "old")
        try scratch.write("target/b", "other")
        let calls = SystemCalls { name, _ in name == .fchmod ? .fail(EPERM) : .proceed }
        let pair = try TreePair(scratch.source, scratch.target, targetCalls: calls)
        try pair.run(&generator)
        #expect(pair.failedPaths.contains("a: permission") && pair.failedPaths.contains("b: not-found"))
        #expect(scratch.read("target/a") == "old" && scratch.read("target/b") == "other")
    }

    /// ENOSPC at each write in turn.
    @Test func aFullDiskLeavesWholeFilesOnly() throws {
        var generator = SeededGenerator(seed: 3)
        for failing in 0..<20 {
            let scratch = try TreeScratch()
            try self.fill(scratch)
            let faults = FailingCalls(.pwrite, failing..., ENOSPC)
            let pair = try TreePair(scratch.source, scratch.target, targetCalls: faults.calls)
            let error = #expect(throws: FerryError.self) { try pair.run(&generator) }
            #expect(error?.code == .noSpace)
            for name in try FileManager.default.subpathsOfDirectory(atPath: scratch.target) {
                guard TreeFixture.isFile(scratch.target + "/" + name) else { continue }
                #expect(scratch.read("target/" + name) == scratch.read("source/" + name), "\(name)")
            }
            // With room again the same transfer finishes.
            let again = try TreePair(scratch.source, scratch.target)
            try again.run(&generator)
            #expect(try TreeFixture.differences(scratch.source, scratch.target) == "")
        }
    }

    /// EACCES for some files: the others arrive.
    @Test func whatCannotBeMadeIsNamedAndTheRestGoesOn() throws {
        var generator = SeededGenerator(seed: 4)
        let scratch = try TreeScratch()
        try self.fill(scratch)
        let faults = FailingCalls(.fchmod, ..<3, EPERM)
        let pair = try TreePair(scratch.source, scratch.target, targetCalls: faults.calls)
        try pair.run(&generator)
        #expect(pair.failedPaths.count == 3 && pair.failedPaths.allSatisfy { $0.hasSuffix(": permission") })
        let arrived = try FileManager.default.subpathsOfDirectory(atPath: scratch.target)
        #expect(arrived.filter { $0.contains("/") }.count == 17)
    }

    @Test func aFileThatChangesWhileItIsReadIsNeverAMixture() throws {
        var generator = SeededGenerator(seed: 5)
        let scratch = try TreeScratch()
        try scratch.makeSource()
        let path = scratch.source + "/changing"
        TreeFixture.write(path, [UInt8](repeating: 1, count: 3 << 20))
        // Each time that a part of it has been read, all of it becomes something else; in the end it is left alone.
        let changes = Mutex(0)
        let calls = SystemCalls { name, _ in
            if name == .pread {
                let number = changes.withLock { count in
                    count += 1
                    return count
                }
                if number == 2 || number == 5 {
                    TreeFixture.write(path, [UInt8](repeating: UInt8(number), count: 3 << 20))
                }
            }
            return .proceed
        }
        let pair = try TreePair(scratch.source, scratch.target, sourceCalls: calls)
        try pair.run(&generator)
        #expect(pair.failedPaths.isEmpty)
        let received = try Data(contentsOf: URL(fileURLWithPath: scratch.target + "/changing"))
        #expect(received == Data(repeating: 5, count: 3 << 20))
        #expect(try TreeFixture.differences(scratch.source, scratch.target) == "")
    }

    @Test func aFileThatNeverStaysTheSameIsNamed() throws {
        var generator = SeededGenerator(seed: 6)
        let scratch = try TreeScratch()
        try scratch.write("source/good", "good")
        let path = scratch.source + "/restless"
        TreeFixture.write(path, [UInt8](repeating: 0, count: 2 << 20))
        try scratch.write("target/restless", "old")
        let count = Mutex(UInt8(0))
        let calls = SystemCalls { name, _ in
            if name == .pread {
                let number = count.withLock { count in
                    count &+= 1
                    return count
                }
                TreeFixture.write(path, [UInt8](repeating: number, count: 2 << 20))
            }
            return .proceed
        }
        let pair = try TreePair(scratch.source, scratch.target, sourceCalls: calls)
        try pair.run(&generator)
        #expect(pair.failedPaths == ["restless: source-changed"])
        #expect(scratch.read("target/restless") == "old")
        #expect(scratch.read("target/good") == "good")
    }
}
