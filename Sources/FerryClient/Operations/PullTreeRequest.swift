package import FerryErrors
package import FerryProtocol
package import FerryTransfer
package import FerryWire
package import FoundationEssentials

/// Fetches a tree of a share.
package final class PullTreeRequest: FrameOperation {
    /// Makes what receives the tree, once the daemon is ready to send it.
    package typealias MakeReceiver = () throws(FerryError) -> TreeReceiver

    private enum State {
        case new
        case asked
        case receiving(TreeReceiver)
    }

    private let path: Data
    private let options: WireTreeOptions
    private let compression: Compression
    private let makeReceiver: MakeReceiver
    private let single: Bool
    private let connections: Int
    private var state = State.new

    /// - Parameters:
    ///   - path: share, slash and path of the tree's top.
    ///   - options: how the trees are compared.
    ///   - compression: what the daemon is asked for.
    ///   - single: whether the path is of no directory, and what is there comes alone.
    ///   - connections: further ones that are to join.
    ///   - makeReceiver: called once, when the daemon is ready to send.
    package init(
        path: Data,
        options: WireTreeOptions,
        compression: Compression,
        single: Bool = false,
        connections: Int = 0,
        makeReceiver: @escaping MakeReceiver
    ) {
        self.path = path
        self.options = options
        self.compression = compression
        self.single = single
        self.connections = connections
        self.makeReceiver = makeReceiver
    }

    package var summary: TransferSummary {
        if case .receiving(let receiver) = self.state { receiver.summary } else { TransferSummary() }
    }

    package var canBeRefused: Bool { if case .receiving = self.state { false } else { true } }

    package var joinable: (any JoinableTransfer)? {
        if case .receiving(let receiver) = self.state { receiver } else { nil }
    }

    package func received(_ frame: Frame, sink: any FrameSink) throws(FerryError) {
        switch (frame.body, self.state) {
        case (.failure(let failure), _): throw FerryError(peer: failure)
        case (.ready, .asked): self.state = .receiving(try self.makeReceiver())
        case (_, .receiving(let receiver)): try receiver.received(frame, sink: sink)
        default: throw FerryError(.violation, "the daemon answered a pull with something else")
        }
    }

    package func proceed(sink: any FrameSink) throws(FerryError) -> Progress {
        switch self.state {
        case .new:
            sink.send(
                .pullTree(
                    path: self.path,
                    options: self.options,
                    compression: self.compression.wire,
                    single: self.single,
                    connections: self.connections
                )
            )
            self.state = .asked
            return .waiting
        case .asked: return .waiting
        case .receiving(let receiver): return try receiver.proceed(sink: sink)
        }
    }

    package func abandoned(_ error: FerryError) {
        if case .receiving(let receiver) = self.state { receiver.abandoned(error) }
    }
}
