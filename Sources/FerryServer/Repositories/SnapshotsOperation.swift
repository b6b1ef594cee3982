import FerryCatalog
import FerryChunking
import FerryErrors
import FerryObjects
import FerryProtocol
import FerryRepository
import FerryTransfer
import FerryWire
import FoundationEssentials

/// Lists the snapshots of a repository, a frame of them at a time, as the peer reads.
final class SnapshotsOperation: FrameOperation {
    /// Bytes queued at which it waits for the peer.
    private static let queueLimit = 256 << 10
    /// Bytes of notes after which a frame is full: with the longest note it stays below the limit of headers.
    private static let frameLimit = 16 << 10

    private let request: WireSnapshots
    private let access: ShareAccess
    private var left: ArraySlice<StoredSnapshot>?

    init(request: WireSnapshots, access: ShareAccess) {
        self.request = request
        self.access = access
    }

    let summary = TransferSummary()
    let canBeRefused = true

    func received(_ frame: Frame, sink: any FrameSink) throws(FerryError) {
        throw FerryError(.violation, "a frame came before the snapshots were listed")
    }

    func proceed(sink: any FrameSink) throws(FerryError) -> Progress {
        guard sink.queuedBytes < Self.queueLimit else { return .waiting }
        var left: ArraySlice<StoredSnapshot>
        if let rest = self.left { left = rest } else { left = try self.all()[...] }
        var entries: [WireSnapshotEntry] = []
        var bytes = 0
        while bytes < Self.frameLimit, let next = left.popFirst() {
            entries.append(WireSnapshotEntry(next))
            bytes += next.snapshot.rest.count + 128
        }
        self.left = left
        sink.send(.snapshotList(entries))
        if left.isEmpty { sink.send(.finished()) }
        return left.isEmpty ? .finished : .more
    }

    func abandoned(_ error: FerryError) {}

    private func all() throws(FerryError) -> [StoredSnapshot] {
        let place = try self.access.repository(self.request.repository, anyOf: [.read, .append])
        return try place.snapshots(for: self.access.user)
    }
}

extension WireSnapshotEntry {
    fileprivate init(_ stored: StoredSnapshot) {
        self.init()
        self.id = ChunkID.pack([stored.id])
        self.root = ChunkID.pack([stored.snapshot.root])
        self.sequence = stored.snapshot.sequence
        self.seconds = stored.snapshot.seconds
        self.nanoseconds = stored.snapshot.nanoseconds
        self.owner = stored.snapshot.owner
        self.note = Data(stored.snapshot.rest)
    }
}
