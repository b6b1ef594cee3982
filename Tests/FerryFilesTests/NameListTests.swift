import FerryErrors
import FerryFiles
import FerryTestKit
import Foundation
import Glibc
import Synchronization
import Testing

@Suite struct NameListTests {
    /// Whatever fits memory: a few runs on disk, many, or none.
    @Test(arguments: [500, 5000, 1 << 20]) func namesComeInOrder(_ limit: Int) throws {
        let scratch = try Scratch()
        var generator = SeededGenerator(seed: 1)
        var expected: Set<[UInt8]> = []
        for number in 0..<1000 {
            let name = generator.oneIn(2) ? "\(number)" : String(repeating: "é", count: 1 + generator.below(120))
            try scratch.write(name, "")
            expected.insert(Array(name.utf8))
        }
        try scratch.write(".ferry-part.x", "")
        let list = try scratch.root().openTree(.root).names(inMemory: limit)
        var names: [[UInt8]] = []
        while let name = try list.next() { names.append(name) }
        #expect(names == expected.sorted { $0.lexicographicallyPrecedes($1) })
        #expect(try list.next() == nil)
    }

    /// A full disk is told; where no temporary file can be made all stays in memory.
    @Test(arguments: [true, false]) func whereNothingCanBeSpilled(_ isFull: Bool) throws {
        let scratch = try Scratch()
        for number in 0..<500 { try scratch.write("\(number)", "") }
        // Opening the directory to read it succeeds, making a file does not.
        let opened = Mutex(-1)
        let calls = SystemCalls { name, _ in
            if name == .pwrite { return isFull ? .fail(ENOSPC) : .proceed }
            guard name == .openat2, !isFull, opened.withLock({ $0 >= 0 }) else { return .proceed }
            return opened.withLock { count in
                count += 1
                return count > 1 ? .fail(EROFS) : .proceed
            }
        }
        let top = try scratch.root(calls: calls).openTree(.root)
        opened.withLock { $0 = 0 }
        if isFull {
            #expect(failure { _ = try top.names(inMemory: 1000) }?.code == .noSpace)
        } else {
            let list = try top.names(inMemory: 1000)
            var count = 0
            while try list.next() != nil { count += 1 }
            #expect(count == 500 && opened.withLock { $0 } == 3)
        }
    }
}
