import FerryChunking
package import FerryErrors
package import FerryFiles
package import FerryProtocol
package import FerryTransfer
package import FerryWire
package import FoundationEssentials

/// Sends one file or stream to a share.
package final class PushRequest: FrameOperation {
    /// How a push is done.
    package struct Options: Sendable {
        /// Whether missing directories are made.
        package var makeParents = false
        /// Whether nothing moves if the file in place has the same size and time of modification.
        package var skipsUnchanged = false
        package var compression = Compression.auto
        /// Further ones that are to join.
        package var connections = 0
        /// Whether the plain SHA-256 is computed too.
        package var wantsSHA256 = false
        /// Where the names of a file's chunks are kept until it has arrived (``RememberedNames``); nil where every byte is
        /// to be read again.
        package var namesDirectory: String?

        package init() {}
    }

    private enum State {
        case new
        case asked
        case sending(FileSender)
        /// There is nothing to move; the daemon has yet to say that it is finished.
        case unchanged
        case finished(TransferSummary)
    }

    private let source: any ByteSource
    private let path: Data
    private let metadata: WireMetadata
    private let size: UInt64?
    private let options: Options
    private let limits: FrameLimits
    private let onProgress: (@Sendable (TransferSummary) -> Void)?
    private var state = State.new

    /// - Parameters:
    ///   - source: the bytes.
    ///   - path: share, slash and path.
    ///   - metadata: mode and time that the file gets.
    ///   - options: how it is done.
    ///   - limits: what the daemon announced.
    ///   - onProgress: told after each block and decision.
    package init(
        source: any ByteSource,
        path: Data,
        metadata: WireMetadata,
        options: Options,
        limits: FrameLimits,
        onProgress: (@Sendable (TransferSummary) -> Void)?
    ) {
        self.source = source
        self.path = path
        self.metadata = metadata
        self.size = source.knownSize.map { UInt64(clamping: $0) }
        self.options = options
        self.limits = limits
        self.onProgress = onProgress
    }

    package var summary: TransferSummary {
        switch self.state {
        case .sending(let sender): sender.summary
        case .finished(let summary): summary
        case .new, .asked, .unchanged: TransferSummary()
        }
    }

    package var canBeRefused: Bool {
        switch self.state {
        case .new, .asked: true
        case .sending, .unchanged, .finished: false
        }
    }

    package var joinable: (any JoinableTransfer)? {
        if case .sending(let sender) = self.state { sender } else { nil }
    }

    package func received(_ frame: Frame, sink: any FrameSink) throws(FerryError) {
        switch (frame.body, self.state) {
        // A daemon that is about to end says so right behind its confirmation, which counts.
        case (.failure, .finished): break
        case (.failure, .sending(let sender)) where sender.isFinished: break
        case (.failure(let failure), _): throw FerryError(peer: failure)
        case (.ready(let ready), .asked): try self.readied(ready)
        case (.finished, .unchanged):
            self.state = .finished(.unchanged(self.size ?? 0))
        case (_, .sending(let sender)): try sender.received(frame)
        default: throw FerryError(.violation, "the daemon answered a push with something else")
        }
    }

    private func readied(_ ready: WireReady) throws(FerryError) {
        if ready.unchanged {
            guard self.options.skipsUnchanged else {
                throw FerryError(.violation, "the daemon calls a file unchanged that it was to receive")
            }
            self.state = .unchanged
            return
        }
        let parameters = GearChunker.Parameters.forShare(
            oldSize: ready.hasOldSize ? Int64(clamping: ready.oldSize) : nil
        )
        self.state = .sending(
            FileSender(
                source: self.source,
                parameters: parameters,
                compression: self.options.compression,
                limits: self.limits,
                wantsSHA256: self.options.wantsSHA256,
                names: self.rememberedNames(parameters),
                allowsAhead: true,
                onProgress: self.onProgress
            )
        )
    }

    private func rememberedNames(_ parameters: GearChunker.Parameters) -> RememberedNames? {
        guard let directory = self.options.namesDirectory, !self.options.wantsSHA256,
            let file = self.source as? SourceFile
        else { return nil }
        return RememberedNames(in: directory, of: file, parameters: parameters)
    }

    package func proceed(sink: any FrameSink) throws(FerryError) -> Progress {
        switch self.state {
        case .new:
            sink.send(
                .push(
                    path: self.path,
                    metadata: self.metadata,
                    size: self.size,
                    makeParents: self.options.makeParents,
                    skipUnchanged: self.options.skipsUnchanged,
                    ahead: true,
                    connections: self.options.connections
                )
            )
            self.state = .asked
            return .waiting
        case .sending(let sender): return try sender.proceed(sink: sink)
        case .finished: return .finished
        case .asked, .unchanged: return .waiting
        }
    }

    package func abandoned(_ error: FerryError) {
        if case .sending(let sender) = self.state { sender.abandoned(error) }
    }
}
