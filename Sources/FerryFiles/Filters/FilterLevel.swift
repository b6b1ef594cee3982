package import FerryErrors

/// One directory of a walk: which of its entries take part.
///
/// A value that a walk keeps for each directory on its way. What is the same as in the directory above is shared with it.
package struct FilterLevel: Sendable {
    /// Bytes of `.ferryignore` files that are in force in one directory, at most: its own and those above it.
    package static let maximumIgnoreSize = 2 << 20
    /// `.ferryignore` files with patterns that are in force in one directory, at most.
    package static let maximumIgnoreFiles = 256

    /// What is the same everywhere; a class, so that a level is small.
    private final class Shared: Sendable {
        let filter: TreeFilter

        init(_ filter: TreeFilter) { self.filter = filter }
    }

    private let shared: Shared
    /// The command's rules.
    private var commandLine: Scope?
    /// From the top down, those that still say something.
    private var ignoreFiles: [Scope] = []
    private var position: IncludedPaths.Position
    /// Whether names do not matter here: every one takes part.
    private var takesEveryName: Bool

    init(_ filter: TreeFilter) {
        self.shared = Shared(filter)
        self.commandLine = Scope(RuleList(filter.rules))
        self.position = filter.includedPaths?.start ?? .inside
        self.takesEveryName = self.commandLine == nil && self.position == .inside
    }

    /// The command's filter.
    package var filter: TreeFilter { self.shared.filter }

    /// Whether nothing is left out here; in directories below there may be a `.ferryignore`.
    package var isEmpty: Bool { self.takesEveryName && !self.shared.filter.looksAtFiles }

    /// Whether an entry is left out by its name. A link to a directory is none, and an excluded directory must not be entered.
    package func excludes(_ name: [UInt8], isDirectory: Bool) -> Bool {
        guard !self.takesEveryName else { return false }
        if self.position != .inside, let paths = self.shared.filter.includedPaths,
            !paths.includes(name, isDirectory: isDirectory, from: self.position)
        {
            return true
        }
        if let verdict = self.commandLine?.verdict(name, isDirectory: isDirectory) { return verdict }
        for index in self.ignoreFiles.indices.reversed() {
            if let verdict = self.ignoreFiles[index].verdict(name, isDirectory: isDirectory) { return verdict }
        }
        return false
    }

    /// What a list of paths says there is here.
    var listedNames: [[UInt8]] { self.shared.filter.includedPaths?.names(at: self.position) ?? [] }

    /// What a list of paths says there is in a directory in this one.
    func listedNames(below name: [UInt8]) -> [[UInt8]] {
        self.shared.filter.includedPaths.map { $0.names(at: $0.entering(name, from: self.position)) } ?? []
    }

    /// Whether a list of paths names the entry, which must be a directory if what is listed lies below it.
    func isListed(_ name: [UInt8]) -> (isListed: Bool, leadsBelow: Bool) {
        guard case .above = self.position, let paths = self.shared.filter.includedPaths else { return (false, false) }
        return switch paths.entering(name, from: self.position) {
        case .inside: (true, false)
        case .above: (true, true)
        case .outside: (false, false)
        }
    }

    /// Whether an entry is left out by its name or, if it is a regular file, by its size or time.
    package func excludes(_ name: [UInt8], _ info: FileInfo) -> Bool {
        if self.excludes(name, isDirectory: info.kind == .directory) { return true }
        return info.kind == .file && self.shared.filter.excludes(file: info)
    }

    /// The level of a directory in this one.
    ///
    /// - Parameters:
    ///   - name: of the directory, which is not excluded.
    ///   - ignoreFile: the content of its `.ferryignore`, nil if there is none; not looked at if they do not count.
    ///   - path: what that file is called in messages, escaped already; nil for what it is called from this directory.
    /// - Returns: a level that is independent of this one.
    /// - Throws: `configuration`, with file and line, if the file is past a limit or contains NUL, or if too many are in
    ///   force.
    package func entering(
        _ name: [UInt8],
        ignoreFile: [UInt8]?,
        named path: @autoclosure () -> String? = nil
    ) throws(FerryError) -> FilterLevel {
        var level = self
        if !self.takesEveryName {
            level.commandLine = self.commandLine?.entering(name)
            if self.ignoreFiles.contains(where: { !$0.isConstant }) {
                level.ignoreFiles = self.ignoreFiles.compactMap { $0.entering(name) }
            }
            if let paths = self.shared.filter.includedPaths {
                level.position = paths.entering(name, from: self.position)
            }
            level.takesEveryName =
                level.commandLine == nil && level.ignoreFiles.isEmpty && level.position == .inside
        }
        return try level.adding(ignoreFile, named: path() ?? "\(Escaping.escape(name))/.ferryignore")
    }

    /// This level with a `.ferryignore` of its directory.
    func adding(_ content: [UInt8]?, named path: @autoclosure () -> String) throws(FerryError) -> FilterLevel {
        guard let content, self.shared.filter.readsIgnoreFiles else { return self }
        let file = try IgnoreFile(content, named: path())
        guard let scope = Scope(RuleList(file.patterns, size: file.size)) else { return self }
        var level = self
        level.ignoreFiles.append(scope)
        level.takesEveryName = false
        guard level.ignoreFiles.count <= Self.maximumIgnoreFiles,
            level.ignoreFiles.reduce(0, { $0 + $1.rules.size }) <= Self.maximumIgnoreSize
        else {
            throw FerryError(
                .configuration,
                "\(path()): with those above it, more than \(Self.maximumIgnoreFiles) files or"
                    + " \(Self.maximumIgnoreSize) bytes of patterns are in force",
                remedy: "put their patterns into fewer files"
            )
        }
        return level
    }
}
