package import FerryErrors
import GRDB

extension Catalog {
    /// Adds a share. Adding the same one again succeeds and changes nothing.
    ///
    /// - Parameters:
    ///   - name: Its name.
    ///   - path: Its directory, absolute; whether it exists is the caller's business.
    ///   - readOnly: Whether writes are refused whatever is granted.
    ///   - isRepository: Whether it is a repository.
    /// - Throws: `.exists` if the name belongs to another path or is the same path with another `readOnly`;
    ///   `.invalidPath` if the path is not absolute or holds a NUL.
    package func addShare(
        _ name: Name,
        path: String,
        readOnly: Bool = false,
        isRepository: Bool = false
    ) throws(FerryError) {
        guard path.utf8.first == UInt8(ascii: "/"), !path.utf8.contains(0) else {
            throw FerryError(.invalidPath, "'\(Escaping.escape(path))' is not an absolute path")
        }
        try self.write { db in
            if let old = try Self.share(name, in: db) {
                let isSame = old.path == path && old.readOnly == readOnly && old.isRepository == isRepository
                guard !isSame else { return }
                let kind = old.isRepository ? "repository" : old.readOnly ? "read-only share" : "share"
                throw FerryError(
                    .exists,
                    "\(name) is already the \(kind) of \(Escaping.escape(old.path))",
                    remedy: "take another name, or remove that \(old.isRepository ? "repository" : "share") first"
                )
            }
            try Self.keepApart(path, isRepository: isRepository, in: db)
            try db.execute(
                sql: "INSERT INTO share (name, path, read_only, is_repository) VALUES (?, ?, ?, ?)",
                arguments: [name.text, path, readOnly, isRepository]
            )
        }
    }

    /// Whoever may write to a share must not reach a repository's files, and a repository has one name.
    private static func keepApart(_ path: String, isRepository: Bool, in db: Database) throws {
        let sql = "SELECT name, path, read_only, is_repository FROM share"
        for other in try Row.fetchAll(db, sql: sql).map(ShareRecord.init(row:)) {
            guard isRepository || other.isRepository, Self.overlap(path, other.path) else { continue }
            throw FerryError(
                .denied,
                "\(Escaping.escape(path)) overlaps with the \(other.isRepository ? "repository" : "share") \(other.name)",
                remedy: "take a directory beside it"
            )
        }
    }

    private static func overlap(_ one: String, _ other: String) -> Bool {
        let (one, other) = (one.hasSuffix("/") ? one : one + "/", other.hasSuffix("/") ? other : other + "/")
        return one.hasPrefix(other) || other.hasPrefix(one)
    }

    /// Removes a share or a repository and the grants on it; its directory stays as it is.
    ///
    /// - Parameters:
    ///   - name: Its name.
    ///   - isRepository: Which of the two it must be.
    /// - Returns: The users who had a grant on it.
    /// - Throws: `.notFound` if there is none.
    @discardableResult
    package func removeShare(_ name: Name, isRepository: Bool = false) throws(FerryError) -> [Name] {
        try self.write { db in
            guard try Self.share(name, in: db)?.isRepository == isRepository else {
                let kind = isRepository ? "repository" : "share"
                throw FerryError(.notFound, "there is no \(kind) \(name)", remedy: "see 'ferryd \(kind) list'")
            }
            let sql = "SELECT user FROM privilege WHERE share = ? ORDER BY user"
            let users = try String.fetchAll(db, sql: sql, arguments: [name.text])
            try db.execute(sql: "DELETE FROM share WHERE name = ?", arguments: [name.text])
            guard db.changesCount > 0 else { throw Self.noShare(name) }
            return users.map(Name.init(stored:))
        }
    }

    /// All shares and repositories in the order of their names.
    ///
    /// - Throws: What SQLite met.
    package func shares() throws(FerryError) -> [ShareRecord] {
        try self.read { db in
            try Row.fetchAll(
                db,
                sql: "SELECT name, path, read_only, is_repository FROM share ORDER BY name"
            ).map(
                ShareRecord.init(row:)
            )
        }
    }

    /// The share of that name, or nil.
    ///
    /// - Throws: What SQLite met.
    package func share(_ name: Name) throws(FerryError) -> ShareRecord? {
        try self.read { db in try Self.share(name, in: db) }
    }

    static func share(_ name: Name, in db: Database) throws -> ShareRecord? {
        let statement = try db.cachedStatement(
            sql: "SELECT name, path, read_only, is_repository FROM share WHERE name = ?"
        )
        return try Row.fetchOne(statement, arguments: [name.text]).map(ShareRecord.init(row:))
    }

    static func noShare(_ name: Name) -> FerryError {
        FerryError(
            .notFound,
            "there is no share \(name), nor a repository",
            remedy: "see 'ferryd share list' and 'ferryd repository list'"
        )
    }
}

extension ShareRecord {
    init(row: Row) {
        self.init(
            name: Name(stored: row["name"]),
            path: row["path"],
            readOnly: row["read_only"],
            isRepository: row["is_repository"]
        )
    }
}
