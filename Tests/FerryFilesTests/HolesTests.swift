import FerryErrors
import FerryFiles
import FerryTestKit
import Foundation
import Testing

@Suite struct HolesTests {
    private static let page = 4096

    /// One page of noise in each second of `count`.
    private func make(_ path: String, pages count: Int) {
        var generator = SeededGenerator(seed: 1)
        let data = stride(from: 1, to: count, by: 2).map { ($0 * Self.page)..<(($0 + 1) * Self.page) }
        SparseFile.make(path, size: count * Self.page, data: data, &generator)
    }

    @Test func holesArePassedOverAndDataReadUpToThem() throws {
        let scratch = try Scratch()
        self.make(scratch.full("x"), pages: 5)
        let file = try SourceFile(local: scratch.full("x"))
        var buffer = [UInt8](repeating: 0, count: 5 * Self.page)
        for _ in 0..<2 {
            #expect(try file.skipHole() == Int64(Self.page))
            #expect(try file.skipHole() == 0)
            #expect(try buffer.withUnsafeMutableBytes { try file.read(into: $0) } == Self.page)
        }
        #expect(try file.skipHole() == Int64(Self.page))
        #expect(try buffer.withUnsafeMutableBytes { try file.read(into: $0) } == 0)
        #expect(file.hasHole(at: 0, count: Self.page) && !file.hasHole(at: 0, count: Self.page + 1))
        #expect(!file.hasHole(at: .max, count: Self.page) && !file.hasHole(at: -1, count: 1))
    }

    /// A file system that does not tell of holes has everything read.
    @Test func withoutSeekingAllIsRead() throws {
        let scratch = try Scratch()
        self.make(scratch.full("x"), pages: 5)
        let calls = SystemCalls { name, _ in name == .lseek ? .fail(EINVAL) : .proceed }
        let file = try SourceFile(local: scratch.full("x"), calls: calls)
        var buffer = [UInt8](repeating: 0, count: 6 * Self.page)
        #expect(try file.skipHole() == 0)
        #expect(try buffer.withUnsafeMutableBytes { try file.read(into: $0) } == 5 * Self.page)
        #expect(!file.hasHole(at: 0, count: Self.page))
        #expect(Data(buffer[..<(5 * Self.page)]) == FileManager.default.contents(atPath: scratch.full("x")))
    }

    @Test func whatACutTransferLeftIsGivenBack() throws {
        let scratch = try Scratch()
        let name = try RelativePath("x")
        let noise = [UInt8](repeating: 7, count: 40 * Self.page)
        let left = try scratch.root().createPartial(for: name, makeParents: false, owner: "alice")
        try noise.withUnsafeBytes { try left.write($0, at: 0) }
        left.keep()
        let partial = try scratch.root().createPartial(for: name, makeParents: false, owner: "alice")
        #expect(partial.kept?.size == Int64(noise.count))
        #expect(partial.makeHole(at: 100, count: 10 * Self.page))
        #expect(partial.makeHole(at: Int64(noise.count), count: Self.page) && partial.makeHole(at: .max, count: 1))
        #expect(!partial.makeHole(at: -1, count: 1))
        try partial.publish(size: Int64(noise.count), mode: 0o644, modified: nil)
        let expected = noise[..<100] + [UInt8](repeating: 0, count: 10 * Self.page) + noise[(100 + 10 * Self.page)...]
        #expect(try Data(contentsOf: URL(fileURLWithPath: scratch.full("x"))) == Data(expected))
        #expect(SparseFile.space(scratch.full("x")) == 31 * Self.page)
    }
}
