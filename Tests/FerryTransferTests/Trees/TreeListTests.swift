import FerryErrors
import FerryFiles
import FerryTestKit
import FerryTransfer
import Foundation
import Testing

/// `--from FILE`: what is listed and not there is named, and everything else arrives.
@Suite struct TreeListTests {
    private let generator = SeededGenerator(seed: 17)

    private func filter(_ list: String) throws -> TreeFilter {
        var filter = TreeFilter()
        filter.includedPaths = try IncludedPaths(Array(list.utf8), named: "list")
        return filter
    }

    @Test(arguments: [false, true]) func whatIsMissingIsNamed(_ deletes: Bool) throws {
        var generator = self.generator
        let scratch = try TreeScratch()
        try scratch.makeSource()
        for path in ["a/x", "a/y", "b", "c/d/e", "z"] { try scratch.write("source/\(path)", path) }
        try scratch.write("target/only", "there")
        var options = TreeReceiver.Options()
        options.deletes = deletes
        let list = "a/x\na/gone\nb/below\nc\nmissing/deep\nc/d/none\n0\n"
        let pair = try TreePair(scratch.source, scratch.target, options: options, filter: self.filter(list))
        try pair.run(&generator)
        // What lies below a listed directory is not looked for one by one.
        #expect(
            pair.failedPaths == ["0: not-found", "a/gone: not-found", "b: not-a-directory", "missing: not-found"]
        )
        for path in ["a/x", "c/d/e", "only"] {
            #expect(FileManager.default.fileExists(atPath: "\(scratch.target)/\(path)"), "\(path)")
        }
        for path in ["a/y", "b", "z", "missing"] {
            #expect(!FileManager.default.fileExists(atPath: "\(scratch.target)/\(path)"), "\(path)")
        }
    }

    @Test func aListOfWhatIsThereFailsNothing() throws {
        var generator = self.generator
        let scratch = try TreeScratch()
        try scratch.makeSource()
        for path in ["a/x", "b", "c/d/e"] { try scratch.write("source/\(path)", path) }
        let pair = try TreePair(scratch.source, scratch.target, filter: self.filter("./a/x\nb\nc/d\n\n"))
        try pair.run(&generator)
        #expect(pair.failedPaths == [])
        #expect(try TreeFixture.differences(scratch.source, scratch.target) == "")
    }
}
