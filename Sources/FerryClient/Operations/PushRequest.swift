import FerryChunking
package import FerryErrors
package import FerryFiles
package import FerryProtocol
package import FerryTransfer
package import FerryWire
package import FoundationEssentials

/// Sends one file or stream to a share.
package final class PushRequest: FrameOperation {
    private let path: Data
    private let metadata: WireMetadata
    private let size: UInt64?
    private let makeParents: Bool
    private var hasAsked = false
    private var isReady = false
    private let sender: FileSender

    /// - Parameters:
    ///   - source: the bytes.
    ///   - path: share, slash and path.
    ///   - metadata: mode and time that the file gets.
    ///   - makeParents: whether missing directories are made.
    ///   - compression: of the blocks.
    ///   - limits: what the daemon announced.
    ///   - wantsSHA256: whether the plain SHA-256 is computed too.
    ///   - onProgress: told after each block and decision.
    package init(
        source: any ByteSource,
        path: Data,
        metadata: WireMetadata,
        makeParents: Bool,
        compression: Compression,
        limits: FrameLimits,
        wantsSHA256: Bool,
        onProgress: (@Sendable (TransferSummary) -> Void)?
    ) {
        self.path = path
        self.metadata = metadata
        self.size = source.knownSize.map { UInt64(clamping: $0) }
        self.makeParents = makeParents
        self.sender = FileSender(
            source: source,
            parameters: .forShare(oldSize: nil),
            compression: compression,
            limits: limits,
            wantsSHA256: wantsSHA256,
            onProgress: onProgress
        )
    }

    package var summary: TransferSummary { self.sender.summary }

    package var canBeRefused: Bool { !self.isReady }

    package func received(_ frame: Frame, sink: any FrameSink) throws(FerryError) {
        switch frame.body {
        case .failure(let failure): throw FerryError(peer: failure)
        case .ready where !self.isReady: self.isReady = true
        case _ where self.isReady: try self.sender.received(frame)
        default: throw FerryError(.violation, "the daemon answered a push with something else")
        }
    }

    package func proceed(sink: any FrameSink) throws(FerryError) -> Progress {
        if self.isReady { return try self.sender.proceed(sink: sink) }
        if !self.hasAsked {
            self.hasAsked = true
            sink.send(.push(path: self.path, metadata: self.metadata, size: self.size, makeParents: self.makeParents))
        }
        return .waiting
    }

    package func abandoned() {}
}
