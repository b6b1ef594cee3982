import FerryChunking
package import FerryErrors
package import FerryObjects
import FoundationEssentials
import GRDB

extension RepositoryIndex {
    /// Tells which objects are in packs; of nodes, which are complete.
    ///
    /// - Parameter keys: at most ``maximumKeys`` at once is best.
    /// - Returns: an answer to each, and the generation in which they hold.
    /// - Throws: what SQLite met.
    package func has(_ keys: [ObjectKey]) throws(FerryError) -> (answers: [Bool], generation: Int64) {
        try self.read { db in
            let generation = try Self.generation(db)
            let chunk = try db.cachedStatement(sql: "SELECT 1 FROM object WHERE kind = 1 AND id = ? LIMIT 1")
            let node = try db.cachedStatement(sql: "SELECT 1 FROM mark WHERE id = ? AND generation = ?")
            let answers = try keys.map { key in
                switch key.kind {
                case .data: try Bool.fetchOne(chunk, arguments: [key.id.data]) ?? false
                case .node: try Bool.fetchOne(node, arguments: [key.id.data, generation]) ?? false
                }
            }
            return (answers, generation)
        }
    }

    /// Tells which objects lie in a pack, whether complete or not.
    ///
    /// - Throws: what SQLite met.
    package func isStored(_ keys: [ObjectKey]) throws(FerryError) -> [Bool] {
        try self.read { db in
            let statement = try db.cachedStatement(sql: "SELECT 1 FROM object WHERE kind = ? AND id = ? LIMIT 1")
            return try keys.map { try Bool.fetchOne(statement, arguments: [$0.kind.rawValue, $0.id.data]) ?? false }
        }
    }

    /// Where an object lies; of several places the one in the oldest pack first.
    ///
    /// - Throws: what SQLite met.
    package func locations(_ key: ObjectKey) throws(FerryError) -> [ObjectLocation] {
        try self.read { db in try Self.locations(db, key) }
    }

    /// Where each of many objects lies first.
    ///
    /// - Parameter keys: at most ``maximumKeys`` at once is best.
    /// - Returns: nil for one that lies nowhere.
    /// - Throws: what SQLite met.
    package func firstLocations(_ keys: [ObjectKey]) throws(FerryError) -> [ObjectLocation?] {
        try self.read { db in try keys.map { try Self.locations(db, $0, limit: 1).first } }
    }

    private static func locations(_ db: Database, _ key: ObjectKey, limit: Int = 64) throws -> [ObjectLocation] {
        let statement = try db.cachedStatement(
            sql: """
                SELECT pack, block, stored, offset, length FROM object WHERE kind = ? AND id = ? ORDER BY pack, block LIMIT ?
                """
        )
        return try Row.fetchAll(statement, arguments: [key.kind.rawValue, key.id.data, limit]).map { row in
            ObjectLocation(
                pack: try row.integer(0),
                place: IndexedObject.Place(
                    block: try row.number(1),
                    stored: try row.number(2),
                    offset: try row.number(3),
                    length: try row.number(4)
                )
            )
        }
    }
}
