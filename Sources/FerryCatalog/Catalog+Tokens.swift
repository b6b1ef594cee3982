package import FerryErrors
import FoundationEssentials
import GRDB

extension Catalog {
    /// The most bytes that a token's name may have.
    package static let maximumTokenNameLength = 64

    /// How old the recorded time of last use may be, in seconds, before a use writes it again.
    private static let lastUsedResolution: Int64 = 60

    /// Makes a token for one more device of a user.
    ///
    /// - Parameters:
    ///   - user: Whose it is.
    ///   - name: A label, unique among the user's tokens: 1 to 64 bytes without control characters.
    ///   - expires: Unix seconds from which on it is refused, or nil.
    /// - Returns: The token with its secret, which is nowhere stored and cannot be shown again.
    /// - Throws: `.notFound` if there is no such user, `.exists` if the user has a token of that name, `.usage` for a bad
    ///   name or a time that has passed.
    package func addToken(user: Name, name: String, expires: Int64? = nil) throws(FerryError) -> IssuedToken {
        let now = self.now()
        return try self.write { db in
            guard try Self.hasUser(user, in: db) else { throw Self.noUser(user) }
            return try Self.addToken(user: user, name: name, expires: expires, now: now, in: db)
        }
    }

    /// Removes a token.
    ///
    /// - Parameters:
    ///   - user: Whose it is.
    ///   - token: Its id, or its name if no token of the user has that id.
    /// - Returns: The id of the removed token.
    /// - Throws: `.notFound` if the user has no such token.
    @discardableResult
    package func removeToken(user: Name, token: String) throws(FerryError) -> String {
        try self.write { db in
            let sql = "SELECT id FROM token WHERE user = ? AND (id = ? OR name = ?) ORDER BY id = ? DESC LIMIT 1"
            guard let id = try String.fetchOne(db, sql: sql, arguments: [user.text, token, token, token]) else {
                throw FerryError(
                    .notFound,
                    "\(user) has no token '\(Escaping.escape(token))'",
                    remedy: "see 'ferryd token list'"
                )
            }
            try db.execute(sql: "DELETE FROM token WHERE id = ?", arguments: [id])
            return id
        }
    }

    /// Lists all tokens, or those of one user.
    ///
    /// - Parameter user: Whose, or nil for everyone's.
    /// - Returns: In the order of the users' names, then oldest first.
    /// - Throws: `.notFound` if there is no such user.
    package func tokens(user: Name? = nil) throws(FerryError) -> [TokenRecord] {
        try self.read { db in
            if let user, try !Self.hasUser(user, in: db) { throw Self.noUser(user) }
            return try Row.fetchAll(
                db,
                sql: """
                    SELECT id, user, name, created, last_used, expires FROM token
                    WHERE ?1 IS NULL OR user = ?1 ORDER BY user, created, id
                    """,
                arguments: [user?.text]
            ).map(TokenRecord.init(row:))
        }
    }

    /// Finds whom a secret belongs to.
    ///
    /// Unknown, malformed and expired secrets take the same path (one hash, one look-up through the index of hashes) and
    /// get the same answer.
    ///
    /// - Parameter secret: What the peer sent; the caller bounds its length.
    /// - Returns: Nil if the secret opens nothing now.
    /// - Throws: What SQLite met.
    package func authenticate(secret: String) throws(FerryError) -> Identity? {
        let now = self.now()
        let hash = TokenSecret.hash(secret)
        let found: (Identity, lastUsed: Int64?)? = try self.read { db in
            let statement = try db.cachedStatement(
                sql: """
                    SELECT id, user, name, last_used, expires FROM token
                    WHERE hash = ? AND (expires IS NULL OR expires > ?)
                    """
            )
            return try Row.fetchOne(statement, arguments: [Self.blob(hash), now]).map { row in
                (
                    Identity(
                        user: Name(stored: row["user"]),
                        tokenID: row["id"],
                        tokenName: row["name"],
                        expires: row["expires"]
                    ),
                    row["last_used"]
                )
            }
        }
        guard let (identity, lastUsed) = found else { return nil }
        if Self.isStale(lastUsed, now: now) { self.recordUse(of: identity.tokenID, at: now) }
        return identity
    }

    private static func isStale(_ lastUsed: Int64?, now: Int64) -> Bool {
        guard let lastUsed else { return true }
        // A clock that went backwards makes the difference negative: then the record is wrong and is replaced.
        return !(0..<self.lastUsedResolution).contains(now - lastUsed)
    }

    /// Queues the write, so that a login waits for no disk. What fails is lost: the time is for people to read.
    private func recordUse(of tokenID: String, at now: Int64) {
        self.pool.asyncWrite(
            { db in
                // Logins that read the old time at once queue here together: the first of them writes.
                let old = try Int64.fetchOne(db, sql: "SELECT last_used FROM token WHERE id = ?", arguments: [tokenID])
                guard Self.isStale(old, now: now) else { return }
                try db.execute(sql: "UPDATE token SET last_used = ? WHERE id = ?", arguments: [now, tokenID])
            },
            completion: { _, _ in }
        )
    }

    static func addToken(
        user: Name,
        name: String,
        expires: Int64?,
        now: Int64,
        in db: Database
    ) throws -> IssuedToken {
        guard (1...self.maximumTokenNameLength).contains(name.utf8.count), Escaping.escape(name) == name else {
            throw FerryError(
                .usage,
                "'\(Escaping.escape(String(name.prefix(self.maximumTokenNameLength))))' cannot name a token",
                remedy: "use 1 to \(self.maximumTokenNameLength) bytes without control characters"
            )
        }
        if let expires, expires <= now {
            throw FerryError(.usage, "the token would have expired already", remedy: "give a time in the future")
        }
        let sql = "SELECT 1 FROM token WHERE user = ? AND name = ?"
        guard try Bool.fetchOne(db, sql: sql, arguments: [user.text, name]) == nil else {
            throw FerryError(
                .exists,
                "\(user) has a token '\(name)' already",
                remedy: "its secret cannot be shown again: take another name, or remove that token first"
            )
        }
        let secret = TokenSecret()
        var id = TokenSecret.makeID()
        while try Bool.fetchOne(db, sql: "SELECT 1 FROM token WHERE id = ?", arguments: [id]) != nil {
            id = TokenSecret.makeID()
        }
        try db.execute(
            sql: "INSERT INTO token (id, user, name, hash, created, expires) VALUES (?, ?, ?, ?, ?, ?)",
            arguments: [id, user.text, name, Self.blob(TokenSecret.hash(secret.text)), now, expires]
        )
        return IssuedToken(id: id, name: name, secret: secret.text)
    }

    private static func blob(_ bytes: [UInt8]) -> Data { Data(bytes) }
}

extension TokenRecord {
    init(row: Row) {
        self.init(
            id: row["id"],
            user: Name(stored: row["user"]),
            name: row["name"],
            created: row["created"],
            lastUsed: row["last_used"],
            expires: row["expires"]
        )
    }
}
