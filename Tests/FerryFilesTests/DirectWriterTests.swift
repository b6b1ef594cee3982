import FerryErrors
import FerryFiles
import Foundation
import Glibc
import Synchronization
import Testing

/// Large files are written past the page cache in aligned blocks; what they hold must not depend on it.
@Suite struct DirectWriterTests {
    /// O_DIRECT, which Swift's C library hides; asked of the kernel so that it holds on every processor.
    private static func isDirect(_ descriptor: Int32) -> Bool {
        let text = try? String(contentsOfFile: "/proc/self/fdinfo/\(descriptor)", encoding: .utf8)
        let flags = text?.split(separator: "\n").first { $0.hasPrefix("flags:") }?.split(separator: "\t").last
        guard let flags, let value = UInt64(flags, radix: 8) else { return false }
        #if arch(arm64)
        return value & 0o200000 != 0
        #else
        return value & 0o40000 != 0
        #endif
    }

    private static func calls(failingDirectWith errno: Int32?, _ seen: Counter) -> SystemCalls {
        SystemCalls { name, descriptor in
            guard name == .pwrite, Self.isDirect(descriptor) else { return .proceed }
            seen.add()
            return errno.map { .fail($0) } ?? .proceed
        }
    }

    final class Counter: Sendable {
        private let value = Atomic(0)
        func add() { self.value.add(1, ordering: .relaxed) }
        var count: Int { self.value.load(ordering: .relaxed) }
    }

    private struct Generator {
        var state: UInt64
        mutating func next(_ bound: Int) -> Int {
            self.state = self.state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(self.state >> 33) % bound
        }
    }

    @Test(arguments: [nil, EINVAL])
    func contentDoesNotDependOnTheWay(_ errno: Int32?) throws {
        let seed = UInt64.random(in: .min ... .max)
        print("seed \(seed)")
        var generator = Generator(state: seed)
        let scratch = try Scratch()
        let seen = Counter()
        let root = try scratch.root(calls: Self.calls(failingDirectWith: errno, seen))
        let length = 9 << 20
        let content = (0..<length).map { _ in UInt8(truncatingIfNeeded: generator.next(256)) }
        let partial = try root.createPartial(for: RelativePath("x"), makeParents: false)
        // The first block is large, so that direct writing is tried; then in order, with jumps ahead that are filled
        // in later, and with reads in between, as repeats within a file cause.
        var later: [Range<Int>] = []
        var position = 0
        while position < length {
            let end = min(length, position + 1 + (position == 0 ? 1 << 20 : generator.next(700_000)))
            if position > 0, generator.next(8) == 0 {
                later.append(position..<end)
            } else {
                try self.write(partial, content, position..<end)
                if generator.next(10) == 0 { try self.check(partial, content, position..<end) }
            }
            position = end
        }
        for range in later { try self.write(partial, content, range) }
        try partial.publish(size: Int64(length), mode: 0o644, modified: nil)
        #expect(try Array(Data(contentsOf: URL(filePath: scratch.full("x")))) == content)
        // One refusal is enough to give it up.
        #expect(errno == nil || seen.count <= 1)
    }

    @Test(arguments: [(ENOSPC, FerryError.Code.noSpace), (EIO, .inputOutput)])
    func aFailureIsReportedAndLeavesTheOldFile(_ errno: Int32, _ code: FerryError.Code) throws {
        let scratch = try Scratch()
        try scratch.write("x", "old")
        let seen = Counter()
        let root = try scratch.root(calls: Self.calls(failingDirectWith: errno, seen))
        let content = [UInt8](repeating: 7, count: 3 << 20)
        let failed = failure {
            let partial = try root.createPartial(for: RelativePath("x"), makeParents: false)
            try self.write(partial, content, 0..<content.count)
            try partial.publish(size: Int64(content.count), mode: 0o644, modified: nil)
        }
        // Where the file system knows no O_DIRECT there is nothing to fail.
        #expect((seen.count > 0) == scratch.takesDirectWrites)
        #expect(seen.count == 0 ? failed == nil : failed?.code == code)
        #expect(seen.count == 0 || scratch.read("x") == "old")
        #expect(scratch.names() == ["x"])
    }

    /// What lies on page boundaries, in memory as in the file, is written from where it lies: whatever follows.
    @Test(arguments: [nil, EINVAL])
    func alignedBytesAreWrittenFromWhereTheyLie(_ errno: Int32?) throws {
        let seed = UInt64.random(in: .min ... .max)
        print("seed \(seed)")
        var generator = Generator(state: seed)
        let scratch = try Scratch()
        let seen = Counter()
        let root = try scratch.root(calls: Self.calls(failingDirectWith: errno, seen))
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 9 << 20, alignment: 4096)
        defer { memory.deallocate() }
        for index in memory.indices { memory[index] = UInt8(truncatingIfNeeded: generator.next(256)) }
        let partial = try root.createPartial(for: RelativePath("x"), makeParents: false)
        var position = 0
        while position < memory.count {
            // Whole chunks, an end within a page, small ones that are collected, and whole ones again.
            let step = [256 << 10, 1 << 20, 300_001, 4096, 100][generator.next(5)]
            let end = min(memory.count, position + step)
            try partial.write(UnsafeRawBufferPointer(rebasing: memory[position..<end]), at: Int64(position))
            position = end
        }
        try partial.publish(size: Int64(memory.count), mode: 0o644, modified: nil)
        #expect(try Array(Data(contentsOf: URL(filePath: scratch.full("x")))) == Array(memory))
        #expect(errno == nil || seen.count <= 1)
    }

    /// Four writes for four chunks; collecting would make one.
    @Test func aChunkThatLiesAlignedIsOneWrite() throws {
        let scratch = try Scratch()
        let seen = Counter()
        let root = try scratch.root(calls: Self.calls(failingDirectWith: nil, seen))
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
        defer { memory.deallocate() }
        memory.initializeMemory(as: UInt8.self, repeating: 7)
        let partial = try root.createPartial(for: RelativePath("x"), makeParents: false)
        for start in stride(from: 0, to: memory.count, by: 256 << 10) {
            let chunk = UnsafeRawBufferPointer(rebasing: memory[start..<(start + 256 << 10)])
            try partial.write(chunk, at: Int64(start))
        }
        try partial.publish(size: Int64(memory.count), mode: 0o644, modified: nil)
        #expect(seen.count == (scratch.takesDirectWrites ? 4 : 0))
    }

    private func write(_ partial: PartialFile, _ content: [UInt8], _ range: Range<Int>) throws {
        try content[range].withUnsafeBytes { try partial.write($0, at: Int64(range.lowerBound)) }
    }

    private func check(_ partial: PartialFile, _ content: [UInt8], _ range: Range<Int>) throws {
        var buffer = [UInt8](repeating: 0, count: range.count)
        let count = try buffer.withUnsafeMutableBytes { try partial.read(into: $0, at: Int64(range.lowerBound)) }
        #expect(count == range.count && buffer == Array(content[range]))
    }
}

extension Scratch {
    /// Whether files here can be opened for writing past the page cache.
    var takesDirectWrites: Bool {
        #if arch(arm64)
        let direct: Int32 = 0o200000
        #else
        let direct: Int32 = 0o40000
        #endif
        let descriptor = open(self.full("probe"), O_WRONLY | O_CREAT | direct, 0o600)
        defer { unlink(self.full("probe")) }
        guard descriptor >= 0 else { return false }
        close(descriptor)
        return true
    }
}
