import FerryCatalog
import FerryChunking
import FerryErrors
import FerryFiles
import FerryProtocol
import FerryTransfer
import FerryWire

/// Sends a file of a share.
final class PullOperation: FrameOperation {
    private let request: WirePull
    private let access: ShareAccess
    private let peerLimits: FrameLimits
    private var sender: FileSender?
    private var unchanged: TransferSummary?

    init(request: WirePull, access: ShareAccess, peerLimits: FrameLimits) {
        self.request = request
        self.access = access
        self.peerLimits = peerLimits
    }

    var summary: TransferSummary { self.sender?.summary ?? self.unchanged ?? TransferSummary() }

    var canBeRefused: Bool { self.sender == nil }

    var joinable: (any JoinableTransfer)? { self.sender }

    func received(_ frame: Frame, sink: any FrameSink) throws(FerryError) {
        guard let sender = self.sender else { throw FerryError(.violation, "a pull was not ready to send") }
        try sender.received(frame)
    }

    func proceed(sink: any FrameSink) throws(FerryError) -> Progress {
        if let sender = self.sender { return try sender.proceed(sink: sink) }
        let compression = try Compression(self.request.compression)
        let (source, info) = try self.open()
        let (metadata, size) = (WireMetadata(info), UInt64(clamping: info.size))
        if try self.isUnchanged(info) {
            self.unchanged = .unchanged(size)
            sink.send(.ready(metadata: metadata, size: size, unchanged: true))
            sink.send(.finished())
            return .finished
        }
        // A peer that announces a larger window must not make this side queue more than the budget has for a transfer.
        var limits = self.peerLimits
        limits.blockWindow = min(limits.blockWindow, self.access.limits.blockWindow)
        self.sender = FileSender(
            source: source,
            parameters: .forShare(oldSize: self.request.hasOldSize ? Int64(clamping: self.request.oldSize) : nil),
            compression: compression,
            limits: limits
        )
        let tickets = self.access.session.tickets(self.request.connections)
        sink.send(.ready(metadata: metadata, size: size, tickets: tickets))
        return .more
    }

    private func open() throws(FerryError) -> (any ByteSource, FileInfo) {
        guard ShareAccess.isSnapshot(self.request.path) else {
            let location = try self.access.locate(self.request.path, .read)
            let source = try location.root.openForReading(location.path)
            return (source, source.info)
        }
        let location = try self.access.snapshot(self.request.path)
        let entry = try location.content.resolved(location.entry)
        guard entry.info.kind == .file else {
            throw FerryError(.notAFile, "\(location.path) is not a file")
        }
        return (try SnapshotFileSource(entry, of: location.content), entry.info)
    }

    private func isUnchanged(_ info: FileInfo) throws(FerryError) -> Bool {
        guard self.request.skipUnchanged, self.request.hasOldSize, self.request.hasOldMetadata else { return false }
        return try info.isUnchanged(size: self.request.oldSize, modified: self.request.oldMetadata.modified())
    }

    func abandoned(_ error: FerryError) {}
}
