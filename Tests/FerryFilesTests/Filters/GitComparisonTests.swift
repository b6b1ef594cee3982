import FerryFiles
import FerryTestKit
import Testing

/// Compares random patterns and paths with git itself, which has them as `.gitignore` files.
@Suite struct GitComparisonTests {
    /// A directory with ignore files at its top, in `a` and in `a/b`, and paths to ask about.
    private struct Tree {
        static let directories = ["", "a", "a/b"].map { Array($0.utf8) }

        var walk = FilterWalk()
        var paths: [[UInt8]] = []
    }

    @Test func propertyGitSaysTheSame() throws {
        let git = try GitOracle()
        let batches = Soak.count(4, soak: 200)
        var (excluded, compared) = (0, 0)
        try withFreshSeed { generator in
            for _ in 0..<batches {
                let trees = (0..<400).map { _ in self.tree(&generator) }
                let answers = try git.ignored(trees.map { ($0.walk.ignoreFiles, $0.paths) }, Tree.directories)
                for (tree, answers) in zip(trees, answers) {
                    try #require(answers.count == tree.paths.count)
                    for (path, answer) in zip(tree.paths, answers) {
                        let mine = try tree.walk.excludes(path, isDirectory: Tree.directories.contains(path))
                        #expect(
                            mine == answer,
                            "path \(shown(path)), files \(tree.walk.ignoreFiles.map { "\(shown($0)): \(shown($1))" })"
                        )
                        compared += 1
                        if answer { excluded += 1 }
                    }
                }
            }
        }
        // Patterns that never or always match would prove little.
        #expect(compared == batches * 400 * 24)
        #expect(excluded > compared / 20 && excluded < compared * 19 / 20, "\(excluded) of \(compared)")
    }

    private func tree(_ generator: inout SeededGenerator) -> Tree {
        var tree = Tree()
        for directory in Tree.directories where directory.isEmpty || generator.oneIn(4) {
            // One pattern alone says most; several show the order.
            let count = generator.oneIn(2) ? 1 : 1 + generator.below(5)
            var content: [UInt8] = generator.oneIn(10) ? [0xEF, 0xBB, 0xBF] : []
            for _ in 0..<count { content += self.line(&generator) }
            tree.walk.ignoreFiles[directory] = content
        }
        for _ in 0..<24 { tree.paths.append(self.path(&generator)) }
        return tree
    }

    private static let parts = [
        "a", "b", "a", "b", "ab", "c", "*", "*", "?", "**", "/", "/", "/**/", "**/", "/**", "**\\/", "[ab]", "[!a]",
        "[^b]", "[a-c]", "[[:alpha:]]", "[[:digit:]x]", "[[:space:]]", "[[:punct:]]", "[", "]", "[]a]", "[a-", "[:",
        "[[:a]", "[[:]", "-", "!", "^", "\\", "\\a", "\\*", "\\/", "#", " ", "\\ ", "\t", ".", "1", "A", ":", "\u{E4}",
    ]

    private func line(_ generator: inout SeededGenerator) -> [UInt8] {
        while true {
            var pattern: [UInt8] = []
            if generator.oneIn(5) { pattern += "!".utf8 }
            if generator.oneIn(6) { pattern += "/".utf8 }
            for _ in 0..<(1 + generator.below(5)) {
                pattern += Self.parts[generator.below(Self.parts.count)].utf8
                if generator.oneIn(40) { pattern.append(0xFF) }
            }
            if generator.oneIn(6) { pattern += "/".utf8 }
            if generator.oneIn(12) { pattern += "  ".utf8 }
            guard !Self.isReadDifferentlyByGit(pattern) else { continue }
            return pattern + (generator.oneIn(12) ? "\r\n" : "\n").utf8
        }
    }

    /// Whether two stars follow on a name's beginning that has nothing special in it. Git compares such a beginning by
    /// itself and then takes the stars for a whole name: `a**/b` matches `ab`, against its documentation.
    private static func isReadDifferentlyByGit(_ pattern: [UInt8]) -> Bool {
        var text = pattern[...]
        if text.first == UInt8(ascii: "!") { text = text.dropFirst() }
        guard text.dropLast().contains(UInt8(ascii: "/")) else { return false }
        let special = Array("*?[\\".utf8)
        guard let star = text.firstIndex(where: { special.contains($0) }), star > text.startIndex else { return false }
        return text[star...].starts(with: Array("**".utf8)) && text[star - 1] != UInt8(ascii: "/")
    }

    private static let names = [
        "a", "b", "a", "b", "c", "ab", "ba", "aa", "abc", "a b", "a ", " ", "*", "**", "[", "]", "[a]", "-", "!", "!a",
        "\\", "\\a", "a*", "#", "#a", "\t", ".a", "...", "1", "A", ":", "^", "\u{E4}", "a\r", "\u{B}", "~",
    ]

    private func path(_ generator: inout SeededGenerator) -> [UInt8] {
        // Often below directories that have ignore files of their own.
        var path = Tree.directories[max(0, generator.below(5) - 2)]
        for _ in 0..<(1 + generator.below(4)) {
            if !path.isEmpty { path += "/".utf8 }
            path += Self.names[generator.below(Self.names.count)].utf8
            if generator.oneIn(40) { path.append(0xFF) }
        }
        return path
    }

    private func shown(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self).debugDescription }
}
