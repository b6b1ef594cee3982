import FerryChunking
package import FerryErrors
import FerryObjects
import FoundationEssentials
import GRDB

/// Where a repository's objects lie, which nodes are complete, and copies of the snapshots: a cache in a SQLite file, made anew
/// from the packs whenever it is lost. What it says is never ahead of what the packs hold.
///
/// Calls block and may come from any thread; readers do not wait for a writer.
package final class RepositoryIndex: Sendable {
    /// Keys in one question.
    package static let maximumKeys = 1024
    /// Of the tables; another one's index is made anew.
    private static let version = 3
    /// Of SQLite's page cache, in KiB, for each of the connections.
    private static let cacheSize = 8192
    private static let readers = 3

    private let pool: DatabasePool
    /// Whether it was made by this very opening, so that nothing is in it.
    package let isFresh: Bool

    /// The files of an index: for removing one that is no good.
    package static func files(_ name: String) -> [String] { [name, name + "-wal", name + "-shm"] }

    /// Opens an index, or makes an empty one.
    ///
    /// - Parameters:
    ///   - path: of the file, which need not be there.
    ///   - repository: the id of the repository that it belongs to.
    /// - Throws: `.integrity` if it is damaged, of another version or of another repository: remove its files and open again;
    ///   and what opening met.
    package init(path: String, repository: [UInt8]) throws(FerryError) {
        do {
            var configuration = Configuration()
            configuration.label = "index"
            configuration.busyMode = .timeout(5)
            configuration.maximumReaderCount = Self.readers
            configuration.prepareDatabase { db in
                try db.execute(sql: "PRAGMA cache_size = -\(Self.cacheSize)")
            }
            let pool = try DatabasePool(path: path, configuration: configuration)
            self.pool = pool
            self.isFresh = try pool.write { db in
                let version = try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0
                if version == 0, try !db.tableExists("meta") {
                    try IndexSchema.create(db, version: Self.version, repository: Data(repository))
                    return true
                }
                let owner = try Data.fetchOne(db, sql: "SELECT value FROM meta WHERE key = 'repository'")
                guard version == Self.version, owner == Data(repository) else {
                    throw FerryError(.integrity, "the index \(Escaping.escape(path)) is of another kind or repository")
                }
                return false
            }
        } catch {
            throw RepositoryIndex.translate(error, "open the index \(Escaping.escape(path))")
        }
    }

    /// Folds SQLite's log into the file and closes it. Calls after this one fail.
    ///
    /// - Throws: what SQLite met; the file is consistent all the same.
    package func close() throws(FerryError) {
        do {
            try self.pool.writeWithoutTransaction { db in _ = try db.checkpoint(.truncate) }
            try self.pool.close()
        } catch {
            throw RepositoryIndex.translate(error, "close the index")
        }
    }

    /// Whether SQLite finds the file sound, in time that grows with it. It may be sound and tell what is wrong.
    package func isSound() -> Bool {
        let answer = try? self.pool.read { db in try String.fetchOne(db, sql: "PRAGMA integrity_check(1)") }
        return answer == "ok"
    }

    func read<Value>(_ body: (Database) throws -> Value) throws(FerryError) -> Value {
        do { return try self.pool.read(body) } catch { throw RepositoryIndex.translate(error, "read the index") }
    }

    /// Runs `body` in one transaction, which an error rolls back and a power cut may undo as a whole.
    func write<Value>(_ body: (Database) throws -> Value) throws(FerryError) -> Value {
        do { return try self.pool.write(body) } catch { throw RepositoryIndex.translate(error, "write the index") }
    }

    /// Runs `body` in one transaction that is durable when this returns, as are all before it.
    func writeDurably(_ body: (Database) throws -> Void) throws(FerryError) {
        do {
            try self.pool.writeWithoutTransaction { db in
                try db.execute(sql: "PRAGMA synchronous = FULL")
                defer { try? db.execute(sql: "PRAGMA synchronous = NORMAL") }
                try db.inTransaction {
                    try body(db)
                    return .commit
                }
            }
        } catch {
            throw RepositoryIndex.translate(error, "write the index")
        }
    }
}

