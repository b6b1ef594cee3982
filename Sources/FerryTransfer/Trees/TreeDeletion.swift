import FerryErrors
import FerryFiles

/// What is only at the receiver: found while the tree is compared, kept on disk, and removed in the end, with all that is in it
/// and is not excluded.
final class TreeDeletion {
    /// Entries looked at before others get their turn.
    private static let step = 256

    private enum Phase { case finding, counting, deleting, done }

    /// A directory that is being removed from the inside.
    private struct Level {
        let parent: OpenDirectory
        let name: [UInt8]
        let directory: OpenDirectory
        let names: NameList
        let filter: FilterLevel
        let isCache: Bool
        let device: UInt64
        /// Something in it stays, and so it does.
        var stays = false
    }

    /// A directory that stays; those on the way to where something is only here.
    private struct Place {
        let name: [UInt8]
        let directory: OpenDirectory
        let filter: FilterLevel
        /// Only its tag takes part.
        let isCache: Bool
        /// Mode and time, which it keeps; nil until something is removed from it.
        var info: FileInfo?
    }

    private let top: OpenDirectory
    private let filter: TreeFilter
    private let limit: UInt64?
    private let isDryRun: Bool
    private var spool: Spool?
    private var phase = Phase.finding
    private var levels: [Level] = []
    /// From the top to where the last one lay.
    private var places: [Place] = []
    /// `.ferryignore` files that are only here: they go last, for until then what they say counts.
    private var ignoreFiles: Spool?
    private var isAtIgnoreFiles = false
    private var counted: UInt64 = 0
    /// Things that were removed, or would be.
    private(set) var deleted: UInt64 = 0
    private var changes: [TreeChange] = []
    private var failures: [(path: [UInt8], error: FerryError)] = []

    /// - Parameters:
    ///   - top: of the tree.
    ///   - options: how it is received: what its filter leaves out stays.
    init(_ top: OpenDirectory, options: TreeReceiver.Options) {
        self.top = top
        self.filter = options.filter
        self.limit = options.maxDelete
        self.isDryRun = options.isDryRun
    }

    /// Whether there is anything to remove.
    var hasFound: Bool { self.spool != nil || self.ignoreFiles != nil }

    /// What was removed, or would be, since the last call.
    func takeChanges() -> [TreeChange] {
        defer { self.changes = [] }
        return self.changes
    }

    /// What could not be removed since the last call.
    func takeFailures() -> [(path: [UInt8], error: FerryError)] {
        defer { self.failures = [] }
        return self.failures
    }

    /// Notes something that is only here.
    ///
    /// - Parameter path: from the top of the tree.
    /// - Throws: what writing it down fails with.
    func found(_ path: [UInt8]) throws(FerryError) {
        let isIgnoreFile =
            self.filter.readsIgnoreFiles
            && path.split(separator: UInt8(ascii: "/")).last.map { $0.elementsEqual(IgnoreFile.name) } ?? false
        if isIgnoreFile {
            if self.ignoreFiles == nil { self.ignoreFiles = try Spool(beside: self.top) }
            try self.ignoreFiles?.append(path)
        } else {
            if self.spool == nil { self.spool = try Spool(beside: self.top) }
            try self.spool?.append(path)
        }
    }

    /// Does a piece of the work.
    ///
    /// - Returns: whether there is more.
    /// - Throws: `.tooManyDeletions` if there is more than the limit, before anything is removed.
    func proceed() throws(FerryError) -> Bool {
        if self.phase == .finding {
            try self.spool?.rewind()
            self.phase = self.limit == nil && !self.isDryRun ? .deleting : .counting
        }
        for _ in 0..<Self.step where self.phase != .done { try self.stepOnce() }
        return self.phase != .done
    }

    private func stepOnce() throws(FerryError) {
        guard let level = self.levels.last else {
            guard let path = try self.nextPath() else { return try self.endPass() }
            return self.begin(path)
        }
        guard let name = try level.names.next() else { return self.leaveLevel() }
        if level.isCache, name != CacheDirectory.tagName { return self.keepLevel() }
        self.visit(name, in: level.directory, level.filter, device: level.device)
    }

    private func nextPath() throws(FerryError) -> [UInt8]? {
        if !self.isAtIgnoreFiles, let path = try self.spool?.next() { return path }
        if !self.isAtIgnoreFiles {
            self.isAtIgnoreFiles = true
            try self.ignoreFiles?.rewind()
        }
        return try self.ignoreFiles?.next()
    }

    private func endPass() throws(FerryError) {
        self.leave()
        guard self.phase == .counting else {
            self.phase = .done
            return
        }
        if let limit = self.limit, self.counted > limit {
            throw FerryError(
                .tooManyDeletions,
                "\(self.counted) things would be deleted, and at most \(limit) may be: nothing was",
                remedy: "look with --dry-run, and raise --max-delete if that is what you want"
            )
        }
        guard !self.isDryRun else {
            self.phase = .done
            return
        }
        try self.spool?.rewind()
        self.isAtIgnoreFiles = false
        self.phase = .deleting
    }

