import FerryErrors
import FerryFiles
import Glibc
import Testing

@Suite struct DirectoryListingTests {
    private func names(_ root: RootDirectory, _ path: RelativePath) throws -> [String] {
        var names: [String] = []
        try root.list(path) { name, _ in
            names.append(String(decoding: name, as: UTF8.self))
            return true
        }
        return names.sorted()
    }

    @Test func listsKindsAndSizesButNoPartials() throws {
        let scratch = try Scratch()
        try scratch.write("file", "12345")
        try scratch.write(".hidden", "")
        try scratch.makeDirectory("directory")
        try scratch.link("dangling", to: "/nowhere")
        let root = try scratch.root()
        let partial = try root.createPartial(for: RelativePath("x"), makeParents: false)
        var seen: [String: FileInfo] = [:]
        try root.list(.root) { name, info in
            seen[String(decoding: name, as: UTF8.self)] = info
            return true
        }
        #expect(
            seen.mapValues(\.kind) == ["file": .file, ".hidden": .file, "directory": .directory, "dangling": .symlink]
        )
        #expect(seen["file"]?.size == 5)
        partial.discard()
    }

    /// More entries than one buffer holds.
    @Test func listsManyLongNames() throws {
        let scratch = try Scratch()
        let expected = (0..<1000).map { "\($0)".padded(to: 255) }.sorted()
        for name in expected { close(creat(scratch.full(name), 0o600)) }
        #expect(try self.names(scratch.root(), .root) == expected)
    }

    @Test func stopsWhenTold() throws {
        let scratch = try Scratch()
        for name in ["a", "b", "c"] { try scratch.write(name, "") }
        var count = 0
        try scratch.root().list(.root) { _, _ in
            count += 1
            return count < 2
        }
        #expect(count == 2)
    }

    @Test func passesOnWhatTheBodyThrows() throws {
        let scratch = try Scratch()
        try scratch.write("a", "")
        let root = try scratch.root()
        let error = failure {
            try root.list(.root) { _, _ throws(FerryError) in throw FerryError(.cancelled, "enough") }
        }
        #expect(error?.code == .cancelled)
    }

    @Test func skipsAnEntryThatIsGone() throws {
        let scratch = try Scratch()
        try scratch.write("a", "")
        let script = CallScript { _, name in name == .fstat ? .fail(ENOENT) : .proceed }
        #expect(try self.names(scratch.root(calls: script.calls), .root) == [])
    }

    /// A directory that could not be read to its end is never taken for a shorter one.
    @Test func reportsAFailingDirectory() throws {
        let scratch = try Scratch()
        try scratch.write("a", "")
        let script = CallScript { index, name in name == .getdents && index > 2 ? .fail(EIO) : .proceed }
        let root = try scratch.root(calls: script.calls)
        #expect(failure { _ = try self.names(root, .root) }?.code == .inputOutput)
        #expect(failure { _ = try self.names(root, RelativePath("a")) }?.code == .notADirectory)
        #expect(failure { _ = try self.names(root, RelativePath("none")) }?.code == .notFound)
    }
}

extension String {
    fileprivate func padded(to count: Int) -> String { self + String(repeating: "x", count: count - self.utf8.count) }
}
