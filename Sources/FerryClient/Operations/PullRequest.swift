package import FerryErrors
package import FerryFiles
package import FerryProtocol
package import FerryTransfer
package import FerryWire
package import FoundationEssentials

/// Fetches one file of a share.
package final class PullRequest: FrameOperation {
    /// Makes the place where the file goes, once the daemon has told its size and metadata.
    package typealias MakeDestination = (WireReady) throws(FerryError) -> any ByteDestination

    /// The version of the file that is here already.
    package struct Old {
        let file: SourceFile
        let root: RootDirectory
        let path: RelativePath
        let skipsUnchanged: Bool

        /// - Parameters:
        ///   - root: the directory that it lies in.
        ///   - path: its name there.
        ///   - skipsUnchanged: whether nothing is to move if the daemon's file has the same size and time of modification.
        package init?(in root: RootDirectory, at path: RelativePath, skipsUnchanged: Bool) {
            guard let file = try? root.openForReading(path) else { return nil }
            self.file = file
            self.root = root
            self.path = path
            self.skipsUnchanged = skipsUnchanged
        }
    }

    private enum State {
        case new
        case asked
        case receiving(FileReceiver)
        /// There is nothing to move; the daemon has yet to say that it is finished.
        case unchanged(bytes: UInt64)
        case finished(TransferSummary)
    }

    private let path: Data
    private let compression: Compression
    private let old: Old?
    private let makeDestination: MakeDestination
    private let onProgress: (@Sendable (TransferSummary) -> Void)?
    private let connections: Int
    private var state = State.new

    /// - Parameters:
    ///   - path: share, slash and path.
    ///   - compression: what the daemon is asked for.
    ///   - old: the version that is here already, if there is one: what it holds need not travel.
    ///   - connections: further ones that are to join.
    ///   - onProgress: told after each block and decision.
    ///   - makeDestination: called once, when the daemon is ready to send.
    package init(
        path: Data,
        compression: Compression,
        old: Old? = nil,
        connections: Int = 0,
        onProgress: (@Sendable (TransferSummary) -> Void)?,
        makeDestination: @escaping MakeDestination
    ) {
        self.path = path
        self.compression = compression
        self.old = old
        self.connections = connections
        self.onProgress = onProgress
        self.makeDestination = makeDestination
    }

    package var summary: TransferSummary {
        switch self.state {
        case .receiving(let receiver): receiver.summary
        case .finished(let summary): summary
        case .new, .asked, .unchanged: TransferSummary()
        }
    }

    /// Once the daemon is ready it sends, so that a failure on this side ends the connection.
    package var canBeRefused: Bool {
        switch self.state {
        case .new, .asked: !self.isReady
        case .receiving, .unchanged, .finished: false
        }
    }
    private var isReady = false

    package var joinable: (any JoinableTransfer)? {
        if case .receiving(let receiver) = self.state { receiver } else { nil }
    }

    package func received(_ frame: Frame, sink: any FrameSink) throws(FerryError) {
        switch (frame.body, self.state) {
        // What is in place stays so, whatever the daemon has to say afterwards.
        case (.failure, .finished): break
        case (.failure, .receiving(let receiver)) where receiver.isFinished: break
        case (.failure(let failure), _):
            throw FerryError(peer: failure)
        case (.ready(let ready), .asked) where !self.isReady:
            self.isReady = true
            try self.readied(ready)
        case (.finished, .unchanged(let bytes)):
            self.state = .finished(.unchanged(bytes))
        case (_, .receiving(let receiver)):
            try receiver.received(frame, sink: sink)
        default:
            throw FerryError(.violation, "the daemon answered a pull with something else")
        }
    }

    private func readied(_ ready: WireReady) throws(FerryError) {
        guard ready.size <= UInt64(Int64.max) else {
            throw FerryError(.violation, "the daemon announced a file of \(ready.size) bytes, more than any file holds")
        }
        if ready.unchanged {
            guard let old = self.old, old.skipsUnchanged,
                try old.file.info.isUnchanged(size: ready.size, modified: ready.metadata.modified())
            else {
                throw FerryError(.violation, "the daemon calls a file unchanged that it was to send")
            }
            // The mode of somebody else's file is theirs to change; what was asked for, the content, is in place.
            _ = try old.root.adopt(old.file, at: old.path, mode: ready.metadata.mode)
            self.state = .unchanged(bytes: ready.size)
            return
        }
        self.state = .receiving(
            FileReceiver(
                destination: try self.makeDestination(ready),
                announcedSize: ready.hasSize ? ready.size : nil,
                old: self.old?.file,
                isSparse: ready.metadata.hasAllocated,
                limits: FrameLimits(),
                onProgress: self.onProgress
            )
        )
    }

    package func proceed(sink: any FrameSink) throws(FerryError) -> Progress {
        switch self.state {
        case .new:
            let old = self.old.map { (WireMetadata($0.file.info), UInt64(clamping: $0.file.info.size)) }
            let skips = self.old?.skipsUnchanged ?? false
            sink.send(
                .pull(
                    path: self.path,
                    compression: self.compression.wire,
                    old: old,
                    skipUnchanged: skips,
                    connections: self.connections
                )
            )
            self.state = .asked
            return .waiting
        case .receiving(let receiver): return try receiver.proceed(sink: sink)
        case .finished: return .finished
        case .asked, .unchanged: return .waiting
        }
    }

    package func abandoned(_ error: FerryError) {
        if case .receiving(let receiver) = self.state { receiver.abandoned(error) }
    }
}
