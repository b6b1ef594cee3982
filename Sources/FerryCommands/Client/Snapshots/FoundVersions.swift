package import FerryChunking
package import FerryErrors
package import FerryWire
package import FoundationEssentials

/// A version of something that was found, and which snapshots have it.
package struct FoundVersion: Sendable {
    /// A snapshot, as far as it is told.
    package struct Snapshot: Sendable, Equatable {
        package let id: ChunkID
        package let seconds: Int64
    }

    package let path: Data
    package let entry: WireEntry
    package let owner: String
    package let host: Data
    /// The newest and the oldest snapshot that has it.
    package var newest: Snapshot
    package var oldest: Snapshot
    /// How many have it; nil if that is not known.
    package var count: Int?
    /// Which it was of those that were found.
    fileprivate let number: Int
}

/// Puts together what a search tells snapshot by snapshot: which versions there are of what was found.
///
/// It keeps as many as it may, and writes them in the order of their paths at the end; what is more is written as it comes, and how
/// many snapshots have it is not known then.
package struct FoundVersions {
    /// Writes one.
    package typealias Write = (FoundVersion) throws(FerryError) -> Void

    /// What is printed of the things that were found.
    package enum Style: Sendable, Equatable {
        /// Each version once.
        case versions
        /// Each in each snapshot.
        case snapshots
        /// As it comes: there is one snapshot.
        case stream
    }

    /// Bytes of names that are kept at most.
    private static let byteLimit = 64 << 20

    private struct Key: Hashable {
        let path: Data
        let version: Data
        let owner: String
        let host: Data
    }

    /// A version that the snapshot has that is looked through now.
    private struct Alive {
        let key: Key
        /// The number, in the series, of the first snapshot that has it.
        let since: Int
    }

    private var style: Style
    private let limit: Int
    private var versions: [Key: FoundVersion] = [:]
    /// Of their names.
    private var bytes = 0
    private var found = 0
    private var alive: [Data: Alive] = [:]
    private var searched = WireSearched()
    private var current: FoundVersion.Snapshot?
    private var previous: FoundVersion.Snapshot?
    /// The number of the current snapshot in its series, from 0.
    private var number = 0
    /// How many snapshots were looked through.
    package private(set) var snapshots = 0
    package var hasFound: Bool { self.found > 0 }

    /// - Parameters:
    ///   - style: what is printed.
    ///   - limit: how many versions are kept.
    package init(_ style: Style, limit: Int = 100_000) { (self.style, self.limit) = (style, limit) }

    /// The snapshot that is looked through now.
    package var snapshot: FoundVersion.Snapshot? { self.current }

    /// Goes on to another snapshot.
    ///
    /// - Parameters:
    ///   - searched: the snapshot.
    ///   - write: prints what is known of the one before.
    /// - Throws: what `write` throws.
    package mutating func begin(_ searched: WireSearched, write: Write) throws(FerryError) {
        try self.endSnapshot(write)
        if searched.first {
            self.endSeries()
            (self.number, self.previous) = (0, nil)
        } else {
            self.number += 1
            self.previous = self.current
        }
        self.searched = searched
        self.current = ChunkID(bytes: searched.id).map { FoundVersion.Snapshot(id: $0, seconds: searched.seconds) }
        self.snapshots += 1
    }

    /// Takes what the snapshot has.
    ///
    /// - Parameters:
    ///   - found: something in it.
    ///   - write: prints it, if it is not kept.
    /// - Throws: what `write` throws, and `.tooLarge` if there is more than can be told.
    package mutating func add(_ found: WireFound, write: Write) throws(FerryError) {
        guard let current = self.current else { return }
        self.found += 1
        let (owner, host) = (self.searched.owner, self.searched.host)
        let new = FoundVersion(
            path: found.path,
            entry: Self.kept(found.entry),
            owner: owner,
            host: host,
            newest: current,
            oldest: current,
            count: nil,
            number: self.found
        )
        if self.style == .stream { return try write(new) }
        self.end(found.path)
        let key = Key(path: found.path, version: found.version, owner: owner, host: host)
        self.alive[found.path] = Alive(key: key, since: self.number)
        if var known = self.versions[key] {
            if known.newest.seconds < current.seconds { known.newest = current }
            self.versions[key] = known
        } else {
            self.versions[key] = new
            self.bytes += found.path.count + host.count + owner.utf8.count
        }
        guard self.versions.count > self.limit || self.bytes > Self.byteLimit else { return }
        guard self.style == .versions else {
            throw FerryError(
                .tooLarge,
                "there are more than \(self.limit) versions",
                remedy: "leave `--all` out, or look in one snapshot"
            )
        }
        // How many more snapshots have them will not be known.
        for alive in self.alive.values { self.versions[alive.key]?.count = nil }
        try self.write(write)
        (self.style, self.alive) = (.stream, [:])
    }

    /// What is kept of an entry, whatever else a daemon may have put into it.
    private static func kept(_ entry: WireEntry) -> WireEntry {
        var kept = WireEntry()
        (kept.kind, kept.size) = (entry.kind, entry.size)
        kept.metadata.mode = entry.metadata.mode
        kept.metadata.modifiedSeconds = entry.metadata.modifiedSeconds
        return kept
    }

    /// What was found there is not in the snapshot.
    package mutating func remove(_ path: Data) { self.end(path) }

    /// All has been told.
    ///
    /// - Parameter write: prints what was kept.
    /// - Throws: what `write` throws.
    package mutating func finish(write: Write) throws(FerryError) {
        try self.endSnapshot(write)
        self.endSeries()
        if self.style == .versions { try self.write(write) }
    }

    /// A version is not in the current snapshot; the one before was the last of this series to have it.
    private mutating func end(_ path: Data) {
        guard let alive = self.alive.removeValue(forKey: path), let last = self.previous else { return }
        self.count(alive, self.number - alive.since, last)
    }

    private mutating func endSeries() {
        guard let current = self.current else { return }
        for alive in self.alive.values { self.count(alive, self.number + 1 - alive.since, current) }
        self.alive = [:]
    }

    private mutating func count(_ alive: Alive, _ count: Int, _ last: FoundVersion.Snapshot) {
        guard var version = self.versions[alive.key] else { return }
        version.count = (version.count ?? 0) + count
        // Snapshots of one second come in their order: of a series the newest first.
        if last.seconds <= version.oldest.seconds { version.oldest = last }
        self.versions[alive.key] = version
    }

    private mutating func endSnapshot(_ write: Write) throws(FerryError) {
        guard self.style == .snapshots, let current = self.current else { return }
        for (path, alive) in self.alive.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
            guard let version = self.versions[alive.key] else { continue }
            try write(
                FoundVersion(
                    path: path,
                    entry: version.entry,
                    owner: version.owner,
                    host: version.host,
                    newest: current,
                    oldest: current,
                    count: nil,
                    number: version.number
                )
            )
        }
    }

    /// By path, the newest first.
    private mutating func write(_ write: Write) throws(FerryError) {
        let sorted = self.versions.values.sorted { one, other in
            guard one.path == other.path else { return one.path.lexicographicallyPrecedes(other.path) }
            guard one.newest.seconds == other.newest.seconds else { return one.newest.seconds > other.newest.seconds }
            return one.number < other.number
        }
        self.versions = [:]
        for version in sorted { try write(version) }
    }
}
