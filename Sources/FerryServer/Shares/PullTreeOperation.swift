import FerryCatalog
import FerryErrors
import FerryFiles
import FerryProtocol
import FerryTransfer
import FerryWire

/// Sends a tree of a share.
final class PullTreeOperation: FrameOperation {
    private let request: WirePullTree
    private let access: ShareAccess
    private let peerLimits: FrameLimits
    private var sender: TreeSender?

    init(request: WirePullTree, access: ShareAccess, peerLimits: FrameLimits) {
        self.request = request
        self.access = access
        self.peerLimits = peerLimits
    }

    var summary: TransferSummary { self.sender?.summary ?? TransferSummary() }

    var canBeRefused: Bool { self.sender == nil }

    var joinable: (any JoinableTransfer)? { self.sender }

    func received(_ frame: Frame, sink: any FrameSink) throws(FerryError) {
        guard let sender = self.sender else { throw FerryError(.violation, "a pull was not ready to send") }
        try sender.received(frame)
    }

    func proceed(sink: any FrameSink) throws(FerryError) -> Progress {
        if let sender = self.sender { return try sender.proceed(sink: sink) }
        let location = try self.access.locate(self.request.path, .read, allowRoot: true)
        let compression = try Compression(self.request.compression)
        // A peer that announces a larger window must not make this side queue more than the budget has for a transfer.
        var limits = self.peerLimits
        limits.blockWindow = min(limits.blockWindow, self.access.limits.blockWindow)
        self.sender = TreeSender(
            TreeWalk(
                try location.root.openTree(location.path),
                filter: try TreeFilter(self.request.options.filter),
                staysOnFileSystem: self.request.options.filter.oneFileSystem,
                tellsLeftOut: self.request.options.delete
            ),
            compression: compression,
            limits: limits,
            metadata: MetadataPolicy(self.request.options, isDaemon: true)
        )
        sink.send(.ready(tickets: self.access.session.tickets(self.request.connections)))
        return .more
    }

    func abandoned(_ error: FerryError) {}
}