/// The index's tables.
enum IndexSchema {
    static func create(_ db: Database, version: Int, repository: Data) throws {
        try db.execute(
            sql: """
                CREATE TABLE meta (
                    key TEXT NOT NULL PRIMARY KEY,
                    value ANY NOT NULL
                ) STRICT, WITHOUT ROWID;

                CREATE TABLE pack (
                    number INTEGER PRIMARY KEY AUTOINCREMENT,
                    name BLOB NOT NULL UNIQUE,
                    kind INTEGER NOT NULL,
                    salt BLOB NOT NULL,
                    length INTEGER NOT NULL
                ) STRICT;

                CREATE TABLE object (
                    kind INTEGER NOT NULL,
                    id BLOB NOT NULL,
                    pack INTEGER NOT NULL,
                    block INTEGER NOT NULL,
                    stored INTEGER NOT NULL,
                    offset INTEGER NOT NULL,
                    length INTEGER NOT NULL,
                    PRIMARY KEY (kind, id, pack, block)
                ) STRICT, WITHOUT ROWID;

                -- Places that were dropped because they are no good, and whether verifying has told of them; by the pack's name,
                -- because the packs alone do not say it and it must outlive what else is known of them.
                CREATE TABLE damage (
                    pack BLOB NOT NULL,
                    id BLOB NOT NULL,
                    block INTEGER NOT NULL,
                    told INTEGER NOT NULL DEFAULT 0,
                    PRIMARY KEY (pack, id, block)
                ) STRICT, WITHOUT ROWID;

                -- A node is complete if it stands here with the generation that is current.
                CREATE TABLE mark (
                    id BLOB NOT NULL PRIMARY KEY,
                    generation INTEGER NOT NULL
                ) STRICT, WITHOUT ROWID;

                -- What a walk over nodes found so far: whether each is complete.
                CREATE TABLE walk (
                    id BLOB NOT NULL PRIMARY KEY,
                    complete INTEGER NOT NULL
                ) STRICT, WITHOUT ROWID;

                -- Packs that were found to be gone, until verifying has told of them.
                CREATE TABLE missing (
                    name BLOB NOT NULL PRIMARY KEY,
                    objects INTEGER NOT NULL
                ) STRICT, WITHOUT ROWID;

                CREATE TABLE snapshot (
                    id BLOB NOT NULL PRIMARY KEY,
                    sequence INTEGER NOT NULL,
                    seconds INTEGER NOT NULL,
                    owner TEXT NOT NULL,
                    encoded BLOB NOT NULL
                ) STRICT, WITHOUT ROWID;

                CREATE INDEX snapshot_order ON snapshot (sequence, id, owner, seconds);
                """
        )
        // By chance, so that what was found out with an earlier index is void with this one.
        try db.execute(
            sql:
                "INSERT INTO meta VALUES ('repository', ?), ('generation', random() & 0x3fffffffffffffff), ('unmarked', 0)",
            arguments: [repository]
        )
        try db.execute(sql: "PRAGMA user_version = \(version)")
    }
}

extension ChunkID {
    /// As a value of a column.
    var data: Data { self.withUnsafeBytes { Data($0) } }
}

extension RepositoryIndex {
    /// What SQLite met, for the house. As nothing but damage makes a cache of ours say something unexpected, that is `.integrity`.
    static func translate(_ error: any Error, _ action: String) -> FerryError {
        if let error = error as? FerryError { return error }
        if let error = error as? DatabaseError {
            switch error.resultCode {
            case .SQLITE_FULL, .SQLITE_BUSY, .SQLITE_LOCKED, .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_CANTOPEN,
                .SQLITE_AUTH,
                .SQLITE_IOERR, .SQLITE_NOMEM, .SQLITE_INTERRUPT, .SQLITE_ABORT, .SQLITE_MISUSE:
                return Catalog.translate(error, action)
            default: break
            }
        }
        return FerryError(
            .integrity,
            "cannot \(action): it is damaged",
            remedy: "make the repository's index anew",
            cause: error
        )
    }
}

extension Row {
    /// A number in a column. Unlike a subscript it does not trap on what a damaged file holds.
    func integer(_ column: Int) throws -> Int64 { try self.decode(Int64.self, atIndex: column) }

    /// Bytes in a column.
    func bytes(_ column: Int) throws -> Data { try self.decode(Data.self, atIndex: column) }

    /// An id in a column.
    func id(_ column: Int) throws -> ChunkID {
        guard let id = ChunkID(bytes: try self.bytes(column)) else {
            throw FerryError(.integrity, "the index is damaged: an id has no legal length")
        }
        return id
    }

    /// A number in a column.
    func number(_ column: Int) throws -> UInt32 {
        guard let number = UInt32(exactly: try self.integer(column)) else {
            throw FerryError(.integrity, "the index is damaged: a number is out of bounds")
        }
        return number
    }
}
