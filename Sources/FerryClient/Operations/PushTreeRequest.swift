package import FerryErrors
package import FerryFiles
package import FerryProtocol
package import FerryTransfer
package import FerryWire
package import FoundationEssentials

/// Sends a tree to a share.
package final class PushTreeRequest: FrameOperation {
    private enum State {
        case new
        case asked
        case sending(TreeSender)
    }

    private let walk: TreeWalk
    private let path: Data
    private let options: WireTreeOptions
    private let makeParents: Bool
    private let compression: Compression
    private let limits: FrameLimits
    private let onEvent: TreeEvents
    private let connections: Int
    private var state = State.new

    /// - Parameters:
    ///   - walk: through the tree.
    ///   - path: share, slash and path of the directory that gets its content.
    ///   - options: how the trees are compared.
    ///   - makeParents: whether missing directories above it are made.
    ///   - compression: of the blocks.
    ///   - connections: further ones that are to join.
    ///   - limits: what the daemon announced.
    ///   - onEvent: told what happens to which file.
    package init(
        _ walk: TreeWalk,
        path: Data,
        options: WireTreeOptions,
        makeParents: Bool,
        compression: Compression,
        connections: Int = 0,
        limits: FrameLimits,
        onEvent: @escaping TreeEvents
    ) {
        self.walk = walk
        self.path = path
        self.options = options
        self.makeParents = makeParents
        self.compression = compression
        self.connections = connections
        self.limits = limits
        self.onEvent = onEvent
    }

    package var summary: TransferSummary {
        if case .sending(let sender) = self.state { sender.summary } else { TransferSummary() }
    }

    package var canBeRefused: Bool { if case .sending = self.state { false } else { true } }

    package var joinable: (any JoinableTransfer)? {
        if case .sending(let sender) = self.state { sender } else { nil }
    }

    package func received(_ frame: Frame, sink: any FrameSink) throws(FerryError) {
        switch (frame.body, self.state) {
        // A daemon that is about to end says so right behind its confirmation, which counts.
        case (.failure, .sending(let sender)) where sender.isFinished: break
        case (.failure(let failure), _): throw FerryError(peer: failure)
        case (.ready, .asked):
            let sender = TreeSender(
                self.walk,
                compression: self.compression,
                limits: self.limits,
                metadata: MetadataPolicy(self.options, isDaemon: false),
                onEvent: self.onEvent
            )
            self.state = .sending(sender)
        case (_, .sending(let sender)): try sender.received(frame)
        default: throw FerryError(.violation, "the daemon answered a push with something else")
        }
    }

    package func proceed(sink: any FrameSink) throws(FerryError) -> Progress {
        switch self.state {
        case .new:
            sink.send(
                .pushTree(
                    path: self.path,
                    options: self.options,
                    makeParents: self.makeParents,
                    connections: self.connections
                )
            )
            self.state = .asked
            return .waiting
        case .asked: return .waiting
        case .sending(let sender): return try sender.proceed(sink: sink)
        }
    }

    package func abandoned(_ error: FerryError) {}
}
