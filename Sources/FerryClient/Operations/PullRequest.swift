package import FerryErrors
import FerryFiles
package import FerryProtocol
package import FerryTransfer
package import FerryWire
package import FoundationEssentials

/// Fetches one file of a share.
package final class PullRequest: FrameOperation {
    /// Makes the place where the file goes, once the daemon has told its size and metadata.
    package typealias MakeDestination = (WireReady) throws(FerryError) -> any ByteDestination

    private let path: Data
    private let compression: Compression
    private let makeDestination: MakeDestination
    private let onProgress: (@Sendable (TransferSummary) -> Void)?
    private var hasAsked = false
    private var receiver: FileReceiver?

    /// - Parameters:
    ///   - path: share, slash and path.
    ///   - compression: what the daemon is asked for.
    ///   - onProgress: told after each block and decision.
    ///   - makeDestination: called once, when the daemon is ready to send.
    package init(
        path: Data,
        compression: Compression,
        onProgress: (@Sendable (TransferSummary) -> Void)?,
        makeDestination: @escaping MakeDestination
    ) {
        self.path = path
        self.compression = compression
        self.onProgress = onProgress
        self.makeDestination = makeDestination
    }

    package var summary: TransferSummary { self.receiver?.summary ?? TransferSummary() }

    /// Once the daemon is ready it sends, so that a failure on this side ends the connection.
    package var canBeRefused: Bool { self.receiver == nil && !self.isReady }
    private var isReady = false

    package func received(_ frame: Frame, sink: any FrameSink) throws(FerryError) {
        switch frame.body {
        case .failure(let failure):
            throw FerryError(peer: failure)
        case .ready(let ready) where !self.isReady:
            guard ready.size <= UInt64(Int64.max) else {
                throw FerryError(
                    .violation,
                    "the daemon announced a file of \(ready.size) bytes, more than any file holds"
                )
            }
            self.isReady = true
            self.receiver = FileReceiver(
                destination: try self.makeDestination(ready),
                announcedSize: ready.hasSize ? ready.size : nil,
                limits: FrameLimits(),
                onProgress: self.onProgress
            )
        default:
            guard let receiver = self.receiver else {
                throw FerryError(.violation, "the daemon answered a pull with something else")
            }
            try receiver.received(frame, sink: sink)
        }
    }

    package func proceed(sink: any FrameSink) throws(FerryError) -> Progress {
        if !self.hasAsked {
            self.hasAsked = true
            sink.send(.pull(path: self.path, compression: self.compression.wire))
        }
        return self.receiver?.isFinished == true ? .finished : .waiting
    }

    package func abandoned() { self.receiver?.abandoned() }
}
