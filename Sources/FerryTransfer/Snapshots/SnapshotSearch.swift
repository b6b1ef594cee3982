package import FerryChunking
package import FerryErrors
import FerryFiles
package import FerryObjects

/// Looks for names in snapshots, one after another, and tells what each has otherwise than the one before it.
///
/// What is the same directory as in the snapshot before is not read, nor is what is known to hold nothing: so the work for
/// a series of backups is that of the first one and of what has changed in the others. It holds no results.
package final class SnapshotSearch {
    /// Something that was found.
    package struct Hit {
        /// From the snapshot's top.
        package let path: [UInt8]
        /// Never a further name.
        package let entry: Entry
        /// What it has in common with hits of other snapshots that are the same.
        package let version: ChunkID
    }

    package enum Event {
        /// It is in this snapshot; if something was found at its path in the one before, that is not.
        case found(Hit)
        /// What was found at this path in the snapshot before is not in this one.
        case gone([UInt8])
        /// This could not be looked through.
        case failed([UInt8], FerryError)
        /// Nothing, but that it took a while.
        case pause
    }

    private struct Level {
        let filter: FilterLevel
        /// By which the directory is remembered if nothing is found in it.
        let key: ChunkID?
        var isFruitful = false
    }

    /// Work after which others get their turn; an entry counts as 1.
    private static let pauseAfter = 2000
    /// What reading a directory's first part counts as.
    private static let directoryCost = 200

    private let query: SearchQuery
    private let entryLimit: Int
    private var entriesLeft: Int
    private var fruitless: FruitlessNodes
    private var pair = TreePair(old: nil, new: nil)
    private var contents: (old: (any SnapshotContent)?, new: (any SnapshotContent)?) = (nil, nil)
    private var top: ChunkID?
    private var base: [UInt8] = []
    private var levels: [Level] = []
    private var events: [Event] = []
    private var work = 0
    /// Directories that were read; for tests.
    package private(set) var directoriesRead = 0

    /// - Parameters:
    ///   - query: what is looked for.
    ///   - memory: how many directories without a hit are remembered.
    ///   - entryLimit: how many entries are looked at in all snapshots together; one may tell of a directory in very many places.
    package init(_ query: SearchQuery, memory: Int = 32_768, entryLimit: Int = 500_000_000) {
        self.query = query
        (self.entryLimit, self.entriesLeft) = (entryLimit, entryLimit)
        self.fruitless = FruitlessNodes(limit: memory)
    }

    /// Goes on to another snapshot, once ``next()`` has told all of the one before.
    ///
    /// - Parameters:
    ///   - content: the snapshot.
    ///   - top: the directory that is looked through.
    ///   - path: of that directory, from the snapshot's top; patterns count from there.
    ///   - isFirst: whether what was found in the snapshot before counts for nothing.
    /// - Throws: nothing that the query has not thrown.
    package func begin(
        _ content: any SnapshotContent,
        top: ChunkID,
        at path: [UInt8] = [],
        isFirst: Bool
    ) throws(FerryError) {
        let before = isFirst ? nil : self.top
        self.contents = (before == nil ? nil : self.contents.new, content)
        self.top = top
        self.base = path
        self.pair = TreePair(old: self.contents.old, new: content)
        self.levels = []
        self.enter(path, try self.query.top(), old: before, new: top)
    }

    /// - Returns: nil once the snapshot has been looked through.
    /// - Throws: `.limit` beyond that of entries.
    package func next() throws(FerryError) -> Event? {
        while true {
            if !self.events.isEmpty { return self.events.removeFirst() }
            guard self.work < Self.pauseAfter else {
                self.work = 0
                return .pause
            }
            self.work += 1
            switch self.pair.next() {
            case nil: return nil
            case .left: self.leave()
            case .damaged(let path, let side, let error):
                // What could not be read may hold something. On the older side it was told already.
                self.markFruitful()
                if side == .new { return .failed(path, error) }
            case .entry(let path, let old, let new):
                self.entriesLeft -= (old == nil ? 0 : 1) + (new == nil ? 0 : 1)
                guard self.entriesLeft >= 0 else { throw self.tooMany }
                try self.entry(path, old, new)
            }
        }
    }

    private var tooMany: FerryError {
        FerryError(
            .limit,
            "there are more than \(self.entryLimit) files and directories to look through",
            remedy: "look through directories of one snapshot, or choose snapshots with --host, --path or --tag"
        )
    }

    private func markFruitful() {
        guard let last = self.levels.indices.last else { return }
        self.levels[last].isFruitful = true
    }

    private func entry(_ path: [UInt8], _ old: Entry?, _ new: Entry?) throws(FerryError) {
        guard let level = self.levels.last, let name = (new ?? old)?.name else { return }
        let folded = self.query.folded(name)
        let oldHit = old.flatMap { self.hit(path, $0, folded, level, .old) }
        let newHit = new.flatMap { self.hit(path, $0, folded, level, .new) }
        if let newHit {
            self.markFruitful()
            if newHit.version != oldHit?.version { self.events.append(.found(newHit)) }
        } else if oldHit != nil {
            self.events.append(.gone(path))
        }
        guard old?.node != nil || new?.node != nil else { return }
        let below = try level.filter.entering(folded, ignoreFile: nil)
        // No pattern can match anything below.
        guard !below.isEmpty else { return }
        self.enter(path, below, old: old?.node, new: new?.node)
    }

    private func hit(_ path: [UInt8], _ entry: Entry, _ folded: [UInt8], _ level: Level, _ side: TreePair.Side) -> Hit?
    {
        guard level.filter.excludes(folded, isDirectory: entry.isDirectory),
            let content = side == .old ? self.contents.old : self.contents.new
        else { return nil }
        if case .furtherName = entry.content {
            // What it is, is said elsewhere.
            self.work += Self.directoryCost * entry.directoriesToName
            self.markFruitful()
        }
        do throws(FerryError) {
            let resolved = try content.resolved(entry)
            guard self.query.takes(resolved) else { return nil }
            return Hit(path: path, entry: resolved, version: resolved.version)
        } catch {
            self.markFruitful()
            if side == .new { self.events.append(.failed(path, error)) }
            return nil
        }
    }

    private func enter(_ path: [UInt8], _ filter: FilterLevel, old: ChunkID?, new: ChunkID?) {
        let (oldKey, newKey) = (old.map { self.key($0, path) }, new.map { self.key($0, path) })
        let isOldFruitless = oldKey.map { self.fruitless.contains($0) } ?? true
        let isNewFruitless = newKey.map { self.fruitless.contains($0) } ?? true
        if isOldFruitless, isNewFruitless { return }
        if old == new {
            self.markFruitful()
            return
        }
        self.directoriesRead += (isOldFruitless ? 0 : 1) + (isNewFruitless ? 0 : 1)
        self.work += Self.directoryCost
        self.levels.append(Level(filter: filter, key: isNewFruitless ? nil : newKey))
        self.pair.enter(path, old: isOldFruitless ? nil : old, new: isNewFruitless ? nil : new)
    }

    private func leave() {
        guard let level = self.levels.popLast() else { return }
        if level.isFruitful {
            self.markFruitful()
        } else if let key = level.key {
            self.fruitless.insert(key)
        }
    }

    /// Where patterns count from the top, what is found in a directory depends on where it lies.
    private func key(_ node: ChunkID, _ path: [UInt8]) -> ChunkID {
        guard !self.query.isAnywhere else { return node }
        var writer = ByteWriter()
        writer.id(node)
        writer.raw(path)
        return ChunkID.hashing(writer.bytes)
    }
}
