package import FerryChunking
package import FerryErrors
package import FerryObjects
import FoundationEssentials
import GRDB

/// Which snapshots are asked for, and in which order.
package struct SnapshotSelection: Equatable, Sendable {
    /// nil for those of all users.
    package var owner: String?
    /// Seconds since 1970-01-01 UTC; nil for any time.
    package var madeBefore: Int64?
    package var newestFirst = false

    package init(owner: String? = nil, madeBefore: Int64? = nil, newestFirst: Bool = false) {
        (self.owner, self.madeBefore, self.newestFirst) = (owner, madeBefore, newestFirst)
    }
}

extension RepositoryIndex {
    /// Keeps a copy of a snapshot.
    ///
    /// - Throws: what SQLite met.
    package func addSnapshot(_ id: ChunkID, _ snapshot: Snapshot) throws(FerryError) {
        try self.write { db in try Self.addSnapshot(db, id, snapshot) }
    }

    static func addSnapshot(_ db: Database, _ id: ChunkID, _ snapshot: Snapshot) throws {
        try db.execute(
            sql: "INSERT OR REPLACE INTO snapshot VALUES (?, ?, ?, ?, ?)",
            arguments: [
                id.data, Int64(clamping: snapshot.sequence), snapshot.seconds, snapshot.owner, Data(snapshot.encoded),
            ]
        )
    }

    /// - Throws: what SQLite met.
    package func removeSnapshot(_ id: ChunkID) throws(FerryError) {
        try self.write { db in try db.execute(sql: "DELETE FROM snapshot WHERE id = ?", arguments: [id.data]) }
    }

    /// - Returns: nil for one that is not kept.
    /// - Throws: what SQLite met.
    package func snapshot(_ id: ChunkID) throws(FerryError) -> [UInt8]? {
        try self.read { db in
            let statement = try db.cachedStatement(sql: "SELECT encoded FROM snapshot WHERE id = ?")
            return try Data.fetchOne(statement, arguments: [id.data]).map { Array($0) }
        }
    }

    /// The next snapshots in the order in which they were committed, or backwards.
    ///
    /// - Parameters:
    ///   - selection: which, and in which order.
    ///   - last: the one behind which to go on; nil for the beginning.
    ///   - limit: how many at most.
    /// - Returns: each with its encoding; none at the end.
    /// - Throws: what SQLite met.
    package func snapshots(
        _ selection: SnapshotSelection,
        after last: (sequence: UInt64, id: ChunkID)?,
        limit: Int
    ) throws(FerryError) -> [(id: ChunkID, encoded: [UInt8])] {
        let (order, comparison) = selection.newestFirst ? ("DESC", "<") : ("ASC", ">")
        // No id is longer than 32 bytes, or shorter.
        let outermost: (Int64, Data) =
            selection.newestFirst ? (.max, Data(repeating: 0xFF, count: ChunkID.length + 1)) : (.min, Data())
        let (sequence, id) = last.map { (Int64(clamping: $0.sequence), $0.id.data) } ?? outermost
        return try self.read { db in
            let statement = try db.cachedStatement(
                sql: """
                    SELECT id, encoded FROM snapshot WHERE (sequence, id) \(comparison) (?, ?)
                    AND (?3 IS NULL OR owner = ?3) AND (?4 IS NULL OR seconds < ?4)
                    ORDER BY sequence \(order), id \(order) LIMIT ?5
                    """
            )
            let arguments: StatementArguments = [sequence, id, selection.owner, selection.madeBefore, limit]
            return try Row.fetchAll(statement, arguments: arguments).map { (try $0.id(0), Array(try $0.bytes(1))) }
        }
    }

    /// Snapshots by the beginning of their ids.
    ///
    /// - Parameters:
    ///   - range: the lowest id and the highest.
    ///   - owner: whose they are; nil for any.
    ///   - limit: how many at most.
    /// - Returns: each with its encoding.
    /// - Throws: what SQLite met.
    package func snapshots(
        in range: ClosedRange<ChunkID>,
        owner: String?,
        limit: Int
    ) throws(FerryError) -> [(id: ChunkID, encoded: [UInt8])] {
        try self.read { db in
            let statement = try db.cachedStatement(
                sql: """
                    SELECT id, encoded FROM snapshot WHERE id BETWEEN ? AND ? AND (?3 IS NULL OR owner = ?3)
                    ORDER BY id LIMIT ?4
                    """
            )
            let arguments: StatementArguments = [range.lowerBound.data, range.upperBound.data, owner, limit]
            return try Row.fetchAll(statement, arguments: arguments).map { (try $0.id(0), Array(try $0.bytes(1))) }
        }
    }

    /// The ids of all that are kept.
    ///
    /// - Throws: what SQLite met.
    package func snapshotIDs() throws(FerryError) -> [ChunkID] {
        try self.read { db in try Row.fetchAll(db, sql: "SELECT id FROM snapshot").map { try $0.id(0) } }
    }
}
