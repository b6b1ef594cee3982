package import FerryErrors

/// What a command says about which entries of a tree take part.
///
/// Rules are asked from the last to the first, and the first that matches decides; only if none does, the `.ferryignore`
/// files decide, the deepest first. An excluded directory is not entered, so nothing in it can be included again.
package struct TreeFilter: Sendable {
    private(set) var rules: [IgnorePattern] = []

    /// Whether files named ``IgnoreFile/name`` are heeded where they lie.
    package var readsIgnoreFiles = true
    /// Smaller regular files are left out.
    package var minSize: Int64?
    /// Larger regular files are left out.
    package var maxSize: Int64?
    /// Regular files that were changed at this time or before are left out.
    package var newerThan: Timestamp?
    /// Regular files that were changed at this time or after are left out.
    package var olderThan: Timestamp?
    /// Whether directories with a ``CacheDirectory`` tag are left out; it is the walker that reads the tag.
    package var skipsCacheDirectories = false
    /// If there is a list, only what it names takes part, and of that only what nothing else leaves out.
    package var includedPaths: IncludedPaths?

    /// A filter that leaves nothing out but for `.ferryignore` files.
    package init() {}

    /// Adds `--exclude PATTERN` behind the rules before it.
    ///
    /// - Parameter pattern: relative to the top of the tree; with an exclamation mark it includes.
    /// - Throws: `usage` if it is too long or can never match.
    package mutating func exclude(_ pattern: some Collection<UInt8>) throws(FerryError) {
        self.rules.append(try IgnorePattern(pattern))
    }

    /// Adds `--include PATTERN`: an exclusion that is negated.
    ///
    /// - Parameter pattern: relative to the top of the tree; with an exclamation mark it excludes.
    /// - Throws: `usage` if it is too long or can never match.
    package mutating func include(_ pattern: some Collection<UInt8>) throws(FerryError) {
        self.rules.append(try IgnorePattern(pattern).negated)
    }

    /// Adds `--exclude-from FILE`: its patterns, relative to the top of the tree, in their order.
    package mutating func exclude(from file: IgnoreFile) { self.rules += file.patterns }

    /// Adds `--include-from FILE`: its patterns negated, relative to the top of the tree, in their order.
    package mutating func include(from file: IgnoreFile) { self.rules += file.patterns.map(\.negated) }

    /// Whether it leaves nothing out in a tree without `.ferryignore` files.
    package var isEmpty: Bool {
        self.rules.isEmpty && self.includedPaths == nil && !self.skipsCacheDirectories && !self.looksAtFiles
    }

    /// Whether sizes or times matter.
    var looksAtFiles: Bool {
        self.minSize != nil || self.maxSize != nil || self.newerThan != nil || self.olderThan != nil
    }

    /// Whether a regular file is left out for its size or its time.
    func excludes(file: FileInfo) -> Bool {
        if let least = self.minSize, file.size < least { return true }
        if let most = self.maxSize, file.size > most { return true }
        if let time = self.newerThan, !time.isBefore(file.modified) { return true }
        if let time = self.olderThan, !file.modified.isBefore(time) { return true }
        return false
    }

    /// The level of the tree's top.
    ///
    /// - Parameters:
    ///   - ignoreFile: the content of its `.ferryignore`, nil if there is none; not looked at if they do not count.
    ///   - path: what that file is called in messages, escaped already.
    /// - Returns: from which all others are entered.
    /// - Throws: `configuration`, with file and line, if the file is past a limit or contains NUL.
    package func top(
        ignoreFile: [UInt8]?,
        named path: @autoclosure () -> String = ".ferryignore"
    ) throws(FerryError) -> FilterLevel {
        try FilterLevel(self).adding(ignoreFile, named: path())
    }
}

extension Timestamp {
    fileprivate func isBefore(_ other: Timestamp) -> Bool {
        (self.seconds, self.nanoseconds) < (other.seconds, other.nanoseconds)
    }
}
