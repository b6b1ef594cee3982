package import FerryChunking
package import FerryErrors
import FerryObjects
import FoundationEssentials
import GRDB

// Which nodes are complete, and what voids that.
extension RepositoryIndex {
    static func generation(_ db: Database) throws -> Int64 {
        let statement = try db.cachedStatement(sql: "SELECT value FROM meta WHERE key = 'generation'")
        guard let generation = try Int64.fetchOne(statement) else {
            throw FerryError(.integrity, "the index is damaged: it has no generation")
        }
        return generation
    }

    /// Which marks hold.
    ///
    /// - Throws: what SQLite met.
    package func generation() throws(FerryError) -> Int64 { try self.read { db in try Self.generation(db) } }

    /// Voids all marks.
    static func raise(_ db: Database) throws {
        try db.execute(
            sql: """
                UPDATE meta SET value = value + 1 WHERE key = 'generation';
                UPDATE meta SET value = 1 WHERE key = 'unmarked';
                """
        )
    }

    /// Voids all marks, durably.
    ///
    /// - Throws: what SQLite met.
    package func raiseGeneration() throws(FerryError) { try self.writeDurably { db in try Self.raise(db) } }

    /// Whether nodes may be complete without a mark.
    ///
    /// - Throws: what SQLite met.
    package func isUnmarked() throws(FerryError) -> Bool {
        try self.read { db in try Bool.fetchOne(db, sql: "SELECT value FROM meta WHERE key = 'unmarked'") ?? true }
    }

    /// Notes that nodes may have become complete that were not.
    ///
    /// - Throws: what SQLite met.
    package func noteUnmarked() throws(FerryError) {
        try self.write { db in try db.execute(sql: "UPDATE meta SET value = 1 WHERE key = 'unmarked'") }
    }

    /// Notes that all nodes were looked at which could be complete, if the generation in which that was done is still current.
    ///
    /// - Throws: what SQLite met.
    package func noteMarked(generation: Int64) throws(FerryError) {
        try self.write { db in
            guard try Self.generation(db) == generation else { return }
            try db.execute(sql: "UPDATE meta SET value = 0 WHERE key = 'unmarked'")
            try db.execute(sql: "DELETE FROM walk")
        }
    }

    static func mark(_ db: Database, _ nodes: [ChunkID], _ generation: Int64) throws {
        let statement = try db.cachedStatement(sql: "INSERT OR REPLACE INTO mark VALUES (?, ?)")
        for node in nodes { try statement.execute(arguments: [node.data, generation]) }
    }

    /// Voids all marks and forgets places that are no good, in one durable step. The objects are lacked from then on, unless they
    /// lie elsewhere.
    ///
    /// - Parameters:
    ///   - places: which, of one pack.
    ///   - pack: the pack.
    /// - Throws: what SQLite met.
    package func drop(_ places: [IndexedObject], of pack: IndexedPack) throws(FerryError) {
        try self.writeDurably { db in
            try Self.raise(db)
            let delete = try db.cachedStatement(
                sql: "DELETE FROM object WHERE kind = ? AND id = ? AND pack = ? AND block = ?"
            )
            let note = try db.cachedStatement(sql: "INSERT OR IGNORE INTO damage (pack, id, block) VALUES (?, ?, ?)")
            let kind = Int64(pack.kind.rawValue)
            for place in places {
                let (id, block) = (place.id.data, Int64(place.place.block))
                try delete.execute(arguments: [kind, id, pack.number, block])
                try note.execute(arguments: [pack.name.data, id, block])
            }
        }
    }

    /// Notes that verifying has told of all places of a pack that were dropped.
    ///
    /// - Throws: what SQLite met.
    package func noteTold(_ pack: IndexedPack) throws(FerryError) {
        try self.write { db in
            try db.execute(sql: "UPDATE damage SET told = 1 WHERE pack = ? AND told = 0", arguments: [pack.name.data])
        }
    }

    /// Tells again of places that were dropped and are good after all; those that are not dropped any more stay as they are.
    ///
    /// - Parameters:
    ///   - places: which, of one pack.
    ///   - pack: the pack.
    /// - Throws: what SQLite met.
    package func takeBack(_ places: [IndexedObject], of pack: IndexedPack) throws(FerryError) {
        let sorted = Sorted(places)
        try self.write { db in
            // The pack may have been dropped as a whole meanwhile.
            guard try Self.has(db, pack) else { return }
            let forget = try db.cachedStatement(sql: "DELETE FROM damage WHERE pack = ? AND id = ? AND block = ?")
            for (id, place) in sorted.objects {
                try forget.execute(arguments: [pack.name.data, id, Int64(place.place.block)])
            }
            try Self.insert(db, pack: pack.number, kind: Int64(pack.kind.rawValue), sorted)
            // What cites them may be complete again.
            try db.execute(sql: "UPDATE meta SET value = 1 WHERE key = 'unmarked'")
        }
    }

    /// What the index tells of one place.
    package enum Telling: Equatable, Sendable {
        /// What was asked for.
        case same
        /// That it was dropped, and whether verifying has told of that.
        case dropped(isTold: Bool)
        /// Nothing, or something else.
        case other
    }

