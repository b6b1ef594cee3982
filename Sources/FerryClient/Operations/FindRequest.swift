import FerryChunking
package import FerryErrors
package import FerryProtocol
package import FerryWire
import FoundationEssentials

/// Looks for names in snapshots.
package final class FindRequest: FrameOperation {
    /// Takes a batch of what is found as it arrives.
    package typealias TakeFindings = @Sendable ([WireFinding]) throws(FerryError) -> Void

    /// Snapshots of one repository: one a minute for two years.
    private static let limit = 1 << 20

    private let request: WireFind
    private let onFindings: TakeFindings
    private var snapshots = 0
    private var hasAsked = false
    private var isFinished = false

    package let summary = TransferSummary()
    package let canBeRefused = true

    /// - Parameters:
    ///   - request: what is looked for, and where.
    ///   - onFindings: takes each batch, on a thread that may block; what is in it has been checked.
    package init(_ request: WireFind, onFindings: @escaping TakeFindings) {
        self.request = request
        self.onFindings = onFindings
    }

    package func received(_ frame: Frame, sink: any FrameSink) throws(FerryError) {
        switch frame.body {
        case .failure(let failure): throw FerryError(peer: failure)
        case .findings(let list):
            for finding in list.findings { try self.check(finding) }
            try self.onFindings(list.findings)
        case .finished: self.isFinished = true
        default: throw FerryError(.violation, "the daemon answered a request with something else")
        }
    }

    private func check(_ finding: WireFinding) throws(FerryError) {
        switch finding.what {
        case .searched(let searched):
            self.snapshots += 1
            guard self.snapshots <= Self.limit else {
                throw FerryError(.limit, "the daemon looks through more than \(Self.limit) snapshots")
            }
            guard searched.id.count == ChunkID.length, self.snapshots > 1 || searched.first else {
                throw FerryError(.violation, "the daemon looked through a snapshot without an id, or in no series")
            }
            return
        case .found(let found):
            guard self.snapshots > 0, SnapshotPaths.isPath(found.path), found.version.count == ChunkID.length else {
                throw FerryError(.violation, "the daemon found something that is not in a snapshot")
            }
        case .gone(let path):
            guard self.snapshots > 0, SnapshotPaths.isPath(path) else {
                throw FerryError(.violation, "the daemon told of something that is not in a snapshot")
            }
        case .problem(let problem):
            guard self.snapshots > 0, problem.path.isEmpty || SnapshotPaths.isPath(problem.path) else {
                throw FerryError(.violation, "the daemon told of something that is not in a snapshot")
            }
        case nil: throw FerryError(.violation, "the daemon told of nothing")
        }
    }

    package func proceed(sink: any FrameSink) throws(FerryError) -> Progress {
        if !self.hasAsked {
            self.hasAsked = true
            sink.send(.find(self.request))
        }
        return self.isFinished ? .finished : .waiting
    }

    package func abandoned(_ error: FerryError) {}
}

/// Paths that a daemon tells from a snapshot.
enum SnapshotPaths {
    /// Whether it is one: names that a directory can hold, with slashes in between.
    static func isPath(_ path: Data) -> Bool {
        path.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).allSatisfy { name in
            (1...255).contains(name.count) && !name.contains(0) && !name.elementsEqual(".".utf8)
                && !name.elementsEqual("..".utf8)
        }
    }
}

extension ClientConnection {
    /// Looks for names in snapshots.
    ///
    /// - Parameters:
    ///   - request: what is looked for, and where.
    ///   - onFindings: takes each batch as it arrives, on a thread that may block.
    /// - Throws: what the daemon refuses with, and what `onFindings` throws.
    package func find(_ request: WireFind, onFindings: @escaping FindRequest.TakeFindings) async throws {
        _ = try await self.perform(FindRequest(request, onFindings: onFindings))
    }
}
