package import FerryChunking
package import FerryErrors
package import FerryObjects
import FoundationEssentials
import GRDB

extension RepositoryIndex {
    /// Takes in a pack that is durable, in one transaction; one that is known already has its objects replaced.
    ///
    /// - Parameters:
    ///   - name: of the pack.
    ///   - header: the first bytes of the pack.
    ///   - length: bytes of the whole.
    ///   - objects: all that it holds, in any order.
    ///   - generation: in which its nodes are complete; nil if that is not known.
    /// - Returns: its number.
    /// - Throws: what SQLite met.
    @discardableResult
    package func add(
        _ name: ChunkID,
        _ header: PackHeader,
        length: UInt64,
        _ objects: [IndexedObject],
        completeIn generation: Int64?
    ) throws(FerryError) -> Int64 {
        // In the order of the table, which is much faster than any other.
        let objects = objects.map { (data: $0.id.data, object: $0) }.sorted {
            $0.data.lexicographicallyPrecedes($1.data)
        }
        return try self.write { db in
            let number = try Self.number(db, name, header, length)
            let insert = try db.cachedStatement(sql: "INSERT OR IGNORE INTO object VALUES (?, ?, ?, ?, ?, ?, ?)")
            let kind = Int64(header.kind.rawValue)
            for (data, object) in objects {
                let place = object.place
                try insert.execute(
                    arguments: [
                        kind, data, number, Int64(place.block), Int64(place.stored), Int64(place.offset),
                        Int64(place.length),
                    ]
                )
            }
            if let generation, header.kind == .node, try Self.generation(db) == generation {
                try Self.mark(db, objects.map(\.object.id), generation)
            }
            return number
        }
    }

    private static func number(_ db: Database, _ name: ChunkID, _ header: PackHeader, _ length: UInt64) throws -> Int64
    {
        let values: StatementArguments = [
            name.data, Int64(header.kind.rawValue), Data(header.salt.bytes), Int64(clamping: length),
        ]
        if let number = try Int64.fetchOne(db, sql: "SELECT number FROM pack WHERE name = ?", arguments: [name.data]) {
            try db.execute(sql: "DELETE FROM object WHERE pack = ?", arguments: [number])
            try db.execute(sql: "DELETE FROM pack WHERE number = ?", arguments: [number])
        }
        try db.execute(sql: "INSERT INTO pack (name, kind, salt, length) VALUES (?, ?, ?, ?)", arguments: values)
        return db.lastInsertedRowID
    }

    /// Voids all marks and forgets packs that are gone, and what lay in them, in one durable step.
    ///
    /// - Throws: what SQLite met.
    package func dropPacks(_ numbers: [Int64]) throws(FerryError) {
        try self.writeDurably { db in
            try Self.raise(db)
            try db.execute(sql: "CREATE TEMP TABLE IF NOT EXISTS gone (number INTEGER PRIMARY KEY); DELETE FROM gone")
            for number in numbers { try db.execute(sql: "INSERT INTO gone VALUES (?)", arguments: [number]) }
            try db.execute(
                sql: """
                    DELETE FROM object WHERE pack IN (SELECT number FROM gone);
                    DELETE FROM pack WHERE number IN (SELECT number FROM gone);
                    DELETE FROM gone;
                    """
            )
        }
    }

    /// - Throws: what SQLite met.
    package func pack(_ number: Int64) throws(FerryError) -> IndexedPack? {
        try self.read { db in
            let statement = try db.cachedStatement(
                sql: "SELECT number, name, kind, salt, length FROM pack WHERE number = ?"
            )
            return try Row.fetchOne(statement, arguments: [number]).map(Self.pack)
        }
    }

    /// - Throws: what SQLite met.
    package func pack(named name: ChunkID) throws(FerryError) -> IndexedPack? {
        try self.read { db in
            let statement = try db.cachedStatement(
                sql: "SELECT number, name, kind, salt, length FROM pack WHERE name = ?"
            )
            return try Row.fetchOne(statement, arguments: [name.data]).map(Self.pack)
        }
    }

    /// The next packs by their numbers, so that all can be gone through a few at a time.
    ///
    /// - Parameters:
    ///   - number: those after it.
    ///   - kind: of what they hold; nil for any.
    ///   - limit: how many at most.
    /// - Returns: none at the end.
    /// - Throws: what SQLite met.
    package func packs(after number: Int64, _ kind: ObjectKind?, limit: Int = 256) throws(FerryError) -> [IndexedPack] {
        try self.read { db in
            let statement = try db.cachedStatement(
                sql: """
                    SELECT number, name, kind, salt, length FROM pack WHERE number > ? AND (? IS NULL OR kind = ?)
                    ORDER BY number LIMIT ?
                    """
            )
            let kind = kind.map { Int64($0.rawValue) }
            return try Row.fetchAll(statement, arguments: [number, kind, kind, limit]).map(Self.pack)
        }
    }

    private static func pack(_ row: Row) throws -> IndexedPack {
        guard let kind = UInt8(exactly: row[2] as Int64).flatMap(ObjectKind.init(rawValue:)),
            let salt = PackSalt(row[3] as Data), let length = UInt64(exactly: row[4] as Int64)
        else { throw FerryError(.integrity, "the index is damaged: a pack is malformed") }
        return IndexedPack(number: row[0], name: try row.id(1), kind: kind, salt: salt, length: length)
    }

    /// Counts everything, in time that grows with it.
    ///
    /// - Throws: what SQLite met.
    package func counts() throws(FerryError) -> IndexCounts {
        try self.read { db in
            var counts = IndexCounts()
            func number(_ sql: String) throws -> UInt64 { UInt64(clamping: try Int64.fetchOne(db, sql: sql) ?? 0) }
            counts.snapshots = try number("SELECT COUNT(*) FROM snapshot")
            counts.packs = try number("SELECT COUNT(*) FROM pack")
            counts.stored = try number("SELECT COALESCE(SUM(length), 0) FROM pack")
            let rows = try Row.fetchCursor(
                db,
                sql: """
                    SELECT kind, COUNT(*), SUM(length) FROM (SELECT kind, MIN(length) AS length FROM object GROUP BY kind, id)
                    GROUP BY kind
                    """
            )
            while let row = try rows.next() {
                let count = UInt64(clamping: row[1] as Int64)
                if row[0] as Int64 == Int64(ObjectKind.data.rawValue) {
                    counts.chunks = count
                } else {
                    counts.nodes = count
                }
                counts.raw += UInt64(clamping: row[2] as Int64)
            }
            return counts
        }
    }
}
