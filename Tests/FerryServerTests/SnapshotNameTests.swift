import FerryCatalog
import FerryChunking
import FerryErrors
import FerryObjects
import FerryRepository
import FerryServer
import FoundationEssentials
import Testing

/// How snapshots are named.
struct SnapshotNameTests {
    private static let day: Int64 = 86_400
    /// 2026-01-31, a Saturday, at the beginning of the day.
    private static let start: Int64 = 1_769_817_600
    private static let now = Date(timeIntervalSince1970: Double(start + 12 * 3600))

    private static func snapshot(_ id: String, seconds: Int64, tags: [String] = []) throws -> StoredSnapshot {
        var note = SnapshotNote()
        note.tags = tags
        let digits = Array((id + String(repeating: "0", count: 64 - id.count)).utf8)
        let bytes = try stride(from: 0, to: 64, by: 2).map { place in
            try #require(UInt8(String(decoding: digits[place..<place + 2], as: UTF8.self), radix: 16))
        }
        let snapshot = Snapshot(
            root: ChunkID.hashing([]),
            sequence: UInt64(bitPattern: seconds),
            seconds: seconds,
            nanoseconds: 0,
            owner: "carol",
            rest: note.encoded
        )
        return StoredSnapshot(id: try #require(ChunkID(bytes: bytes)), snapshot: snapshot)
    }

    /// The oldest first, as a repository lists them.
    private static func all() throws -> [StoredSnapshot] {
        [
            try self.snapshot("aaaa1111", seconds: self.start - 3 * self.day, tags: ["nightly", "feed"]),
            try self.snapshot("aaaa2222", seconds: self.start - 1, tags: ["2026-1-31", "2026-01-31-nightly"]),
            try self.snapshot("beef", seconds: self.start, tags: ["nightly", "2026-02-29", "aaaa1111"]),
            try self.snapshot("0123", seconds: self.start + 3600 + 59),
            try self.snapshot("cafe", seconds: self.start + 3660, tags: ["last", "latest"]),
        ]
    }

    /// The first digits of what a name finds.
    private static func find(_ text: String) throws -> String {
        let found = try SnapshotName(text: text).find(in: Listing(all: self.all()), owner: nil, now: self.now)
        return String(found.id.description.prefix(8))
    }

    private struct Listing: SnapshotListing {
        /// The oldest first.
        let all: [StoredSnapshot]

        func snapshots(
            _ selection: SnapshotSelection,
            after last: StoredSnapshot?,
            limit: Int
        ) throws(FerryError) -> [StoredSnapshot] {
            let ordered = selection.newestFirst ? self.all.reversed() : self.all
            let start = last.flatMap { last in ordered.firstIndex { $0.id == last.id } }.map { $0 + 1 } ?? 0
            let rest = ordered[start...].filter { stored in
                (selection.owner.map { $0 == stored.snapshot.owner } ?? true)
                    && (selection.madeBefore.map { stored.snapshot.seconds < $0 } ?? true)
            }
            return Array(rest.prefix(limit))
        }

        func snapshots(
            beginning digits: String,
            owner: String?,
            limit: Int
        ) throws(FerryError) -> [StoredSnapshot] {
            Array(self.all.filter { $0.id.description.hasPrefix(digits) }.prefix(limit))
        }
    }

    @Test(
        arguments: [
            ("latest", "cafe0000"),
            ("aaaa1", "aaaa1111"), ("aaaa2222", "aaaa2222"), ("beef", "beef0000"),
            ("0123" + String(repeating: "0", count: 60), "01230000"),
            // An id goes before a tag, a tag before nothing; three digits are none of an id.
            ("feed", "aaaa1111"), ("aaaa1111", "aaaa1111"), ("nightly", "beef0000"), ("last", "cafe0000"),
            ("2026-1-31", "aaaa2222"), ("today", "cafe0000"), ("yesterday", "aaaa2222"),
            ("2026-01-31", "cafe0000"), ("2026-01-30", "aaaa2222"), ("2026-01-29", "aaaa1111"),
            ("2026-01-28", "aaaa1111"), ("9999-12-31", "cafe0000"),
            ("2026-01-30T23:59", "aaaa2222"), ("2026-01-30T23:59Z", "aaaa2222"), ("2026-01-31T01:01:00Z", "cafe0000"),
            ("2026-01-31T00:00", "beef0000"), ("2026-01-31T00:00:00", "beef0000"),
            ("2026-01-30T23:59:58", "aaaa1111"), ("2026-01-31T01:00", "01230000"),
            ("2026-01-31T01:00:58", "beef0000"), ("2026-01-31T01:01:00", "cafe0000"),
        ]
    ) func namesFindTheNewest(_ name: String, _ found: String) throws {
        #expect(try Self.find(name) == found)
    }

    @Test(arguments: ["2026-01-27", "1970-01-01", "none", "aaa", "AAAA1", "ffff", "2026-1-30", "tag", ""])
    func namesOfNothing(_ name: String) throws {
        #expect { try Self.find(name) } throws: { ($0 as? FerryError)?.code == .notFound }
    }

    /// What nobody can have meant otherwise is not looked for, and what was mistyped is told with what is accepted.
    @Test(arguments: [
        "2026-02-29", "2026-02-30", "2026-13-01", "2026-01-31T", "2026-01-31T24:00", "yesterdayy", "latst",
    ])
    func whatIsMistypedIsRefused(_ name: String) throws {
        #expect {
            try Self.find(name)
        } throws: { error in
            guard let error = error as? FerryError, let remedy = error.remedy else { return false }
            return error.code == .usage && error.message.contains(name) && remedy.contains("2026-01-31T12:00")
        }
    }

    @Test func theBeginningOfSeveralIsRefused() throws {
        #expect {
            try Self.find("aaaa")
        } throws: { error in
            (error as? FerryError)?.code == .usage && "\(error)".contains("several snapshots")
        }
    }

    @Test func thereIsNothingInAnEmptyRepository() {
        for name in ["latest", "today", "aaaa", "tag"] {
            #expect {
                try SnapshotName(text: name).find(in: Listing(all: []), owner: nil, now: Self.now)
            } throws: { ($0 as? FerryError)?.code == .notFound }
        }
    }

    /// A client's note may be anything.
    @Test func aNoteThatIsNoneIsPassedOver() throws {
        let good = try Self.all()
        let bad = Snapshot(
            root: ChunkID.hashing([]),
            sequence: 9,
            seconds: Self.start,
            nanoseconds: 0,
            owner: "eve",
            rest: [0xFF]
        )
        let all = good + [StoredSnapshot(id: bad.id, snapshot: bad)]
        #expect(try SnapshotName(text: "nightly").find(in: Listing(all: all), owner: nil, now: Self.now) == good[2])
    }
}
