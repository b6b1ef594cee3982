import FerryCatalog
import FerryErrors
import FerryFiles
import FerryObjects
import FerryProtocol
import FerryRepository
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
        let compression = try Compression(self.request.compression)
        // A peer that announces a larger window must not make this side queue more than the budget has for a transfer.
        var limits = self.peerLimits
        limits.blockWindow = min(limits.blockWindow, self.access.limits.blockWindow)
        self.sender =
            try ShareAccess.isSnapshot(self.request.path)
            ? self.ofSnapshot(compression, limits) : self.ofShare(compression, limits)
        sink.send(.ready(tickets: self.access.session.tickets(self.request.connections)))
        return .more
    }

    private func ofSnapshot(_ compression: Compression, _ limits: FrameLimits) throws(FerryError) -> TreeSender {
        let location = try self.access.snapshot(self.request.path)
        var policy = MetadataPolicy(self.request.options, isDaemon: true)
        // What the daemon may set and keep on its own disk is no matter here.
        policy.isDaemon = false
        let part: SnapshotTree.Part
        if self.request.single {
            let entry = try location.content.resolved(location.entry)
            guard !entry.isDirectory else { throw FerryError(.notAFile, "\(location.path) is a directory") }
            guard entry.info.posixMode & 0o170000 != 0o140000 else {
                throw FerryError(.unsupported, "\(location.path) is a socket, which only its program can make")
            }
            part = SnapshotTree.Part(single: entry)
        } else {
            guard location.entry.isDirectory else {
                throw FerryError(.notADirectory, "\(location.path) is not a directory")
            }
            part = SnapshotTree.Part(top: location.entry, path: location.path.bytes)
        }
        let tree = SnapshotTree(
            part,
            of: location.content,
            filter: try TreeFilter(self.request.options.filter),
            policy: policy,
            tellsLeftOut: self.request.options.delete,
            average: location.place.repository.configuration.averageChunk
        )
        return TreeSender(tree, compression: compression, limits: limits, tellsOwners: policy.owners)
    }

    private func ofShare(_ compression: Compression, _ limits: FrameLimits) throws(FerryError) -> TreeSender {
        guard !self.request.single else {
            throw FerryError(.unsupported, "only what is in a snapshot is pulled alone as a tree")
        }
        let location = try self.access.locate(self.request.path, .read, allowRoot: true)
        return TreeSender(
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
    }

    func abandoned(_ error: FerryError) {}
}
