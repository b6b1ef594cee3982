import FerryChunking
package import FerryErrors
import FoundationEssentials
import GRDB

extension RepositoryIndex {
    /// Places that are taken over from an index that is no good; of more, the rest is found out again.
    private static let maximumKnown = 1 << 16

    private static let known = "SELECT pack, id, block, told FROM damage"
    /// The same in version 2, which had packs by their numbers.
    private static let knownBefore =
        "SELECT pack.name, damage.id, damage.block, damage.told FROM damage JOIN pack ON pack.number = damage.pack"

    /// What an index that cannot be opened still tells of places that are no good, as far as it can be read.
    ///
    /// - Parameter path: of its file.
    /// - Returns: nothing if nothing can be read.
    package static func knownDamage(at path: String) -> [KnownDamage] {
        var known: [KnownDamage] = []
        // Nothing of it is trusted for more than this: a place that is lacked for nothing is found to be good by verifying.
        try? DatabaseQueue(path: path).read { db in
            let version = try Int.fetchOne(db, sql: "PRAGMA user_version")
            let rows = try Row.fetchCursor(db, sql: version == 2 ? Self.knownBefore : Self.known)
            while known.count < Self.maximumKnown, let row = try rows.next() {
                known.append(
                    KnownDamage(
                        pack: try row.id(0),
                        id: try row.id(1),
                        block: try row.integer(2),
                        isTold: try row.integer(3) != 0
                    )
                )
            }
        }
        return known
    }

    /// Notes places that are no good in packs that it does not know yet: they are lacked once it does.
    ///
    /// - Throws: what SQLite met.
    package func note(_ known: [KnownDamage]) throws(FerryError) {
        guard !known.isEmpty else { return }
        try self.write { db in
            let note = try db.cachedStatement(sql: "INSERT OR IGNORE INTO damage VALUES (?, ?, ?, ?)")
            for place in known {
                try note.execute(arguments: [place.pack.data, place.id.data, place.block, place.isTold])
            }
        }
    }
}
