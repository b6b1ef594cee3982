package import FerryErrors
import GRDB

extension Catalog {
    /// Bytes per second that a user may be limited to: below, many connections could not all keep their deadlines.
    package static let rates = 64 << 10...1 << 40

    /// Limits what all connections of a user together move.
    ///
    /// - Parameters:
    ///   - rate: Bytes per second, each way; nil for no limit.
    ///   - user: Whose connections.
    /// - Throws: `.notFound` if there is no such user; `.usage` for a rate outside ``rates``.
    package func setRate(_ rate: Int?, of user: Name) throws(FerryError) {
        if let rate, !Self.rates.contains(rate) {
            throw FerryError(
                .usage,
                "\(rate) bytes per second cannot be a user's limit",
                remedy: "give at least 64KiB and at most 1TiB, or `none`"
            )
        }
        try self.write { db in
            try db.execute(sql: "UPDATE user SET rate = ? WHERE name = ?", arguments: [rate, user.text])
            guard db.changesCount > 0 else { throw Self.noUser(user) }
        }
    }

    /// What all connections of a user together may move.
    ///
    /// - Parameter user: Whose connections.
    /// - Returns: Bytes per second, each way; nil for no limit, also if there is no such user.
    /// - Throws: What SQLite met.
    package func rate(of user: Name) throws(FerryError) -> Int? {
        try self.read { db in
            let statement = try db.cachedStatement(sql: "SELECT rate FROM user WHERE name = ?")
            return try Optional<Int>.fetchOne(statement, arguments: [user.text]) ?? nil
        }
    }
}
