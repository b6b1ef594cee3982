import ArgumentParser
import FerryErrors
import FerryFiles
import FerryServer
import FerryWire
import FoundationEssentials

/// Which part of a tree a command is about (Docs/filters.md).
struct FilterOptions: ParsableArguments {
    /// The largest filter that goes to a daemon: it must fit one frame with the rest of the request.
    private static let wireLimit = 48 << 10

    @Option(
        help: ArgumentHelp(
            "Leave out what matches, as in .gitignore. Of several rules the last decides.",
            valueName: "pattern"
        )
    )
    var exclude: [String] = []

    @Option(help: ArgumentHelp("Take what matches, though a rule before it leaves it out.", valueName: "pattern"))
    var include: [String] = []

    @Option(help: ArgumentHelp("The same with each line of a file.", valueName: "file"))
    var excludeFrom: [String] = []

    @Option(help: ArgumentHelp("The same with each line of a file.", valueName: "file"))
    var includeFrom: [String] = []

    @Option(
        help: ArgumentHelp(
            "Take only the paths that a file lists, one a line or each ended by a NUL.",
            valueName: "file"
        )
    )
    var from: String?

    @Option(
        help: ArgumentHelp("Take files of this size or more: 500, 64KiB or 10M.", valueName: "size"),
        transform: Self.size
    )
    var minSize: Int64?

    @Option(help: ArgumentHelp("Take files up to this size.", valueName: "size"), transform: Self.size)
    var maxSize: Int64?

    @Option(
        help: ArgumentHelp(
            "Take files changed since then: a span such as 7d or 12h, or a time as of a snapshot: yesterday, 2026-01-31T12:00.",
            valueName: "time"
        ),
        transform: { try MomentArgument($0).past }
    )
    var newerThan: Int64?

    @Option(
        help: ArgumentHelp("Take files changed before then.", valueName: "time"),
        transform: { try MomentArgument($0).past }
    )
    var olderThan: Int64?

    @Flag(help: "Leave out what is in directories with a CACHEDIR.TAG.")
    var excludeCaches = false

    @Flag(help: "Do not go into other file systems.")
    var oneFileSystem = false

    @Flag(help: "Pay no heed to .ferryignore files.")
    var noIgnoreFiles = false

    /// The filter as it travels, which says everything.
    ///
    /// - Parameter arguments: of the command line, where the order of rules is.
    /// - Returns: all but what its defaults say.
    /// - Throws: `.usage` and `.configuration` for rules that are none, and what reading files fails with.
    func wire(_ arguments: [String] = RawArguments.current) throws(FerryError) -> WireFilter {
        var filter = WireFilter()
        for (option, value) in Self.inOrder(arguments) {
            let isInclude = option.hasPrefix("--include")
            if option.hasSuffix("-from") {
                let file = try IgnoreFile(
                    Self.read(value, limit: IgnoreFile.maximumSize),
                    named: RawArguments.shown(value)
                )
                for pattern in file.patterns where pattern.canMatch {
                    filter.rules.append(.with(pattern.text, isInclude: isInclude))
                }
            } else {
                filter.rules.append(.with(RawArguments.bytes(value), isInclude: isInclude))
            }
        }
        filter.noIgnoreFiles = self.noIgnoreFiles
        filter.excludeCaches = self.excludeCaches
        filter.oneFileSystem = self.oneFileSystem
        if let size = self.minSize { filter.minSize = UInt64(size) }
        if let size = self.maxSize { filter.maxSize = UInt64(size) }
        if let time = self.newerThan { filter.newerThan = time }
        if let time = self.olderThan { filter.olderThan = time }
        if let from = self.from {
            let content = try Self.read(from, limit: IncludedPaths.maximumSize)
            let paths = try IncludedPaths(content, named: RawArguments.shown(from)).paths
            // An empty list is a list all the same.
            filter.paths = Data(paths.isEmpty ? [0] : paths.flatMap { $0.bytes + [0] })
        }
        return filter
    }

    /// Refuses a filter that is too long for a request.
    ///
    /// - Throws: `.usage`.
    static func check(_ filter: WireFilter) throws(FerryError) {
        let bytes = filter.rules.reduce(filter.paths.count) { $0 + $1.pattern.count + 8 }
        guard bytes <= self.wireLimit else {
            throw FerryError(
                .usage,
                "the rules take \(bytes) bytes, and a request to a server no more than \(self.wireLimit)",
                remedy: "use fewer or wider rules, or a .ferryignore file in the tree"
            )
        }
    }

    /// The rules in the order in which they stand on the command line: the parser keeps that only for each option.
    static func inOrder(_ arguments: [String]) -> [(option: String, value: String)] {
        let options: Set<String> = ["--exclude", "--include", "--exclude-from", "--include-from"]
        var found: [(String, String)] = []
        var rest = arguments.prefix { $0 != "--" }[...]
        while let argument = rest.popFirst() {
            if options.contains(argument), let value = rest.popFirst() {
                found.append((argument, value))
            } else if let equals = argument.firstIndex(of: "="), options.contains(String(argument[..<equals])) {
                found.append((String(argument[..<equals]), String(argument[argument.index(after: equals)...])))
            }
        }
        return found
    }

    private static func read(_ path: String, limit: Int) throws(FerryError) -> [UInt8] {
        try Directories.readFile(RawArguments.bytes(path), limit: limit)
    }

    static func size(_ text: String) throws(FerryError) -> Int64 {
        let isShort = text.last.map { "KMGT".contains($0) } ?? false
        guard let size = Quantities.size(isShort ? text + "iB" : text) else {
            throw FerryError(
                .usage,
                "'\(Escaping.escape(text))' is no size",
                remedy: "write bytes as 500, 64KiB or 10M"
            )
        }
        return Int64(size)
    }
}

extension WireFilterRule {
    fileprivate static func with(_ pattern: [UInt8], isInclude: Bool) -> WireFilterRule {
        var rule = WireFilterRule()
        rule.pattern = Data(pattern)
        rule.include = isInclude
        return rule
    }
}
