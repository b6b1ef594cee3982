package import FerryChunking
package import FerryErrors
package import FerryObjects
import FoundationEssentials
import GRDB

extension RepositoryIndex {
    /// Takes in a pack that is durable, in one transaction; what is known of it already stays, and what is known to be no good in it
    /// is lacked.
    ///
    /// - Parameters:
    ///   - name: of the pack.
    ///   - header: the first bytes of the pack.
    ///   - length: bytes of the whole.
    ///   - objects: all that it holds, in any order.
    ///   - generation: in which its nodes are complete; nil if that is not known, when ``isUnmarked()`` tells of it.
    /// - Throws: what SQLite met.
    package func add(
        _ name: ChunkID,
        _ header: PackHeader,
        length: UInt64,
        _ objects: [IndexedObject],
        completeIn generation: Int64?
    ) throws(FerryError) {
        let sorted = Sorted(objects)
        try self.write { db in
            try Self.add(db, name, header, length: length, sorted, completeIn: generation)
        }
    }

    /// Objects in the order of the table, in which they are added much faster than in any other.
    struct Sorted {
        let objects: [(data: Data, object: IndexedObject)]

        init(_ objects: [IndexedObject]) {
            // An object twice in one block is told of once, and that is the first.
            let sorted = objects.sorted { first, second in
                first.id == second.id
                    ? (first.place.block, first.place.offset) < (second.place.block, second.place.offset)
                    : first.id < second.id
            }
            self.objects = sorted.map { ($0.id.data, $0) }
        }
    }

    static func add(
        _ db: Database,
        _ name: ChunkID,
        _ header: PackHeader,
        length: UInt64,
        _ sorted: Sorted,
        completeIn generation: Int64?
    ) throws {
        let kind = Int64(header.kind.rawValue)
        let statement = try db.cachedStatement(sql: "SELECT number FROM pack WHERE name = ?")
        let known = try Int64.fetchOne(statement, arguments: [name.data])
        if known == nil {
            let insert = try db.cachedStatement(sql: "INSERT INTO pack (name, kind, salt, length) VALUES (?, ?, ?, ?)")
            try insert.execute(arguments: [name.data, kind, Data(header.salt.bytes), Int64(clamping: length)])
            try db.execute(sql: "DELETE FROM missing WHERE name = ?", arguments: [name.data])
        }
        let number = known ?? db.lastInsertedRowID
        try Self.insert(db, pack: number, kind: kind, sorted)
        try Self.deleteDropped(db, pack: number, name, kind: kind)
        guard header.kind == .node else { return }
        if let generation, try Self.generation(db) == generation {
            try Self.mark(db, sorted.objects.map(\.object.id), generation)
        } else {
            try db.execute(sql: "UPDATE meta SET value = 1 WHERE key = 'unmarked'")
        }
    }

    static func insert(_ db: Database, pack: Int64, kind: Int64, _ sorted: Sorted) throws {
        let insert = try db.cachedStatement(sql: "INSERT OR IGNORE INTO object VALUES (?, ?, ?, ?, ?, ?, ?)")
        for (data, object) in sorted.objects {
            let place = object.place
            try insert.execute(
                arguments: [
                    kind, data, pack, Int64(place.block), Int64(place.stored), Int64(place.offset), Int64(place.length),
                ]
            )
        }
    }

    /// Makes the index tell of a pack what it holds, where it did not; all marks are void then. Places that were dropped stay so.
    ///
    /// - Parameters:
    ///   - pack: as the index knew it; if it does not any more, nothing changes.
    ///   - objects: all that it holds.
    /// - Throws: what SQLite met.
    package func replace(_ pack: IndexedPack, _ objects: [IndexedObject]) throws(FerryError) {
        let sorted = Sorted(objects)
        try self.writeDurably { db in
            guard try Self.has(db, pack) else { return }
            try Self.raise(db)
            try db.execute(sql: "DELETE FROM object WHERE pack = ?", arguments: [pack.number])
            let kind = Int64(pack.kind.rawValue)
            try Self.insert(db, pack: pack.number, kind: kind, sorted)
            try Self.deleteDropped(db, pack: pack.number, pack.name, kind: kind)
        }
    }

    /// Takes out what was just put in and is known to be no good.
    private static func deleteDropped(_ db: Database, pack: Int64, _ name: ChunkID, kind: Int64) throws {
        let delete = try db.cachedStatement(
            sql: "DELETE FROM object WHERE kind = ? AND id = ? AND pack = ? AND block = ?"
        )
        let dropped = try db.cachedStatement(sql: "SELECT id, block FROM damage WHERE pack = ?")
        for row in try Row.fetchAll(dropped, arguments: [name.data]) {
            try delete.execute(arguments: [kind, try row.bytes(0), pack, try row.integer(1)])
        }
    }

