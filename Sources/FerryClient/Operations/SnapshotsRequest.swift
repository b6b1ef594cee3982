import FerryChunking
package import FerryErrors
package import FerryProtocol
package import FerryWire

/// Lists the snapshots of a repository.
package final class SnapshotsRequest: FrameOperation {
    /// Takes a batch of snapshots as it arrives.
    package typealias TakeSnapshots = @Sendable (WireSnapshotList) throws(FerryError) -> Void

    /// Snapshots of one repository: one a minute for two years.
    private static let limit = 1 << 20

    private let repository: String
    private let onSnapshots: TakeSnapshots
    private var count = 0
    private var hasAsked = false
    private var isFinished = false

    package let summary = TransferSummary()
    package let canBeRefused = true

    /// - Parameters:
    ///   - repository: its name.
    ///   - onSnapshots: takes each batch, on a thread that may block.
    package init(repository: String, onSnapshots: @escaping TakeSnapshots) {
        self.repository = repository
        self.onSnapshots = onSnapshots
    }

    package func received(_ frame: Frame, sink: any FrameSink) throws(FerryError) {
        switch frame.body {
        case .failure(let failure): throw FerryError(peer: failure)
        case .snapshotList(let list):
            guard list.snapshots.allSatisfy({ $0.id.count == ChunkID.length }),
                list.damaged.count.isMultiple(of: ChunkID.length)
            else {
                throw FerryError(.violation, "the daemon listed a snapshot without an id")
            }
            self.count += list.snapshots.count + list.damaged.count / ChunkID.length
            guard self.count <= Self.limit else {
                throw FerryError(.limit, "the daemon lists more than \(Self.limit) snapshots")
            }
            try self.onSnapshots(list)
        case .finished: self.isFinished = true
        default: throw FerryError(.violation, "the daemon answered a request with something else")
        }
    }

    package func proceed(sink: any FrameSink) throws(FerryError) -> Progress {
        if !self.hasAsked {
            self.hasAsked = true
            sink.send(.snapshots(of: self.repository))
        }
        return self.isFinished ? .finished : .waiting
    }

    package func abandoned(_ error: FerryError) {}
}

extension ClientConnection {
    /// Lists the snapshots of a repository, the oldest first.
    ///
    /// - Parameters:
    ///   - repository: its name.
    ///   - onSnapshots: takes each batch as it arrives, on a thread that may block.
    /// - Throws: what the daemon refuses with, and what `onSnapshots` throws.
    package func snapshots(
        of repository: String,
        onSnapshots: @escaping SnapshotsRequest.TakeSnapshots
    ) async throws {
        _ = try await self.perform(SnapshotsRequest(repository: repository, onSnapshots: onSnapshots))
    }
}