    /// Begins with something that was found.
    private func begin(_ path: [UInt8]) {
        var names = path.split(separator: UInt8(ascii: "/")).map(Array.init)
        guard let name = names.popLast() else { return }
        do throws(FerryError) {
            try self.enter(names)
            guard let place = self.places.last, !place.isCache || name == CacheDirectory.tagName else { return }
            let info = try place.directory.info()
            if self.phase == .deleting, place.info == nil {
                self.places[self.places.count - 1].info = info
                if info.isOurs, info.mode & 0o200 == 0 {
                    try place.directory.setMetadata(mode: info.mode | 0o200, modified: nil)
                }
            }
            self.visit(name, in: place.directory, place.filter, device: info.device)
        } catch {
            // Its directory is gone, and it with that.
            if error.code != .notFound { self.failures.append((path, error)) }
        }
    }

    /// Opens the directories to `names`; those that are open already stay so.
    private func enter(_ names: [[UInt8]]) throws(FerryError) {
        if self.places.isEmpty {
            let filter = try self.filter.top(ignoreFile: self.top.ignoreFile(self.filter))
            let isCache = self.top.isCache(self.filter)
            self.places = [Place(name: [], directory: self.top, filter: filter, isCache: isCache)]
        }
        let common = zip(self.places.dropFirst(), names).prefix { $0.name == $1 }.count
        while self.places.count > common + 1 { self.leavePlace() }
        for name in names.dropFirst(common) {
            guard let last = self.places.last else { return }
            let directory = try last.directory.directory(name)
            let filter = try last.filter.entering(name, ignoreFile: directory.ignoreFile(self.filter))
            let isCache = directory.isCache(self.filter)
            self.places.append(Place(name: name, directory: directory, filter: filter, isCache: isCache))
        }
    }

    /// Ends, wherever it is: directories that stay get their modes and times back.
    func leave() {
        self.levels = []
        while !self.places.isEmpty { self.leavePlace() }
    }

    /// Gives a directory the mode and time back that it had before things were removed from it.
    private func leavePlace() {
        guard let place = self.places.popLast(), let before = place.info else { return }
        do throws(FerryError) {
            let now = try place.directory.info()
            try place.directory.setMetadata(
                mode: now.mode == before.mode ? nil : before.mode,
                modified: now.modified == before.modified ? nil : before.modified
            )
        } catch {
            self.failures.append((place.directory.path, error))
        }
    }

    private func visit(_ name: [UInt8], in parent: OpenDirectory, _ filter: FilterLevel, device: UInt64) {
        do throws(FerryError) {
            guard let info = try parent.info(name) else { return }
            guard !filter.excludes(name, info) else { return self.keepLevel() }
            guard info.kind == .directory else { return try self.remove(name, in: parent, isDirectory: false) }
            // Another file system in this one is none of ours.
            guard self.levels.count < TreeWalk.maximumDepth, info.device == device else { return self.keepLevel() }
            let directory = try parent.directory(name)
            let inside = try filter.entering(name, ignoreFile: directory.ignoreFile(self.filter))
            self.levels.append(
                Level(
                    parent: parent,
                    name: name,
                    directory: directory,
                    names: try directory.names(),
                    filter: inside,
                    isCache: directory.isCache(self.filter),
                    device: info.device
                )
            )
        } catch {
            self.keepLevel()
            if self.phase == .deleting { self.failures.append((parent.path(of: name), error)) }
        }
    }

    /// The directory that is being worked on has nothing more in it.
    private func leaveLevel() {
        let level = self.levels.removeLast()
        guard !level.stays else { return self.keepLevel() }
        do throws(FerryError) {
            try self.remove(level.name, in: level.parent, isDirectory: true)
        } catch {
            self.keepLevel()
            self.failures.append((level.parent.path(of: level.name), error))
        }
    }

    private func keepLevel() {
        if !self.levels.isEmpty { self.levels[self.levels.count - 1].stays = true }
    }

    private func remove(_ name: [UInt8], in parent: OpenDirectory, isDirectory: Bool) throws(FerryError) {
        self.counted += 1
        if self.phase == .counting, !self.isDryRun { return }
        if !self.isDryRun {
            do throws(FerryError) {
                try parent.remove(name, isDirectory: isDirectory)
            } catch  where error.code == .notFound {
                return
            } catch  where error.code == .notEmpty {
                // What transfers that were cut have left in it.
                return self.keepLevel()
            }
        }
        self.deleted += 1
        self.changes.append(TreeChange(path: parent.path(of: name), kind: .deleted, isDirectory: isDirectory))
    }
}
