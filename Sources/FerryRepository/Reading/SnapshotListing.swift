package import FerryCatalog
package import FerryChunking
package import FerryErrors
package import FerryObjects
import FerryStorage
import Synchronization

/// A snapshot, and what names it.
package struct StoredSnapshot: Equatable, Sendable {
    package let id: ChunkID
    package let snapshot: Snapshot

    package init(id: ChunkID, snapshot: Snapshot) { (self.id, self.snapshot) = (id, snapshot) }
}

/// Snapshots, a few at a time however many there are.
package protocol SnapshotListing {
    /// The next ones that can be read.
    ///
    /// - Parameters:
    ///   - selection: which, and in which order.
    ///   - last: the one behind which to go on; nil for the beginning.
    ///   - limit: how many at most.
    /// - Returns: none at the end.
    /// - Throws: what the index met.
    func snapshots(
        _ selection: SnapshotSelection,
        after last: StoredSnapshot?,
        limit: Int
    ) throws(FerryError) -> [StoredSnapshot]

    /// Those the ids of which begin with some digits.
    ///
    /// - Parameters:
    ///   - digits: hexadecimal ones; anything else is the beginning of none.
    ///   - owner: whose they are; nil for any.
    ///   - limit: how many at most.
    /// - Returns: in the order of their ids.
    /// - Throws: what the index met.
    func snapshots(beginning digits: String, owner: String?, limit: Int) throws(FerryError) -> [StoredSnapshot]
}

extension SnapshotListing {
    /// Snapshots that are asked for at once: with their notes, some hundred KiB.
    package static var page: Int { 32 }
}

extension Repository: SnapshotListing {
    package func snapshots(
        _ selection: SnapshotSelection,
        after last: StoredSnapshot?,
        limit: Int
    ) throws(FerryError) -> [StoredSnapshot] {
        try self.index.snapshots(selection, after: last.map { ($0.snapshot.sequence, $0.id) }, limit: limit)
            .map { (id, encoded) throws(FerryError) in StoredSnapshot(id: id, snapshot: try Snapshot(encoded)) }
    }

    package func snapshots(
        beginning digits: String,
        owner: String?,
        limit: Int
    ) throws(FerryError) -> [StoredSnapshot] {
        let missing = ChunkID.length * 2 - digits.utf8.count
        guard missing >= 0, let lowest = ChunkID(hex: digits + String(repeating: "0", count: missing)),
            let highest = ChunkID(hex: digits + String(repeating: "f", count: missing))
        else { return [] }
        return try self.index.snapshots(in: lowest...highest, owner: owner, limit: limit)
            .map { (id, encoded) throws(FerryError) in StoredSnapshot(id: id, snapshot: try Snapshot(encoded)) }
    }

    /// Those that could not be read when the repository was opened, whosever they are, in the order of their ids.
    package var damagedSnapshots: [ChunkID] {
        self.commits.withLock { $0.damaged.keys.map { $0 } }.sorted { $0.description < $1.description }
    }

    /// - Throws: `.notFound` if there is none, `.integrity` if it is damaged, and what the index met.
    package func snapshot(_ id: ChunkID) throws(FerryError) -> Snapshot {
        if let encoded = try self.index.snapshot(id) { return try Snapshot(encoded) }
        throw self.commits.withLock { $0.damaged[id] } ?? FerryError(.notFound, "the repository has no snapshot \(id)")
    }
}
