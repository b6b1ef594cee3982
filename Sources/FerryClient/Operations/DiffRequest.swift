package import FerryErrors
package import FerryProtocol
package import FerryWire
import FoundationEssentials

/// Compares two places in snapshots.
package final class DiffRequest: FrameOperation {
    /// Takes a batch of differences as it arrives.
    package typealias TakeDifferences = @Sendable ([WireDifference]) throws(FerryError) -> Void

    private let request: WireDiff
    private let onDifferences: TakeDifferences
    private var hasAsked = false
    private var isFinished = false

    package let summary = TransferSummary()
    package let canBeRefused = true

    /// - Parameters:
    ///   - request: what is compared.
    ///   - onDifferences: takes each batch, on a thread that may block; what is in it has been checked.
    package init(_ request: WireDiff, onDifferences: @escaping TakeDifferences) {
        self.request = request
        self.onDifferences = onDifferences
    }

    package func received(_ frame: Frame, sink: any FrameSink) throws(FerryError) {
        switch frame.body {
        case .failure(let failure): throw FerryError(peer: failure)
        case .differences(let list):
            for difference in list.differences {
                guard difference.path.isEmpty || SnapshotPaths.isPath(difference.path),
                    difference.hasFailure || difference.hasOld || difference.hasNew
                else { throw FerryError(.violation, "the daemon told of a difference that is none") }
            }
            try self.onDifferences(list.differences)
        case .finished: self.isFinished = true
        default: throw FerryError(.violation, "the daemon answered a request with something else")
        }
    }

    package func proceed(sink: any FrameSink) throws(FerryError) -> Progress {
        if !self.hasAsked {
            self.hasAsked = true
            sink.send(.diff(self.request))
        }
        return self.isFinished ? .finished : .waiting
    }

    package func abandoned(_ error: FerryError) {}
}

extension ClientConnection {
    /// Compares two places in snapshots.
    ///
    /// - Parameters:
    ///   - request: what is compared.
    ///   - onDifferences: takes each batch as it arrives, on a thread that may block.
    /// - Throws: what the daemon refuses with, and what `onDifferences` throws.
    package func diff(_ request: WireDiff, onDifferences: @escaping DiffRequest.TakeDifferences) async throws {
        _ = try await self.perform(DiffRequest(request, onDifferences: onDifferences))
    }
}
