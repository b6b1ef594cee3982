import FerryErrors
import FerryFiles
import FerryProtocol
import FerryTestKit
import FerryTransfer
import Foundation
import Glibc
import Synchronization
import Testing

/// Small files that are made by other threads than the one that receives them.
@Suite struct TreeWritersTests {
    /// Which threads wrote, and how many at once at most.
    private final class Watch: Sendable {
        private let state = Mutex((threads: Set<pthread_t>(), writing: 0, most: 0))

        var calls: SystemCalls {
            SystemCalls { name, _ in
                if name == .pwrite { self.state.withLock { _ = $0.threads.insert(pthread_self()) } }
                return .proceed
            }
        }
        var threads: Set<pthread_t> { self.state.withLock { $0.threads } }
    }

    private func fill(_ scratch: TreeScratch, _ generator: inout SeededGenerator) throws {
        for number in 0..<400 {
            TreeFixture.write(
                try scratch.place("source/d\(number % 7)/f\(number)"),
                generator.bytes(generator.below(60_000))
            )
        }
    }

    @Test(arguments: [0, 1, 4]) func smallFilesAreMadeByAsManyThreadsAsAreAskedFor(_ writers: Int) throws {
        var generator = SeededGenerator(seed: UInt64(writers))
        let scratch = try TreeScratch()
        try self.fill(scratch, &generator)
        let watch = Watch()
        let pair = try TreePair(scratch.source, scratch.target, targetCalls: watch.calls, writers: writers)
        try pair.run(&generator)
        #expect(try TreeFixture.differences(scratch.source, scratch.target) == "")
        // Who receives writes nothing itself if there are others.
        #expect(watch.threads.contains(pthread_self()) == (writers == 0))
    }

    /// One write in turn fails: of one file, which is named, or of all that would follow.
    @Test(arguments: [EACCES, ENOSPC, EIO]) func aFileThatCannotBeMadeIsNamed(_ errno: Int32) throws {
        for failing in 0..<8 {
            var generator = SeededGenerator(seed: UInt64(failing))
            let scratch = try TreeScratch()
            try self.fill(scratch, &generator)
            let faults = FailingCalls(errno == EACCES ? .fchmod : .pwrite, (failing * 40)...(failing * 40), errno)
            let pair = try TreePair(scratch.source, scratch.target, targetCalls: faults.calls)
            if errno == EACCES {
                try pair.run(&generator)
                #expect(pair.failedPaths.count == 1, "\(failing): \(pair.failedPaths)")
            } else {
                let error = #expect(throws: FerryError.self) { try pair.run(&generator) }
                #expect(error?.code == (errno == EIO ? .inputOutput : .noSpace))
            }
            // What has its name is whole.
            for name in try FileManager.default.subpathsOfDirectory(atPath: scratch.target) {
                guard TreeFixture.isFile(scratch.target + "/" + name) else { continue }
                #expect(scratch.read("target/" + name) == scratch.read("source/" + name), "\(name)")
            }
        }
    }

    /// A transfer that is cut while files are being made: those that came whole are there, and nothing else.
    @Test func whatIsBeingMadeWhenTheLinkBreaksIsThere() throws {
        for round in 0..<12 {
            var generator = SeededGenerator(seed: UInt64(round))
            let scratch = try TreeScratch()
            try self.fill(scratch, &generator)
            let pair = try TreePair(scratch.source, scratch.target)
            try pair.cut(after: UInt64(1 + round * 900_000), &generator)
            var files = 0
            for name in try FileManager.default.subpathsOfDirectory(atPath: scratch.target) {
                #expect(!name.contains(".ferry-part."))
                guard TreeFixture.isFile(scratch.target + "/" + name) else { continue }
                files += 1
                #expect(scratch.read("target/" + name) == scratch.read("source/" + name), "\(name)")
            }
            #expect(files > 0)
            let again = try TreePair(scratch.source, scratch.target)
            try again.run(&generator)
            #expect(try TreeFixture.differences(scratch.source, scratch.target) == "")
        }
    }

    /// A further name of a file is given when that is there, although it is made elsewhere.
    @Test func furtherNamesWaitForTheirFiles() throws {
        var generator = SeededGenerator(seed: 5)
        let scratch = try TreeScratch()
        try self.fill(scratch, &generator)
        for number in 0..<400 {
            let file = "source/d\(number % 7)/f\(number)"
            try FileManager.default.linkItem(
                atPath: try scratch.place(file),
                toPath: try scratch.place("source/e/\(number)")
            )
        }
        let pair = try TreePair(scratch.source, scratch.target)
        try pair.run(&generator)
        #expect(pair.failedPaths == [])
        #expect(try TreeFixture.differences(scratch.source, scratch.target) == "")
        for number in 0..<400 {
            var (one, other) = (stat(), stat())
            #expect(unsafe stat(scratch.target + "/d\(number % 7)/f\(number)", &one) == 0)
            #expect(unsafe stat(scratch.target + "/e/\(number)", &other) == 0)
            #expect(one.st_ino == other.st_ino)
        }
    }
}
