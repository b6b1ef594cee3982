import FerryChunking
import FerryErrors
import FerryRepository

/// What verifying a repository found, as an administrator is told.
package struct VerifyOutcome: Codable, Sendable {
    /// A snapshot that cannot be restored as a whole.
    package struct Touched: Codable, Sendable {
        package let id: String
        /// Escaped, from the snapshot's top; some of them.
        package let paths: [String]
        /// How many more there are at least.
        package let morePaths: UInt64
    }

    /// Findings and snapshots that are told; more are counted.
    private static let listed = 100
    private static let listedPaths = 20

    package let packs: UInt64
    package let blocks: UInt64
    package let bytes: UInt64
    package let snapshots: UInt64
    package let findings: [String]
    package let findingCount: UInt64
    /// Chunks and nodes that were found to be lost; a backup that still has them brings them back.
    package let lost: UInt64
    package let touched: [Touched]
    package let touchedCount: UInt64
    package let isClean: Bool

    init(_ report: VerifyReport) {
        self.packs = report.packs
        self.blocks = report.blocks
        self.bytes = report.bytes
        self.snapshots = report.snapshots
        self.findings = report.findings.prefix(Self.listed).map { finding in
            finding.pack.map { "pack \($0): \(finding.message)" } ?? finding.message
        }
        self.findingCount = report.findingCount
        self.lost = report.lost
        self.touched = report.touched.prefix(Self.listed).map { touched in
            let paths =
                touched.unreadable.map { ["all of it: \($0.message)"] } ?? touched.paths.map { Escaping.escape($0) }
            let more = UInt64(max(0, paths.count - Self.listedPaths))
            return Touched(
                id: touched.id.description,
                paths: Array(paths.prefix(Self.listedPaths)),
                morePaths: touched.morePaths + more
            )
        }
        self.touchedCount = report.touchedCount
        self.isClean = report.isClean
    }
}

/// What a repository holds, as an administrator is told; sizes in bytes.
package struct RepositoryFacts: Codable, Sendable {
    package let snapshots: UInt64
    package let packs: UInt64
    package let chunks: UInt64
    package let nodes: UInt64
    package let storedBytes: UInt64
    package let rawBytes: UInt64

    init(_ statistics: RepositoryStatistics) {
        self.snapshots = statistics.snapshots
        self.packs = statistics.packs
        self.chunks = statistics.chunks
        self.nodes = statistics.nodes
        self.storedBytes = statistics.storedBytes
        self.rawBytes = statistics.rawBytes
    }
}
