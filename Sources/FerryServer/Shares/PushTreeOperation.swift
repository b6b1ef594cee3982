import FerryCatalog
import FerryErrors
import FerryFiles
import FerryProtocol
import FerryTransfer
import FerryWire

/// Receives a tree into a share.
final class PushTreeOperation: FrameOperation {
    private let request: WirePushTree
    private let access: ShareAccess
    private var receiver: TreeReceiver?

    init(request: WirePushTree, access: ShareAccess) {
        self.request = request
        self.access = access
    }

    var summary: TransferSummary { self.receiver?.summary ?? TransferSummary() }

    var canBeRefused: Bool { self.receiver == nil }

    var joinable: (any JoinableTransfer)? { self.receiver }

    func received(_ frame: Frame, sink: any FrameSink) throws(FerryError) {
        guard let receiver = self.receiver else {
            throw FerryError(.violation, "a push was not ready to receive")
        }
        try receiver.received(frame, sink: sink)
    }

    func proceed(sink: any FrameSink) throws(FerryError) -> Progress {
        if let receiver = self.receiver { return try receiver.proceed(sink: sink) }
        let found = try self.access.locate(self.request.path, .write, allowRoot: true)
        let location = found.path.isRoot ? found : try found.followingLink()
        let roots = self.access.services.roots
        let wish = self.request.options
        try roots.checkSpace(location, for: 0)
        var options = TreeReceiver.Options()
        options.mayRead = location.granted.contains(.read)
        options.comparesContent = wish.checksum
        options.owner = self.access.user.text
        options.tellsPeer = true
        options.filter = try TreeFilter(wish.filter)
        options.deletes = wish.delete
        options.maxDelete = wish.hasMaxDelete ? wish.maxDelete : nil
        options.isDryRun = wish.dryRun
        options.reports = wish.report
        options.metadata = MetadataPolicy(wish, isDaemon: true)
        guard options.mayRead || !(wish.verify || wish.delete || wish.dryRun || wish.report) else {
            throw FerryError(
                .denied,
                "\(self.access.user.text) may not read from the share \(location.share.name.text), and comparing, reporting "
                    + "and deleting tell what is there",
                remedy: "ask the daemon's administrator for a grant"
            )
        }
        if wish.verify {
            (options.verifies, options.isDryRun, options.deletes, options.reports) = (true, true, true, true)
        }
        if !options.isDryRun {
            try location.root.makeDirectory(location.path, parents: self.request.makeParents)
        }
        let top = try self.top(location, &options)
        let (session, announced) = (self.access.session, self.access.limits.blockWindow)
        self.receiver = TreeReceiver(
            top,
            options: options,
            limits: self.access.limits,
            window: { session.window(announced) },
            willWrite: { bytes throws(FerryError) in try roots.willWrite(bytes, to: location) }
        )
        // Where nothing moves, nothing moves faster.
        let connections = options.isDryRun ? 0 : self.request.connections
        sink.send(.ready(tickets: self.access.session.tickets(connections)))
        return .waiting
    }

    /// The directory that gets the tree; for a dry run it need not exist.
    private func top(
        _ location: ShareLocation,
        _ options: inout TreeReceiver.Options
    ) throws(FerryError) -> OpenDirectory {
        do throws(FerryError) { return try location.root.openTree(location.path) } catch {
            guard options.isDryRun, !options.verifies, error.code == .notFound else { throw error }
            options.isMissing = true
            return try location.root.openTree(.root)
        }
    }

    func abandoned(_ error: FerryError) { self.receiver?.abandoned(error) }
}
