package import FerryChunking
package import FerryErrors
import FoundationEssentials
import GRDB

extension RepositoryIndex {
    /// Keeps a copy of a snapshot.
    ///
    /// - Throws: what SQLite met.
    package func addSnapshot(_ id: ChunkID, _ encoded: [UInt8]) throws(FerryError) {
        try self.write { db in try Self.addSnapshot(db, id, encoded) }
    }

    static func addSnapshot(_ db: Database, _ id: ChunkID, _ encoded: [UInt8]) throws {
        try db.execute(sql: "INSERT OR REPLACE INTO snapshot VALUES (?, ?)", arguments: [id.data, Data(encoded)])
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

    /// The ids of all that are kept.
    ///
    /// - Throws: what SQLite met.
    package func snapshotIDs() throws(FerryError) -> [ChunkID] {
        try self.read { db in try Row.fetchAll(db, sql: "SELECT id FROM snapshot").map { try $0.id(0) } }
    }
}