    /// Makes the whole index anew, in one transaction; until its end readers see what was there before. All marks are void then. What
    /// the packs do not say stays: which places are no good, and which packs are gone.
    ///
    /// - Parameter body: gives it everything.
    /// - Throws: what SQLite met, and what `body` does: then the index is as it was.
    package func rebuild(_ body: (Filling) throws(FerryError) -> Void) throws(FerryError) {
        try self.writeDurably { db in
            try Self.raise(db)
            for table in ["object", "pack", "mark", "walk", "snapshot"] {
                try db.execute(sql: "DELETE FROM \(table)")
            }
            try body(Filling(db: db))
        }
    }

    /// What fills an index that is made anew.
    package struct Filling {
        let db: Database

        /// Takes in a pack that is durable.
        ///
        /// - Throws: what SQLite met.
        package func add(
            _ name: ChunkID,
            _ header: PackHeader,
            length: UInt64,
            _ objects: [IndexedObject]
        ) throws(FerryError) {
            do {
                let sorted = Sorted(objects)
                try RepositoryIndex.add(self.db, name, header, length: length, sorted, completeIn: nil)
            } catch { throw RepositoryIndex.translate(error, "write the index") }
        }

        /// Keeps a copy of a snapshot.
        ///
        /// - Throws: what SQLite met.
        package func add(_ id: ChunkID, _ snapshot: Snapshot) throws(FerryError) {
            do { try RepositoryIndex.addSnapshot(self.db, id, snapshot) } catch {
                throw RepositoryIndex.translate(error, "write the index")
            }
        }
    }

    /// Voids all marks and forgets packs, and what lay in them, in one durable step.
    ///
    /// - Parameters:
    ///   - numbers: of the packs.
    ///   - areMissing: whether the packs are gone, of which ``missing()`` tells until they are found again.
    /// - Throws: what SQLite met.
    package func dropPacks(_ numbers: [Int64], areMissing: Bool) throws(FerryError) {
        try self.writeDurably { db in
            try Self.raise(db)
            try db.execute(sql: "CREATE TEMP TABLE IF NOT EXISTS gone (number INTEGER PRIMARY KEY); DELETE FROM gone")
            for number in numbers { try db.execute(sql: "INSERT INTO gone VALUES (?)", arguments: [number]) }
            if areMissing {
                try db.execute(
                    sql: """
                        INSERT OR REPLACE INTO missing SELECT name, COALESCE(objects, 0) FROM pack LEFT JOIN (
                            SELECT pack, COUNT(*) AS objects FROM object WHERE pack IN (SELECT number FROM gone) GROUP BY pack
                        ) ON pack = number WHERE number IN (SELECT number FROM gone)
                        """
                )
            }
            try db.execute(
                sql: """
                    DELETE FROM object WHERE pack IN (SELECT number FROM gone);
                    DELETE FROM pack WHERE number IN (SELECT number FROM gone);
                    DELETE FROM gone;
                    """
            )
        }
    }

    /// Packs that were found to be gone and that ``forgetMissing(_:)`` was not told of yet, and how many objects lay in each.
    ///
    /// - Throws: what SQLite met.
    package func missing() throws(FerryError) -> [(name: ChunkID, objects: UInt64)] {
        try self.read { db in
            try Row.fetchAll(db, sql: "SELECT name, objects FROM missing ORDER BY name").map {
                (try $0.id(0), UInt64(clamping: try $0.integer(1)))
            }
        }
    }

    /// Forgets packs that are gone.
    ///
    /// - Throws: what SQLite met.
    package func forgetMissing(_ packs: [ChunkID]) throws(FerryError) {
        guard !packs.isEmpty else { return }
        try self.write { db in
            for pack in packs {
                try db.execute(
                    sql: """
                        DELETE FROM missing WHERE name = ?;
                        DELETE FROM damage WHERE pack = ? AND pack NOT IN (SELECT name FROM pack);
                        """,
                    arguments: [pack.data, pack.data]
                )
            }
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
        guard let kind = UInt8(exactly: try row.integer(2)).flatMap(ObjectKind.init(rawValue:)),
            let salt = PackSalt(try row.bytes(3)), let length = UInt64(exactly: try row.integer(4))
        else { throw FerryError(.integrity, "the index is damaged: a pack is malformed") }
        return IndexedPack(number: try row.integer(0), name: try row.id(1), kind: kind, salt: salt, length: length)
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
                let count = UInt64(clamping: try row.integer(1))
                if try row.integer(0) == Int64(ObjectKind.data.rawValue) {
                    counts.chunks = count
                } else {
                    counts.nodes = count
                }
                counts.raw = counts.raw.addingReportingOverflow(UInt64(clamping: try row.integer(2))).partialValue
            }
            return counts
        }
    }
}
