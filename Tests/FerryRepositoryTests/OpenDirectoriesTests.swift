import FerryChunking
import FerryErrors
import FerryObjects
import FerryRepository
import FerryTestKit
import Testing

@Suite struct OpenDirectoriesTests {
    /// A directory of many files, within another one, and so on; the way down is somewhere among the files.
    private static func tree(depth: Int, files: Int, _ generator: inout SeededGenerator) -> TestTree {
        var tree = TestTree.directory([:])
        for level in 0..<depth {
            var things: [[UInt8]: TestTree] = [:]
            for number in 0..<generator.below(files) {
                things[Array("a file with a name of some length \(level * 31 % 7) \(number)".utf8)] = .file([])
            }
            let ways = [[0x21], Array("a file with a name of some length 3 5".utf8), [0x7A]]
            things[ways[generator.below(ways.count)]] = tree
            tree = .directory(things)
        }
        return tree
    }

    private static func id(_ entry: Entry) -> ChunkID? {
        if case .directory(let id) = entry.content { id } else { nil }
    }

    /// Names of all that is there, in order, each with how deep it lies.
    private static func walk(
        _ root: ChunkID,
        _ directories: OpenDirectories
    ) throws -> (names: [String], memory: Int) {
        var names: [String] = []
        var memory = 0
        var levels = [directories.open(root)]
        while let directory = levels.last {
            guard let entry = try directory.next() else {
                levels.removeLast()
                continue
            }
            memory = max(memory, directories.memory)
            names.append("\(levels.count) \(String(decoding: entry.name, as: UTF8.self))")
            if let id = Self.id(entry) { levels.append(directories.open(id)) }
        }
        return (names, memory)
    }

    private static func names(_ tree: TestTree, _ depth: Int = 1) -> [String] {
        guard case .directory(let things) = tree else { return [] }
        return things.sorted { $0.key.lexicographicallyPrecedes($1.key) }.flatMap { name, thing in
            ["\(depth) \(String(decoding: name, as: UTF8.self))"] + Self.names(thing, depth + 1)
        }
    }

    /// However little is held of what is open, all is told once and in order.
    @Test func whatIsLetGoIsReadAgain() throws {
        let fixture = try TestRepository()
        try withFreshSeed { generator in
            // With so many files a directory has several parts.
            let tree = Self.tree(depth: 40, files: 4000, &generator)
            let expected = Self.names(tree)
            try fixture.open { repository in
                var client = MiniClient(repository.writer(owner: "carol"))
                client.asks = false
                let root = try repository.snapshot(try client.backUp(tree)).root
                let all = try Self.walk(root, OpenDirectories(repository.reader(), budget: .max))
                try hold(all.names == expected, "without a budget")
                for budget in [0, all.memory / 10, all.memory / 3] {
                    let some = try Self.walk(root, OpenDirectories(repository.reader(), budget: budget))
                    try hold(some.names == expected, "with \(budget) bytes")
                    // What was read last is held in any case: a node, decoded, and what leads to it.
                    try hold(some.memory <= budget + 1 << 20, "\(some.memory) bytes are held, and may be \(budget)")
                }
                try hold(all.memory > 4 << 20, "\(all.memory) bytes are little")
            }
        }
    }
}
