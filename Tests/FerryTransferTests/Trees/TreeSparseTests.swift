import FerryErrors
import FerryFiles
import FerryProtocol
import FerryTestKit
import FerryTransfer
import Foundation
import Testing

/// Holes of a tree's files stay holes, of whatever length.
@Suite struct TreeSparseTests {
    private static let sizes = [0, 1, 4095, 4096, 12_289, 60_000, 65_536, 200_000, 262_145, 1_500_000, 5_000_001]

    private func make(_ scratch: TreeScratch, _ generator: inout SeededGenerator) throws {
        try scratch.makeSource()
        for size in Self.sizes {
            let longest = [1, 4, 60, 400][generator.below(4)]
            SparseFile.make("\(scratch.source)/\(size)", size: size, longest: longest, &generator)
        }
    }

    private func expectEqual(_ scratch: TreeScratch) throws {
        #expect(try TreeFixture.differences(scratch.source, scratch.target) == "")
        for size in Self.sizes {
            #expect(SparseFile.differences("\(scratch.source)/\(size)", "\(scratch.target)/\(size)") == "")
        }
    }

    @Test func holesOfAnyPatternStayWhereTheyAre() throws {
        try withFreshSeed { generator in
            for _ in 0..<Soak.count(6, soak: 200) {
                let scratch = try TreeScratch()
                try self.make(scratch, &generator)
                let pair = try TreePair(scratch.source, scratch.target)
                try pair.run(&generator)
                try self.expectEqual(scratch)
                // Over versions with other holes.
                try self.make(scratch, &generator)
                var options = TreeReceiver.Options()
                options.comparesContent = generator.oneIn(2)
                try TreePair(scratch.source, scratch.target, options: options).run(&generator)
                try self.expectEqual(scratch)
                options.verifies = true
                let verified = try TreePair(scratch.source, scratch.target, options: options)
                try verified.run(&generator)
                #expect(verified.changes == [])
            }
        }
    }

    /// What a cut transfer left has data where there are holes now.
    @Test func holesOverWhatACutTransferLeft() throws {
        var generator = SeededGenerator(seed: 1)
        let scratch = try TreeScratch()
        try scratch.makeSource()
        let path = scratch.source + "/file"
        TreeFixture.write(path, generator.bytes(6 << 20))
        try TreePair(scratch.source, scratch.target).cut(after: 5 << 20, &generator)
        SparseFile.make(path, size: 6 << 20, longest: 100, &generator)
        let pair = try TreePair(scratch.source, scratch.target)
        try pair.run(&generator)
        #expect(try TreeFixture.differences(scratch.source, scratch.target) == "")
        #expect(SparseFile.differences(path, scratch.target + "/file") == "")
    }

    /// Where the file system makes no holes, zeros travel.
    @Test func withoutHolesZerosAreWritten() throws {
        var generator = SeededGenerator(seed: 2)
        let scratch = try TreeScratch()
        try scratch.makeSource()
        let path = scratch.source + "/file"
        TreeFixture.write(path, generator.bytes(3 << 20))
        try TreePair(scratch.source, scratch.target).cut(after: 2 << 20, &generator)
        SparseFile.make(path, size: 3 << 20, longest: 100, &generator)
        let calls = SystemCalls { name, _ in name == .fallocate ? .fail(EOPNOTSUPP) : .proceed }
        try TreePair(scratch.source, scratch.target, targetCalls: calls).run(&generator)
        #expect(try TreeFixture.differences(scratch.source, scratch.target) == "")
    }
}
