package import FerryErrors

/// Something in a tree, as a walk finds it.
package struct TreeEntry: Sendable {
    /// Where it lies; for the top the top itself.
    package let directory: OpenDirectory
    /// Empty for the top.
    package let name: [UInt8]
    package let info: FileInfo
    /// What a symbolic link says.
    package var linkText: [UInt8] = []
    /// It takes no part: by a filter, or, of a directory, what is in it, because it lies on another file system.
    package var isLeftOut = false
    /// Why it could not be read; of a directory, why what is in it is not known.
    package var failure: FerryError?
    /// The directory itself, if it is one that could be opened.
    package var opened: OpenDirectory?

    package init(
        directory: OpenDirectory,
        name: [UInt8],
        info: FileInfo,
        linkText: [UInt8] = [],
        failure: FerryError? = nil,
        opened: OpenDirectory? = nil
    ) {
        (self.directory, self.name, self.info) = (directory, name, info)
        (self.linkText, self.failure, self.opened) = (linkText, failure, opened)
    }
}

/// Walks a tree: a directory, what is in it in the order of the names' bytes, the end of the directory.
///
/// In memory are the names of the directories on the way from the top, and nothing of what lies beside or behind. Links are
/// not followed. What is removed meanwhile is passed by; partial files are left out.
package final class TreeWalk {
    package enum Step: Sendable {
        case entry(TreeEntry)
        /// The directory that was entered last, and has not ended, ends.
        case end
        /// Much was left out, and nothing found yet.
        case pause
    }

    /// Entries that are left out, after which others get their turn.
    private static let pauseAfter = 1000

    /// Directories from the top down, each of which is held open.
    package static let maximumDepth = 512

    private struct Level {
        /// Nil for one that could not be read.
        let directory: OpenDirectory?
        let names: NameList
        let filter: FilterLevel?
        var last: [UInt8]?
    }

    private let top: OpenDirectory
    private let filter: TreeFilter
    /// The file system that is not left; nil where others are entered.
    private var device: UInt64?
    private let staysOnFileSystem: Bool
    private let tellsLeftOut: Bool
    private var levels: [Level] = []
    private var hasBegun = false

    /// - Parameters:
    ///   - top: of the tree.
    ///   - filter: which entries take part.
    ///   - staysOnFileSystem: whether directories on other file systems are told, and not entered.
    ///   - tellsLeftOut: whether what a filter leaves out is told, for a receiver that is to remove what is only there.
    package init(
        _ top: OpenDirectory,
        filter: TreeFilter = TreeFilter(),
        staysOnFileSystem: Bool = false,
        tellsLeftOut: Bool = false
    ) {
        self.tellsLeftOut = tellsLeftOut
        self.top = top
        self.filter = filter
        self.staysOnFileSystem = staysOnFileSystem
    }

    /// The next step; nil once the top has ended.
    /// - Throws: mapped errors if the top itself cannot be read, `configuration` for a bad `.ferryignore`. What else fails below
    ///   is told with its entry.
    package func next() throws(FerryError) -> Step? {
        guard self.hasBegun else {
            self.hasBegun = true
            let info = try self.top.info()
            if self.staysOnFileSystem { self.device = info.device }
            let filter = try self.filter.top(ignoreFile: self.top.ignoreFile(self.filter))
            let names = try self.names(of: self.top, and: filter.listedNames)
            self.levels = [Level(directory: self.top, names: names, filter: filter)]
            return .entry(TreeEntry(directory: self.top, name: [], info: info, opened: self.top))
        }
        var passed = 0
        while let level = self.levels.last {
            guard passed < Self.pauseAfter else { return .pause }
            passed += 1
            guard let directory = level.directory, let name = try level.names.next() else {
                self.levels.removeLast()
                return .end
            }
            // A listed one that was removed just now is there twice.
            guard name != level.last else { continue }
            self.levels[self.levels.count - 1].last = name
            if let entry = try self.entry(name, in: directory, level.filter) { return .entry(entry) }
        }
        return nil
    }

    /// Looks at an entry, and enters it if it is a directory; nil if it is gone, unless it is listed.
    private func entry(
        _ name: [UInt8],
        in directory: OpenDirectory,
        _ filter: FilterLevel?
    ) throws(FerryError) -> TreeEntry? {
        let info: FileInfo
        do throws(FerryError) {
            let (isListed, leadsBelow) = filter?.isListed(name) ?? (false, false)
            guard let found = try directory.info(name) else {
                guard isListed else { return nil }
                throw FerryError(.notFound, "\(Escaping.escape(directory.path(of: name))) is listed, and not there")
            }
            if leadsBelow, found.kind != .directory {
                let path = Escaping.escape(directory.path(of: name))
                throw FerryError(.notADirectory, "\(path) is no directory, and a listed path leads through it")
            }
            info = found
        } catch {
            return TreeEntry(directory: directory, name: name, info: .unknown, failure: error)
        }
        var entry = TreeEntry(directory: directory, name: name, info: info)
        if let filter, filter.excludes(name, info) {
            guard self.tellsLeftOut else { return nil }
            entry.isLeftOut = true
            return entry
        }
        do throws(FerryError) {
            switch info.kind {
            case .directory: try self.enter(&entry, filter)
            case .symlink: entry.linkText = try directory.linkText(name)
            case .file, .other: break
            }
        } catch {
            if error.code == .notFound { return nil }
            if error.code == .configuration { throw error }
            entry.failure = error
            if info.kind == .directory { self.levels.append(Level(directory: nil, names: NameList(), filter: nil)) }
        }
        return entry
    }

    private func enter(_ entry: inout TreeEntry, _ filter: FilterLevel?) throws(FerryError) {
        guard self.levels.count < Self.maximumDepth else {
            throw FerryError(
                .tooLarge,
                "\(Escaping.escape(entry.directory.path(of: entry.name))) lies more than \(Self.maximumDepth) directories deep"
            )
        }
        let opened = try entry.directory.directory(entry.name)
        let isElsewhere = self.device.map { $0 != entry.info.device } ?? false
        let listed = filter?.listedNames(below: entry.name) ?? []
        let names = isElsewhere ? NameList() : try self.names(of: opened, and: listed)
        let level = try filter?.entering(
            entry.name,
            ignoreFile: names.hasIgnoreFile ? opened.ignoreFile(self.filter) : nil,
            named: Escaping.escape(opened.path(of: IgnoreFile.name))
        )
        entry.opened = opened
        entry.isLeftOut = isElsewhere
        self.levels.append(Level(directory: opened, names: names, filter: level))
    }

    /// What is in a directory; of a cache only its tag.
    private func names(of directory: OpenDirectory, and listed: [[UInt8]]) throws(FerryError) -> NameList {
        guard directory.isCache(self.filter) else { return try directory.names(and: listed) }
        let tag = NameList()
        try tag.append(CacheDirectory.tagName, in: directory)
        return tag
    }
}

