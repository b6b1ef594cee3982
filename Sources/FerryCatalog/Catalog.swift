package import FerryErrors
import FoundationEssentials
import GRDB

/// The daemon's accounts: shares, users, grants and tokens, in one SQLite file.
///
/// This is truth, not a cache: every change is on disk (WAL, `synchronous = FULL`) when the call returns. All calls block,
/// so that they belong on a thread that may; they may come from any thread. Readers do not wait for a writer.
package final class Catalog: Sendable {
    let pool: DatabasePool
    /// Unix seconds.
    let now: @Sendable () -> Int64

    /// Opens the catalog, fills it if it is absent or empty, and migrates it forward.
    ///
    /// - Parameters:
    ///   - path: The SQLite file. Its directory must be writable, for SQLite keeps its log beside it, with the file's
    ///     owner and mode: to keep it private, make it first, empty, with the mode that it shall have.
    ///   - now: The time in unix seconds.
    /// - Throws: `.newerState` if a newer release wrote it, `.integrity` if it is damaged or no SQLite file, else what
    ///   opening met.
    package init(
        path: String,
        now: @escaping @Sendable () -> Int64 = { Int64(Date().timeIntervalSince1970) }
    ) throws(FerryError) {
        self.now = now
        do {
            var configuration = Configuration()
            configuration.label = "catalog"
            configuration.foreignKeysEnabled = true
            configuration.busyMode = .timeout(5)
            configuration.maximumReaderCount = 2
            let pool = try DatabasePool(path: path, configuration: configuration)
            self.pool = pool
            // GRDB sets NORMAL when it enters WAL mode, which may lose the last commits in a power cut.
            try pool.writeWithoutTransaction { db in try db.execute(sql: "PRAGMA synchronous = FULL") }
            let migrator = Schema.migrator
            guard try !pool.read({ db in try migrator.hasBeenSuperseded(db) }) else {
                throw FerryError(
                    .newerState,
                    "a newer release of ferryd wrote the catalog \(Escaping.escape(path))",
                    remedy: "run that release, or restore a copy from before the upgrade"
                )
            }
            try migrator.migrate(pool)
        } catch {
            throw Self.translate(error, "open the catalog \(Escaping.escape(path))")
        }
    }

    /// Waits for what is written lazily (when tokens were last used), folds SQLite's log into the file, so that the file
    /// alone is a whole copy, and closes it. Calls after this one fail.
    ///
    /// - Throws: What SQLite met; the file is consistent all the same.
    package func close() throws(FerryError) {
        self.flush()
        do {
            try self.pool.writeWithoutTransaction { db in _ = try db.checkpoint(.truncate) }
            try self.pool.close()
        } catch {
            throw Self.translate(error, "close the catalog")
        }
    }

    /// Waits for what is written lazily: when tokens were last used.
    package func flush() {
        // Writes are served one after another, so that this one comes after all that were queued before it.
        self.pool.writeWithoutTransaction { _ in }
    }

    /// Asks for next to nothing, to see whether SQLite answers.
    ///
    /// - Throws: What SQLite met.
    package func probe() throws(FerryError) {
        _ = try self.read { db in try Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM user)") }
    }

    /// What SQLite says of the connection that writes: journal mode, `synchronous` (2 is FULL), and whether foreign keys
    /// are enforced. These are set for each connection, so that no look at the file could tell them.
    ///
    /// - Throws: What SQLite met.
    package func settings() throws(FerryError) -> (journalMode: String?, synchronous: Int?, foreignKeys: Bool?) {
        try self.write { db in
            (
                try String.fetchOne(db, sql: "PRAGMA journal_mode"),
                try Int.fetchOne(db, sql: "PRAGMA synchronous"),
                try Bool.fetchOne(db, sql: "PRAGMA foreign_keys")
            )
        }
    }

    func read<Value>(_ body: (Database) throws -> Value) throws(FerryError) -> Value {
        do { return try self.pool.read(body) } catch { throw Self.translate(error, "read the catalog") }
    }

    /// Runs `body` in one transaction, which an error rolls back.
    func write<Value>(_ body: (Database) throws -> Value) throws(FerryError) -> Value {
        do { return try self.pool.write(body) } catch { throw Self.translate(error, "write the catalog") }
    }

    static func translate(_ error: any Error, _ action: String) -> FerryError {
        if let error = error as? FerryError { return error }
        guard let error = error as? DatabaseError else {
            return FerryError(.internalError, "cannot \(action): \(error)", cause: error)
        }
        let code: FerryError.Code
        switch error.resultCode {
        case .SQLITE_FULL: code = .noSpace
        case .SQLITE_BUSY, .SQLITE_LOCKED: code = .busy
        case .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_CANTOPEN, .SQLITE_AUTH: code = .permission
        case .SQLITE_CORRUPT, .SQLITE_NOTADB: code = .integrity
        case .SQLITE_IOERR: code = .inputOutput
        default: code = .internalError
        }
        // The message alone: a description of the error could quote the values of a statement.
        return FerryError(code, "cannot \(action): \(error.message ?? "SQLite error \(error.resultCode.rawValue)")")
    }
}
