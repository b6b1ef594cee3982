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

    /// Damaged snapshots that are named: as many as fit a frame.
    private static let damagedLimit = 1000

    private let request: WireSnapshots
    private let access: ShareAccess
    private var place: RepositoryLocation?
    private var last: StoredSnapshot?

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
        let place: RepositoryLocation
        if let known = self.place {
            place = known
        } else {
            place = try self.access.repository(self.request.repository, anyOf: [.read, .append])
            self.place = place
        }
        let page = try place.repository.snapshots(
            SnapshotSelection(owner: place.owner(for: self.access.user)),
            after: self.last,
            limit: Repository.page
        )
        var entries: [WireSnapshotEntry] = []
        var bytes = 0
        for next in page where bytes < Self.frameLimit {
            entries.append(WireSnapshotEntry(next))
            bytes += next.snapshot.rest.count + 128
            self.last = next
        }
        let damaged = page.isEmpty ? place.repository.damagedSnapshots.prefix(Self.damagedLimit) : []
        sink.send(.snapshotList(entries, damaged: ChunkID.pack(damaged)))
        if page.isEmpty { sink.send(.finished()) }
        return page.isEmpty ? .finished : .more
    }

    func abandoned(_ error: FerryError) {}
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