extension OpenDirectory {
    /// Whether it is a cache of which only the tag takes part.
    package func isCache(_ filter: TreeFilter) -> Bool {
        guard filter.skipsCacheDirectories else { return false }
        let beginning = try? self.readSmall(CacheDirectory.tagName, limit: CacheDirectory.signature.count)
        return beginning.map { CacheDirectory.isTag($0) } ?? false
    }

    /// The content of the `.ferryignore` in it; nil if there is none, or none counts.
    /// - Parameter filter: of the command.
    /// - Returns: its bytes.
    /// - Throws: what reading it fails with; one byte past the limit is enough to be refused.
    package func ignoreFile(_ filter: TreeFilter) throws(FerryError) -> [UInt8]? {
        guard filter.readsIgnoreFiles else { return nil }
        do throws(FerryError) {
            return try self.readSmall(IgnoreFile.name, limit: IgnoreFile.maximumSize + 1)
        } catch  where error.code == .notFound || error.code == .notAFile || error.code == .denied {
            return nil
        }
    }

    /// The first bytes of a file, at most `limit`.
    func readSmall(_ name: [UInt8], limit: Int) throws(FerryError) -> [UInt8] {
        let file = try self.file(name)
        var bytes = [UInt8](repeating: 0, count: min(limit, Int(clamping: file.info.size) + 1))
        var span = bytes.mutableSpan
        let count = unsafe try span.withUnsafeMutableBytes { buffer throws(FerryError) in
            unsafe try file.read(into: buffer, at: 0)
        }
        return Array(bytes.prefix(count))
    }
}
