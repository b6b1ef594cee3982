package import FerryErrors
import GRDB

extension Catalog {
    /// Adds a user with grants and a first token, all or nothing.
    ///
    /// If the user exists, the grants are added and no token is made: its secret was shown when it was made, and
    /// repeating a command must not open another door.
    ///
    /// - Parameters:
    ///   - name: The user's name.
    ///   - grants: What the user may do.
    ///   - tokenName: The label of the first token.
    ///   - expires: When the first token expires in unix seconds, or nil.
    /// - Returns: The first token, or nil if the user existed.
    /// - Throws: `.notFound` if a grant names an unknown share; `.usage` for a bad token name or a time that has passed.
    package func addUser(
        _ name: Name,
        grants: [GrantRecord] = [],
        tokenName: String = "first",
        expires: Int64? = nil
    ) throws(FerryError) -> IssuedToken? {
        let now = self.now()
        return try self.write { db in
            try db.execute(
                sql: "INSERT INTO user (name, created) VALUES (?, ?) ON CONFLICT DO NOTHING",
                arguments: [name.text, now]
            )
            let isNew = db.changesCount > 0
            for grant in grants { try Self.grant(grant, to: name, in: db) }
            return isNew ? try Self.addToken(user: name, name: tokenName, expires: expires, now: now, in: db) : nil
        }
    }

    /// Removes a user with all grants and tokens.
    ///
    /// - Parameter name: The user's name.
    /// - Throws: `.notFound` if there is no such user.
    package func removeUser(_ name: Name) throws(FerryError) {
        try self.write { db in
            try db.execute(sql: "DELETE FROM user WHERE name = ?", arguments: [name.text])
            guard db.changesCount > 0 else { throw Self.noUser(name) }
        }
    }

    /// All users with their grants, in the order of their names.
    ///
    /// - Throws: What SQLite met.
    package func users() throws(FerryError) -> [UserRecord] {
        try self.read { db in
            var grants: [String: [GrantRecord]] = [:]
            for row in try Row.fetchAll(db, sql: "SELECT user, share, rights FROM privilege ORDER BY user, share") {
                let grant = GrantRecord(share: Name(stored: row["share"]), rights: Rights(rawValue: row["rights"]))
                grants[row["user"], default: []].append(grant)
            }
            return try Row.fetchAll(db, sql: "SELECT name, created, rate FROM user ORDER BY name").map { row in
                UserRecord(
                    name: Name(stored: row["name"]),
                    created: row["created"],
                    grants: grants[row["name"]] ?? [],
                    rate: row["rate"]
                )
            }
        }
    }

    /// Adds rights to those that a user has in a share.
    ///
    /// - Parameters:
    ///   - user: Who gets them.
    ///   - share: Where.
    ///   - rights: What is added.
    /// - Throws: `.notFound` if there is no such user or share; `.usage` if `rights` is empty.
    package func grant(user: Name, share: Name, rights: Rights) throws(FerryError) {
        try self.write { db in
            guard try Self.hasUser(user, in: db) else { throw Self.noUser(user) }
            try Self.grant(GrantRecord(share: share, rights: rights), to: user, in: db)
        }
    }

    /// Takes rights away from a user in a share. Taking what was not granted succeeds.
    ///
    /// - Parameters:
    ///   - user: Who loses them.
    ///   - share: Where.
    ///   - rights: What is taken.
    /// - Returns: What is left.
    /// - Throws: `.notFound` if there is no such user or share.
    @discardableResult
    package func revoke(user: Name, share: Name, rights: Rights = .ofRepositories) throws(FerryError) -> Rights {
        try self.write { db in
            guard try Self.hasUser(user, in: db) else { throw Self.noUser(user) }
            guard try Self.share(share, in: db) != nil else { throw Self.noShare(share) }
            let left = try Self.rights(user: user, share: share, in: db).subtracting(rights)
            let key = [user.text, share.text]
            if left.isEmpty {
                try db.execute(
                    sql: "DELETE FROM privilege WHERE user = ? AND share = ?",
                    arguments: StatementArguments(key)
                )
            } else {
                try db.execute(
                    sql: "UPDATE privilege SET rights = ? WHERE user = ? AND share = ?",
                    arguments: [left.rawValue, user.text, share.text]
                )
            }
            return left
        }
    }

    /// The share of that name and what the user may do there.
    ///
    /// - Parameters:
    ///   - user: Who asks.
    ///   - share: Where.
    /// - Returns: Nil if there is no such share or nothing is granted: to this user the two are the same.
    /// - Throws: What SQLite met.
    package func rights(user: Name, share: Name) throws(FerryError) -> (share: ShareRecord, rights: Rights)? {
        try self.read { db in
            let rights = try Self.rights(user: user, share: share, in: db)
            guard !rights.isEmpty, let record = try Self.share(share, in: db) else { return nil }
            return (record, rights)
        }
    }

    private static func rights(user: Name, share: Name, in db: Database) throws -> Rights {
        let statement = try db.cachedStatement(sql: "SELECT rights FROM privilege WHERE user = ? AND share = ?")
        return Rights(rawValue: try Int64.fetchOne(statement, arguments: [user.text, share.text]) ?? 0)
    }

    private static func grant(_ grant: GrantRecord, to user: Name, in db: Database) throws {
        guard let share = try Self.share(grant.share, in: db) else { throw Self.noShare(grant.share) }
        guard !grant.rights.isEmpty, (share.isRepository ? Rights.ofRepositories : .all).isSuperset(of: grant.rights)
        else {
            throw FerryError(
                .usage,
                "nothing to grant on \(grant.share)",
                remedy: share.isRepository ? "name read, write or append" : "name read, write or both"
            )
        }
        try db.execute(
            sql: """
                INSERT INTO privilege (user, share, rights) VALUES (?, ?, ?)
                ON CONFLICT DO UPDATE SET rights = rights | excluded.rights
                """,
            arguments: [user.text, grant.share.text, grant.rights.rawValue]
        )
    }

    static func hasUser(_ name: Name, in db: Database) throws -> Bool {
        try Bool.fetchOne(db, sql: "SELECT 1 FROM user WHERE name = ?", arguments: [name.text]) ?? false
    }

    static func noUser(_ name: Name) -> FerryError {
        FerryError(.notFound, "there is no user \(name)", remedy: "see 'ferryd user list'")
    }
}
