package import FerryErrors
import FerryFiles
package import FerryObjects

/// What is looked for in snapshots.
package struct SearchQuery: Sendable {
    /// Patterns in one search, and bytes of all of them.
    package static let patternLimit = 64
    package static let patternBytes = 16 << 10

    /// The patterns as rules: what they would leave out is what is found.
    private let filter: TreeFilter
    private let ignoresCase: Bool
    /// Whether what a directory holds is found or not wherever it lies.
    let isAnywhere: Bool
    /// Kinds that are found; empty for all.
    package var kinds: Set<Entry.Kind> = []
    /// Where one of these is set, only files are found.
    package var minSize: UInt64?
    package var maxSize: UInt64?
    package var newerThan: Int64?
    package var olderThan: Int64?

    /// - Parameters:
    ///   - patterns: with the syntax of gitignore; what the last one that matches has no `!` before is found.
    ///   - ignoresCase: whether upper and lower case are the same.
    /// - Throws: `.usage` for a pattern that is none, and for too many.
    package init(_ patterns: [[UInt8]], ignoresCase: Bool = false) throws(FerryError) {
        guard !patterns.isEmpty else { throw FerryError(.usage, "there is no pattern to look for") }
        guard patterns.count <= Self.patternLimit, patterns.reduce(0, { $0 + $1.count }) <= Self.patternBytes else {
            throw FerryError(
                .usage,
                "there are more than \(Self.patternLimit) patterns, or more than \(Self.patternBytes) bytes of them"
            )
        }
        var filter = TreeFilter()
        filter.readsIgnoreFiles = false
        var isAnywhere = true
        for pattern in patterns {
            let text = ignoresCase ? Self.folded(pattern: pattern) : pattern
            try filter.exclude(text)
            if try IgnorePattern(text).isAnchored { isAnywhere = false }
        }
        self.filter = filter
        self.ignoresCase = ignoresCase
        self.isAnywhere = isAnywhere
    }

    /// The level of the top of what is looked through.
    func top() throws(FerryError) -> FilterLevel { try self.filter.top(ignoreFile: nil) }

    /// A name as patterns see it.
    func folded(_ name: [UInt8]) -> [UInt8] { self.ignoresCase ? Self.lowercased(name) : name }

    /// Whether what has a name that matches, and is no further name, is found.
    func takes(_ entry: Entry) -> Bool {
        guard self.kinds.isEmpty || self.kinds.contains(entry.kind) else { return false }
        guard self.minSize != nil || self.maxSize != nil || self.newerThan != nil || self.olderThan != nil else {
            return true
        }
        guard entry.kind == .file else { return false }
        if let least = self.minSize, entry.size < least { return false }
        if let most = self.maxSize, entry.size > most { return false }
        if let time = self.newerThan, (entry.seconds, entry.nanoseconds) <= (time, 0) { return false }
        if let time = self.olderThan, entry.seconds >= time { return false }
        return true
    }

    /// Bytes that are no UTF-8 have the case of ASCII alone.
    private static func lowercased(_ name: [UInt8]) -> [UInt8] {
        let isASCII = name.allSatisfy { $0 < 0x80 }
        if !isASCII, let text = String(validating: name, as: UTF8.self) { return Array(text.lowercased().utf8) }
        return name.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }
    }

    /// A class of one case means both.
    private static func folded(pattern: [UInt8]) -> [UInt8] {
        let (upper, lower) = (Array("[:upper:]".utf8), Array("[:lower:]".utf8))
        var text = self.lowercased(pattern)
        var index = 0
        while index + upper.count <= text.count {
            if text[index..<(index + upper.count)].elementsEqual(upper) {
                text.replaceSubrange(index..<(index + upper.count), with: lower)
            }
            index += 1
        }
        return text
    }
}
