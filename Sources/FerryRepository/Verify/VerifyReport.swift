package import FerryChunking
package import FerryErrors

/// How thoroughly a repository is verified.
package enum VerifyDepth: Sendable, Equatable {
    /// That all packs are there and list what the index tells of them, and that all snapshots can be read.
    case quick
    /// That, and every byte of so many packs in a hundred, chosen by chance.
    case sampled(percent: Int)
    /// That, and every byte, and that each snapshot is complete, whatever the index tells.
    case full
}

/// How far verifying, or making an index anew, has come.
package struct VerifyProgress: Sendable, Equatable {
    package var packs: UInt64 = 0
    package var ofPacks: UInt64 = 0
    /// Of packs that were read.
    package var bytes: UInt64 = 0

    package init() {}
}

/// What verifying found.
package struct VerifyReport: Sendable {
    /// Findings that are listed; more are counted.
    package static let maximumFindings = 1000
    /// Paths of one snapshot that are listed, and of all; more are counted, or told to be there.
    package static let (maximumPaths, maximumAllPaths) = (100, 10_000)
    /// Snapshots that are listed; more are counted.
    package static let maximumTouched = 10_000

    /// Something that is not as it should be.
    package struct Finding: Sendable, Equatable {
        /// The pack that it concerns.
        package let pack: ChunkID?
        package let message: String
    }

    /// A snapshot that cannot be restored as a whole.
    package struct Touched: Sendable {
        package let id: ChunkID
        /// Why nothing of it can be read; nil if some can.
        package let unreadable: FerryError?
        /// What cannot be restored, in part or at all, by paths from its top.
        package let paths: [[UInt8]]
        /// Paths beyond those: as many at least.
        package let morePaths: UInt64
    }

    package internal(set) var packs: UInt64 = 0
    /// Blocks of which every byte was checked.
    package internal(set) var blocks: UInt64 = 0
    package internal(set) var bytes: UInt64 = 0
    package internal(set) var snapshots: UInt64 = 0
    package private(set) var findings: [Finding] = []
    /// Of all findings, listed or not.
    package private(set) var findingCount: UInt64 = 0
    /// Objects that lie in no pack any more, or only damaged, and were found to be lost by this run.
    package internal(set) var lost: UInt64 = 0
    /// Objects that are damaged in one place and lie elsewhere, too.
    package internal(set) var healed: UInt64 = 0
    package private(set) var touched: [Touched] = []
    /// Of all snapshots that are touched, listed or not.
    package private(set) var touchedCount: UInt64 = 0
    /// Paths that may still be listed of the next snapshot.
    private(set) var pathsLeft = VerifyReport.maximumPaths
    private var allPaths = 0

    /// Whether all is as it should be. Places that are no good, of objects that lie elsewhere too, are no flaw once they are known.
    package var isClean: Bool { self.findingCount == 0 && self.touched.isEmpty }

    mutating func touch(_ snapshot: Touched) {
        self.touchedCount += 1
        if self.touched.count < Self.maximumTouched { self.touched.append(snapshot) }
        self.allPaths += snapshot.paths.count
        self.pathsLeft = max(0, min(Self.maximumPaths, Self.maximumAllPaths - self.allPaths))
    }

    mutating func note(_ pack: ChunkID?, _ message: String) {
        self.findingCount += 1
        if self.findings.count < Self.maximumFindings { self.findings.append(Finding(pack: pack, message: message)) }
    }
}

/// What a repository holds.
package struct RepositoryStatistics: Equatable, Sendable {
    package let snapshots: UInt64
    package let packs: UInt64
    /// Different ones.
    package let chunks: UInt64
    package let nodes: UInt64
    /// Of all packs.
    package let storedBytes: UInt64
    /// Of all different chunks and nodes, before compression.
    package let rawBytes: UInt64
}
