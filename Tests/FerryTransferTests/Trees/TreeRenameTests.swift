import FerryErrors
import FerryFiles
import FerryProtocol
import FerryTestKit
import FerryTransfer
import Foundation
import Glibc
import Testing

/// What was only renamed does not travel.
@Suite struct TreeRenameTests {
    private func transfer(
        _ scratch: TreeScratch,
        _ generator: inout SeededGenerator,
        deletes: Bool = true
    ) throws -> TransferSummary {
        var options = TreeReceiver.Options()
        options.deletes = deletes
        let pair = try TreePair(scratch.source, scratch.target, options: options)
        try pair.run(&generator)
        #expect(pair.failedPaths == [])
        #expect(try TreeFixture.differences(scratch.source, scratch.target) == "" || !deletes)
        return pair.receiver.summary
    }

    private func rename(_ scratch: TreeScratch, _ old: String, _ new: String) {
        #expect(Glibc.rename(scratch.source + "/" + old, scratch.source + "/" + new) == 0)
    }

    /// Small and large files, within moved directories and moved one by one, and one that took the other's name.
    @Test func renamedFilesDoNotTravel() throws {
        try withFreshSeed { generator in
            let scratch = try TreeScratch()
            for number in 0..<300 {
                let path = try scratch.place("source/\(number % 7)/sub/f\(number)")
                TreeFixture.write(path, generator.bytes(1 + generator.below(20_000)))
            }
            for name in ["large", "larger"] {
                TreeFixture.write(scratch.source + "/" + name, generator.bytes(2_000_000 + generator.below(1_000_000)))
            }
            let first = try self.transfer(scratch, &generator)
            #expect(first.savedBytes == 0)
            for number in 0..<5 { self.rename(scratch, "\(number)", "moved \(number)") }
            self.rename(scratch, "6/sub/f6", "alone")
            self.rename(scratch, "large", "swap")
            self.rename(scratch, "larger", "large")
            self.rename(scratch, "swap", "5/larger")
            let second = try self.transfer(scratch, &generator)
            // `large` has another file's content now: its old version is looked through, and the other file is not.
            let replaced = UInt64(3_000_000)
            #expect(second.wireBytes < replaced + 10_000)
            #expect(second.savedBytes + replaced > second.bytes)
        }
    }

    /// Equal sizes and times are a hint: content decides.
    @Test func filesOfOneSizeAndTimeAreToldApart() throws {
        try withFreshSeed { generator in
            let scratch = try TreeScratch()
            for number in 0..<40 {
                let path = try scratch.place("source/old/f\(number)")
                TreeFixture.write(path, generator.bytes(100_000))
                TreeFixture.setTime(path, seconds: 1_700_000_000)
            }
            _ = try self.transfer(scratch, &generator)
            self.rename(scratch, "old", "new")
            // Another file with that size, time and beginning.
            var bytes = try Array(Data(contentsOf: URL(fileURLWithPath: scratch.source + "/new/f3")))
            bytes[99_999] ^= 1
            let other = try scratch.place("source/more/f3")
            TreeFixture.write(other, bytes)
            TreeFixture.setTime(other, seconds: 1_700_000_000)
            let summary = try self.transfer(scratch, &generator)
            #expect(summary.wireBytes < 110_000 && summary.wireBytes > 0)
        }
    }

    @Test func aTableFindsWhatWasPutIn() throws {
        try withFreshSeed { generator in
            let scratch = try TreeScratch()
            let table = try FileTable(beside: RootDirectory(path: scratch.target).openTree(.root))
            var expected: [Int64: [[UInt8]]] = [:]
            for number in 0..<20_000 {
                let size = Int64(generator.below(8000))
                let path = Array("d/\(number)".utf8)
                try table.insert(path, size: size, modified: Timestamp(seconds: size, nanoseconds: 5))
                expected[size, default: []].append(path)
            }
            #expect(table.count == 20_000)
            for (size, there) in expected {
                let time = Timestamp(seconds: size, nanoseconds: 5)
                let found = try table.files([], size: size, modified: time)
                #expect(found.count == min(there.count, 8) && Set(found).isSubset(of: Set(there)), "\(size)")
                for path in there {
                    let named = try table.files(Array(path.dropFirst(2)), size: size, modified: time)
                    #expect(named.first == path && Set(named).count == named.count)
                }
                #expect(try table.files([], size: size, modified: Timestamp(seconds: size, nanoseconds: 6)) == [])
            }
        }
    }

    /// A checkout may give all its files one time, and many have one size.
    @Test func manyOfOneSizeAndTimeAreFoundByTheirNames() throws {
        let scratch = try TreeScratch()
        let table = try FileTable(beside: RootDirectory(path: scratch.target).openTree(.root))
        let time = Timestamp(seconds: 1)
        for number in 0..<20_000 { try table.insert(Array("x/\(number)".utf8), size: 5, modified: time) }
        for number in stride(from: 0, to: 20_000, by: 777) {
            let name = Array("\(number)".utf8)
            #expect(try table.files(name, size: 5, modified: time).first == Array("x/".utf8) + name)
        }
        #expect(try table.files([], size: 5, modified: time).count == 8)
    }
}
