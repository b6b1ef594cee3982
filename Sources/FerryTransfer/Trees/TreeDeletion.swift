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
        var next = 0
        /// Something in it stays, and so it does.
        var stays = false
    }

    /// A directory that stays, and in which something is only here.
    private struct Place {
        let path: ArraySlice<UInt8>
        let directory: OpenDirectory
        let filter: FilterLevel
        /// Mode and time, which it keeps.
        let info: FileInfo
    }

    private let top: OpenDirectory
    private let filter: TreeFilter
    private let limit: UInt64?
    private let isDryRun: Bool
    private var spool: Spool
    private var phase = Phase.finding
    private var levels: [Level] = []
    /// The directory that the last one lay in, and its filter.
    private var place: Place?
    private var counted: UInt64 = 0
    /// Things that were removed, or would be.
    private(set) var deleted: UInt64 = 0
    private let report: (TreeChange) -> Void
    private let failed: ([UInt8], FerryError) -> Void

    /// - Parameters:
    ///   - top: of the tree.
    ///   - filter: what it leaves out stays.
    ///   - limit: if there would be more to remove, nothing is.
    ///   - isDryRun: whether nothing is removed.
    ///   - report: told of each thing that is removed, or would be.
    ///   - failed: told of each that could not be.
    /// - Throws: what making a temporary file fails with.
    init(
        _ top: OpenDirectory,
        filter: TreeFilter,
        limit: UInt64?,
        isDryRun: Bool,
        report: @escaping (TreeChange) -> Void,
        failed: @escaping ([UInt8], FerryError) -> Void
    ) throws(FerryError) {
        self.top = top
        self.filter = filter
        self.limit = limit
        self.isDryRun = isDryRun
        self.report = report
        self.failed = failed
        self.spool = try Spool(beside: top)
    }

    /// Notes something that is only here.
    ///
    /// - Parameter path: from the top of the tree.
    /// - Throws: what writing it down fails with.
    func found(_ path: [UInt8]) throws(FerryError) { try self.spool.append(path) }

    /// Does a piece of the work.
    ///
    /// - Returns: whether there is more.
    /// - Throws: `.tooManyDeletions` if there is more than the limit, before anything is removed.
    func proceed() throws(FerryError) -> Bool {
        if self.phase == .finding {
            try self.spool.rewind()
            self.phase = self.limit == nil && !self.isDryRun ? .deleting : .counting
        }
        for _ in 0..<Self.step where self.phase != .done { try self.stepOnce() }
        return self.phase != .done
    }

    private func stepOnce() throws(FerryError) {
        guard let level = self.levels.last else {
            guard let path = try self.spool.next() else {
                self.leavePlace()
                return try self.endPass()
            }
            return self.begin(path)
        }
        guard level.next < level.names.count else { return self.leave() }
        let name = level.names[level.next]
        self.levels[self.levels.count - 1].next += 1
        self.visit(name, in: level.directory, level.filter)
    }

    private func endPass() throws(FerryError) {
        guard self.phase == .counting, !self.isDryRun else {
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
        try self.spool.rewind()
        self.phase = .deleting
    }

    /// Begins with something that was found.
    private func begin(_ path: [UInt8]) {
        let slash = path.lastIndex(of: UInt8(ascii: "/"))
        let parent = slash.map { path[..<$0] } ?? []
        do throws(FerryError) {
            if self.place?.path != parent {
                self.leavePlace()
                self.place = try self.enter(parent)
            }
            guard let place = self.place else { return }
            self.visit(Array(path[(slash.map { $0 + 1 } ?? 0)...]), in: place.directory, place.filter)
        } catch {
            // Its directory is gone, and it with that.
            if error.code != .notFound { self.failed(path, error) }
        }
    }

    private func enter(_ path: ArraySlice<UInt8>) throws(FerryError) -> Place {
        var directory = self.top
        var filter = try self.filter.top(ignoreFile: directory.ignoreFile(directory.names(), self.filter))
        for name in path.split(separator: UInt8(ascii: "/")).map(Array.init) {
            directory = try directory.directory(name)
            filter = try filter.entering(name, ignoreFile: directory.ignoreFile(directory.names(), self.filter))
        }
        let info = try directory.info()
        if self.phase == .deleting, info.isOurs, info.mode & 0o200 == 0 {
            try directory.setMetadata(mode: info.mode | 0o200, modified: nil)
        }
        return Place(path: path, directory: directory, filter: filter, info: info)
    }

    /// Gives a directory the mode and time back that it had before things were removed from it.
    private func leavePlace() {
        guard let place = self.place else { return }
        self.place = nil
        guard self.phase == .deleting else { return }
        do throws(FerryError) {
            let now = try place.directory.info()
            try place.directory.setMetadata(
                mode: now.mode == place.info.mode ? nil : place.info.mode,
                modified: now.modified == place.info.modified ? nil : place.info.modified
            )
        } catch {
            self.failed(Array(place.path), error)
        }
    }

    private func visit(_ name: [UInt8], in parent: OpenDirectory, _ filter: FilterLevel) {
        do throws(FerryError) {
            guard let info = try parent.info(name) else { return }
            guard !filter.excludes(name, info) else { return self.keepLevel() }
            guard info.kind == .directory else { return try self.remove(name, in: parent, isDirectory: false) }
            guard self.levels.count < TreeWalk.maximumDepth else { return self.keepLevel() }
            let directory = try parent.directory(name)
            let names = try directory.names()
            let inside = try filter.entering(name, ignoreFile: directory.ignoreFile(names, self.filter))
            self.levels.append(Level(parent: parent, name: name, directory: directory, names: names, filter: inside))
        } catch {
            self.keepLevel()
            if self.phase == .deleting { self.failed(parent.path(of: name), error) }
        }
    }

    /// The directory that is being worked on has nothing more in it.
    private func leave() {
        let level = self.levels.removeLast()
        guard !level.stays else { return self.keepLevel() }
        do throws(FerryError) {
            try self.remove(level.name, in: level.parent, isDirectory: true)
        } catch {
            self.keepLevel()
            self.failed(level.parent.path(of: level.name), error)
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
        self.report(TreeChange(path: parent.path(of: name), kind: .deleted, isDirectory: isDirectory))
    }
}