    /// What the index tells of a pack, at one time.
    package struct PackTelling {
        /// Of each object that was asked for.
        package let objects: [Telling]
        /// Places in it that were dropped, whatever was asked for.
        package let dropped: Int
    }

    /// Compares what a pack holds with what the index tells of it.
    ///
    /// - Parameters:
    ///   - objects: all that it holds.
    ///   - pack: the pack, as the index knew it.
    /// - Returns: nil if the index does not know it any more.
    /// - Throws: what SQLite met.
    package func compare(_ objects: [IndexedObject], of pack: IndexedPack) throws(FerryError) -> PackTelling? {
        try self.read { db in
            guard try Self.has(db, pack) else { return nil }
            let place = try db.cachedStatement(
                sql: "SELECT stored, offset, length FROM object WHERE kind = ? AND id = ? AND pack = ? AND block = ?"
            )
            let dropped = try db.cachedStatement(sql: "SELECT told FROM damage WHERE pack = ? AND id = ? AND block = ?")
            let kind = Int64(pack.kind.rawValue)
            // An object twice in one block is told of once.
            var first: [IndexedObject.Key: IndexedObject.Place] = [:]
            let tellings = try objects.map { object -> Telling in
                let expected = first[object.key] ?? object.place
                first[object.key] = expected
                let (id, block) = (object.id.data, Int64(object.place.block))
                if let row = try Row.fetchOne(place, arguments: [kind, id, pack.number, block]) {
                    let told = IndexedObject.Place(
                        block: object.place.block,
                        stored: try row.number(0),
                        offset: try row.number(1),
                        length: try row.number(2)
                    )
                    return told == expected ? .same : .other
                }
                let isTold = try Bool.fetchOne(dropped, arguments: [pack.name.data, id, block])
                return isTold.map { .dropped(isTold: $0) } ?? .other
            }
            let count = try db.cachedStatement(sql: "SELECT COUNT(*) FROM damage WHERE pack = ?")
            return PackTelling(
                objects: tellings,
                dropped: try Int.fetchOne(count, arguments: [pack.name.data]) ?? 0
            )
        }
    }

    /// Whether the index still knows a pack, and by the same number.
    static func has(_ db: Database, _ pack: IndexedPack) throws -> Bool {
        let statement = try db.cachedStatement(sql: "SELECT 1 FROM pack WHERE number = ? AND name = ?")
        return try Bool.fetchOne(statement, arguments: [pack.number, pack.name.data]) ?? false
    }

    /// How many places the index knows in each pack, those that were dropped among them: so dropping one, which may happen at any
    /// time, changes nothing about it.
    ///
    /// - Throws: what SQLite met.
    package func placeCounts() throws(FerryError) -> [Int64: Int] {
        try self.read { db in
            var counts: [Int64: Int] = [:]
            for sql in [
                "SELECT pack, COUNT(*) FROM object GROUP BY pack",
                "SELECT number, COUNT(*) FROM damage JOIN pack ON name = damage.pack GROUP BY number",
            ] {
                let rows = try Row.fetchCursor(db, sql: sql)
                while let row = try rows.next() { counts[try row.integer(0), default: 0] += Int(try row.integer(1)) }
            }
            return counts
        }
    }

    // MARK: - Walks

    /// Forgets what earlier walks found.
    ///
    /// - Throws: what SQLite met.
    package func beginWalk() throws(FerryError) {
        try self.write { db in try db.execute(sql: "DELETE FROM walk") }
    }

    /// Notes whether nodes are complete; marks those that are, if the generation in which that was found out is still current.
    ///
    /// - Throws: what SQLite met.
    package func noteWalked(_ nodes: [ChunkID: Bool], generation: Int64) throws(FerryError) {
        try self.write { db in
            let statement = try db.cachedStatement(sql: "INSERT OR REPLACE INTO walk VALUES (?, ?)")
            for (id, isComplete) in nodes { try statement.execute(arguments: [id.data, isComplete]) }
            guard try Self.generation(db) == generation else { return }
            try Self.mark(db, nodes.compactMap { $0.value ? $0.key : nil }, generation)
        }
    }

    /// What a walk found of nodes.
    ///
    /// - Parameters:
    ///   - nodes: whose state is asked for.
    ///   - trustsMarks: whether a marked one counts as found complete.
    /// - Returns: whether each is complete; nil where the walk did not come yet.
    /// - Throws: what SQLite met.
    package func walked(_ nodes: [ChunkID], trustsMarks: Bool) throws(FerryError) -> [Bool?] {
        try self.read { db in
            let generation = try Self.generation(db)
            let walk = try db.cachedStatement(sql: "SELECT complete FROM walk WHERE id = ?")
            let mark = try db.cachedStatement(sql: "SELECT 1 FROM mark WHERE id = ? AND generation = ?")
            return try nodes.map { node in
                let data = node.data
                if trustsMarks, try Bool.fetchOne(mark, arguments: [data, generation]) == true { return true }
                return try Bool.fetchOne(walk, arguments: [data])
            }
        }
    }
}

extension IndexedObject {
    /// What is told of once in a pack.
    struct Key: Hashable {
        let id: ChunkID
        let block: UInt32
    }

    var key: Key { Key(id: self.id, block: self.place.block) }
}
