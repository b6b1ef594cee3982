package import FerryErrors
package import FerryFiles

/// Walks what a backup holds: the directories that lead to each path that was asked for, and all that is in these.
///
/// Everything is told from the root directory, in the order of the names' bytes, so that a path in the snapshot is the path on
/// the machine.
package final class BackupWalk {
    /// A directory on the way to some of the paths: what of it is told.
    private struct Level {
        let directory: OpenDirectory
        /// Paths beneath it, each from here, sorted.
        var paths: ArraySlice<ArraySlice<[UInt8]>>
    }

    private let filter: TreeFilter
    private let staysOnFileSystem: Bool
    private let root: OpenDirectory
    private var paths: [[[UInt8]]]
    private var levels: [Level] = []
    private var tree: (walk: TreeWalk, name: [UInt8], parent: OpenDirectory)?
    private var hasBegun = false

    /// - Parameters:
    ///   - paths: absolute, without links on the way to their last components.
    ///   - filter: which entries take part; its patterns count from each path.
    ///   - staysOnFileSystem: whether directories on other file systems are told, and not entered.
    /// - Throws: mapped errors if the root directory cannot be opened.
    package init(_ paths: [[UInt8]], filter: TreeFilter, staysOnFileSystem: Bool) throws(FerryError) {
        self.filter = filter
        self.staysOnFileSystem = staysOnFileSystem
        self.root = try RootDirectory(path: "/").openTree(.root)
        let components = paths.map { $0.split(separator: UInt8(ascii: "/")).map(Array.init) }
        let sorted = components.sorted { $0.lexicographicallyPrecedes($1, by: { $0.lexicographicallyPrecedes($1) }) }
        // What lies beneath another one is told with it.
        self.paths = sorted.reduce(into: []) { kept, path in
            if let last = kept.last, path.starts(with: last) { return }
            kept.append(path)
        }
    }

    /// The next step; nil once the root directory has ended.
    ///
    /// - Throws: mapped errors if what was asked for is not there or cannot be read.
    package func next() throws(FerryError) -> TreeWalk.Step? {
        guard self.hasBegun else {
            self.hasBegun = true
            if self.paths.first?.isEmpty ?? true { return try self.enter(self.root, [], self.root) }
            self.levels = [Level(directory: self.root, paths: self.paths.map { $0[...] }[...])]
            return .entry(TreeEntry(directory: self.root, name: [], info: try self.root.info(), opened: self.root))
        }
        if let tree = self.tree {
            if let step = try tree.walk.next() { return step }
            self.tree = nil
        }
        guard let level = self.levels.last else { return nil }
        guard let path = level.paths.first, let name = path.first else {
            self.levels.removeLast()
            return .end
        }
        let same = level.paths.prefix { $0.first == name }
        self.levels[self.levels.count - 1].paths = level.paths.dropFirst(same.count)
        return try self.step(name, in: level.directory, same.map { $0.dropFirst() }[...])
    }

    private func step(
        _ name: [UInt8],
        in directory: OpenDirectory,
        _ beneath: ArraySlice<ArraySlice<[UInt8]>>
    ) throws(FerryError) -> TreeWalk.Step {
        guard let info = try directory.info(name) else {
            throw FerryError(.notFound, "/\(Escaping.escape(directory.path(of: name))) does not exist")
        }
        let isAskedFor = beneath.first?.isEmpty ?? true
        var entry = TreeEntry(directory: directory, name: name, info: info)
        guard info.kind == .directory else {
            guard isAskedFor else {
                throw FerryError(.notADirectory, "/\(Escaping.escape(directory.path(of: name))) is not a directory")
            }
            if info.kind == .symlink { entry.linkText = try directory.linkText(name) }
            return .entry(entry)
        }
        let opened = try directory.directory(name)
        if isAskedFor { return try self.enter(opened, name, directory) }
        self.levels.append(Level(directory: opened, paths: beneath))
        entry.opened = opened
        return .entry(entry)
    }

    /// Begins with a tree that was asked for; its top is told by its name.
    private func enter(
        _ opened: OpenDirectory,
        _ name: [UInt8],
        _ parent: OpenDirectory
    ) throws(FerryError) -> TreeWalk.Step {
        let walk = TreeWalk(opened, filter: self.filter, staysOnFileSystem: self.staysOnFileSystem)
        guard case .entry(let top) = try walk.next() else {
            throw FerryError(.internalError, "a tree has no top")
        }
        self.tree = (walk, name, parent)
        return .entry(TreeEntry(directory: parent, name: name, info: top.info, opened: opened))
    }
}
