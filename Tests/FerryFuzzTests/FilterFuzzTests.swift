import FerryErrors
import FerryFiles
import FerryTestKit
import FerryTransfer
import FerryWire
import FoundationEssentials
import Testing

/// Filters as a peer sends them: it is the first to reach this parser.
@Suite(.timeLimit(.minutes(Soak.count(2, soak: 600)))) struct FilterFuzzTests {
    private static let tokens = [
        "*", "**", "/", "**/", "/**", "?", "[", "]", "[!", "[^", "[a-", "[[:alpha:]]", "[[:", "\\", "!", "#", ".", "..",
        "\0", "\n+", "\n-", "\n=", "\u{FF}", " ",
    ]
    private static let names = ["a", "b.o", "keep", ".ferryignore", "A-z", "x y", "\u{E9}"].map { Array($0.utf8) }

    /// An input has a rule on each line, `+` before one that includes; behind `=` stand paths.
    private static func filter(_ bytes: [UInt8], _ generator: inout SeededGenerator) -> WireFilter {
        var filter = WireFilter()
        var rest = bytes[...]
        while !rest.isEmpty {
            if rest.first == UInt8(ascii: "=") {
                filter.paths = Data(rest.dropFirst())
                break
            }
            let line = rest.prefix { $0 != UInt8(ascii: "\n") }
            filter.rules.append(
                make(WireFilterRule()) {
                    $0.include = line.first == UInt8(ascii: "+")
                    $0.pattern = Data(line.dropFirst())
                }
            )
            rest = rest.dropFirst(line.count + 1)
        }
        filter.noIgnoreFiles = generator.oneIn(2)
        filter.excludeCaches = generator.oneIn(2)
        let sizes: [UInt64] = [0, 1, 200, 1 << 63, .max]
        if generator.oneIn(4) { filter.minSize = sizes[generator.below(sizes.count)] }
        if generator.oneIn(4) { filter.maxSize = sizes[generator.below(sizes.count)] }
        let times: [Int64] = [.min, -1, 0, 1_000_000_000, .max]
        if generator.oneIn(4) { filter.newerThan = times[generator.below(times.count)] }
        if generator.oneIn(4) { filter.olderThan = times[generator.below(times.count)] }
        return filter
    }

    /// Goes down through directories with names of the filter's own and others.
    private static func verdicts(_ filter: TreeFilter, _ names: [[UInt8]]) throws -> [Bool] {
        var level = try filter.top(ignoreFile: nil)
        var verdicts: [Bool] = []
        for name in names {
            verdicts += [level.excludes(name, isDirectory: false), level.excludes(name, isDirectory: true)]
            level = try level.entering(name, ignoreFile: nil)
        }
        return verdicts
    }

    @Test func aFilterIsRefusedOrDecides() throws {
        let fuzz = try Fuzz("filter", tokens: Self.tokens, maximumLength: 8192)
        var taken = 0
        try fuzz.run(mutants: 10_000) { bytes, generator in
            let wire = Self.filter(bytes, &generator)
            var twice = wire
            twice.rules += wire.rules
            do {
                let filter = try TreeFilter(wire)
                taken += 1
                let own = wire.rules.flatMap { $0.pattern.split(separator: UInt8(ascii: "/")).map { [UInt8]($0) } }
                let names = (own + Self.names).filter { (1...255).contains($0.count) && !$0.contains(0) }.shuffled(
                    using: &generator
                )
                let verdicts = try Self.verdicts(filter, Array(names.prefix(40)))
                // The last rule that matches decides, so what is said twice is said once.
                let again = try Self.verdicts(try TreeFilter(twice), Array(names.prefix(40)))
                try hold(verdicts == again, "rules that are repeated decide differently")
                try hold(
                    !wire.rules.isEmpty || !wire.paths.isEmpty || !verdicts.contains(true),
                    "a name is left out by nothing"
                )
            } catch let error as FerryError {
                try hold([.usage, .configuration].contains(error.code), "it is refused with \(error.code)")
                try Shown.judge("\(error)", "the refusal")
            }
        }
        #expect(taken > 1000)
    }

    /// A walk with a strange filter ends, and tells nothing that a walk without it would not tell.
    @Test func aWalkWithAFilterTellsNoMore() throws {
        let fuzz = try Fuzz("filter", tokens: Self.tokens, maximumLength: 8192)
        let directory = try TemporaryDirectory()
        for name in ["a", "a/keep", "a/keep/x y", "b.o"] {
            try FileManager.default.createDirectory(
                atPath: "\(directory.path)/\(name)",
                withIntermediateDirectories: true
            )
            TreeFixture.write("\(directory.path)/\(name)/file.o", Array(name.utf8))
        }
        TreeFixture.write(directory.path + "/a/.ferryignore", Array("*.o\n!keep/**\n".utf8))
        let top = try RootDirectory(path: directory.path).openTree(.root)
        var everything = TreeFilter()
        everything.readsIgnoreFiles = false
        let all = try Self.paths(TreeWalk(top, filter: everything))
        try fuzz.run(mutants: 1500) { bytes, generator in
            guard let filter = try? TreeFilter(Self.filter(bytes, &generator)) else { return }
            let told = try Self.paths(TreeWalk(top, filter: filter, tellsLeftOut: generator.oneIn(2)))
            try hold(told.isSubset(of: all), "\(told.subtracting(all)) are told of")
        }
    }

    /// What takes part; a listed path that is not there fails by itself.
    private static func paths(_ walk: TreeWalk) throws -> Set<String> {
        var paths: Set<String> = []
        var depth = 0
        while let step = try walk.next() {
            switch step {
            case .entry(let entry):
                if entry.opened != nil || entry.info.kind == .directory && entry.failure != nil { depth += 1 }
                guard !entry.isLeftOut, entry.failure == nil else { continue }
                paths.insert(Escaping.escape(entry.name.isEmpty ? [] : entry.directory.path(of: entry.name)))
            case .end: depth -= 1
            case .pause: break
            }
        }
        try hold(depth == 0, "\(depth) directories do not end")
        return paths
    }
}
