import GRDB

/// The catalog's tables. A migration that shipped is never edited: what changes gets a migration of its own.
enum Schema {
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1 accounts") { db in
            try db.execute(
                sql: """
                    CREATE TABLE share (
                        name TEXT NOT NULL PRIMARY KEY,
                        path TEXT NOT NULL,
                        read_only INTEGER NOT NULL CHECK (read_only IN (0, 1))
                    ) STRICT, WITHOUT ROWID;

                    CREATE TABLE user (
                        name TEXT NOT NULL PRIMARY KEY,
                        created INTEGER NOT NULL
                    ) STRICT, WITHOUT ROWID;

                    CREATE TABLE privilege (
                        user TEXT NOT NULL REFERENCES user (name) ON DELETE CASCADE,
                        share TEXT NOT NULL REFERENCES share (name) ON DELETE CASCADE,
                        rights INTEGER NOT NULL CHECK (rights > 0),
                        PRIMARY KEY (user, share)
                    ) STRICT, WITHOUT ROWID;
                    CREATE INDEX privilege_share ON privilege (share);

                    CREATE TABLE token (
                        id TEXT NOT NULL PRIMARY KEY,
                        user TEXT NOT NULL REFERENCES user (name) ON DELETE CASCADE,
                        name TEXT NOT NULL,
                        hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
                        created INTEGER NOT NULL,
                        last_used INTEGER,
                        expires INTEGER,
                        UNIQUE (user, name)
                    ) STRICT, WITHOUT ROWID;
                    """
            )
        }
        migrator.registerMigration("2 rates") { db in
            // Bytes per second, each way; NULL for no limit.
            try db.execute(sql: "ALTER TABLE user ADD COLUMN rate INTEGER CHECK (rate > 0)")
        }
        migrator.registerMigration("3 repositories") { db in
            // Repositories share the names of shares, and their grants.
            try db.execute(
                sql: """
                    ALTER TABLE share ADD COLUMN is_repository INTEGER NOT NULL DEFAULT 0
                    CHECK (is_repository IN (0, 1))
                    """
            )
        }
        return migrator
    }
}
