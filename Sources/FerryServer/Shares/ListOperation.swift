import FerryCatalog
import FerryErrors
import FerryFiles
import FerryObjects
import FerryProtocol
import FerryTransfer
import FerryWire
import FoundationEssentials

/// Lists a directory of a share, or, for the empty path, the shares; a frame of entries at a time, as the peer reads.
final class ListOperation: FrameOperation {
    /// Entries in one frame: with names of 255 bytes they stay below half of the header limit.
    private static let entriesPerFrame = 100
    /// Bytes queued at which it waits for the peer.
    private static let queueLimit = 256 << 10

    private let request: WireList
    private let access: ShareAccess
    private var listing: DirectoryListing?
    /// Of a directory in a snapshot.
    private var snapshot: (content: RepositoryContent, next: SnapshotContent.NextEntry)?
    /// What is left to say of the shares.
    private var shares: ArraySlice<ShareRecord>?

    init(request: WireList, access: ShareAccess) {
        self.request = request
        self.access = access
    }

    let summary = TransferSummary()

    /// Nothing of a transfer is ever on its way, and what follows a failure is the next request.
    let canBeRefused = true

    func received(_ frame: Frame, sink: any FrameSink) throws(FerryError) {
        throw FerryError(.violation, "a frame came before the listing was complete")
    }

    func proceed(sink: any FrameSink) throws(FerryError) -> Progress {
        guard sink.queuedBytes < Self.queueLimit else { return .waiting }
        let entries =
            try self.request.path.isEmpty
            ? self.nextShares()
            : ShareAccess.isSnapshot(self.request.path) ? self.nextOfSnapshot() : self.nextEntries()
        let isComplete = entries.count < Self.entriesPerFrame
        sink.send(.entries(entries))
        if isComplete { sink.send(.finished()) }
        return isComplete ? .finished : .more
    }

    func abandoned(_ error: FerryError) {}

    private func nextEntries() throws(FerryError) -> [WireEntry] {
        let listing: DirectoryListing
        if let open = self.listing { listing = open } else { listing = try self.start() }
        self.listing = listing
        var entries: [WireEntry] = []
        while entries.count < Self.entriesPerFrame, let (name, info) = try listing.next() {
            entries.append(WireEntry(name: name, info: info))
        }
        return entries
    }

    private func nextOfSnapshot() throws(FerryError) -> [WireEntry] {
        let open: (content: RepositoryContent, next: SnapshotContent.NextEntry)
        if let snapshot = self.snapshot { open = snapshot } else { open = try self.startOfSnapshot() }
        self.snapshot = open
        var entries: [WireEntry] = []
        while entries.count < Self.entriesPerFrame, let entry = try open.next() {
            entries.append(WireEntry(name: entry.name, info: try open.content.resolved(entry).info))
        }
        return entries
    }

    private func startOfSnapshot() throws(FerryError) -> (content: RepositoryContent, next: SnapshotContent.NextEntry) {
        let location = try self.access.snapshot(self.request.path)
        guard case .directory(let node) = location.entry.content else {
            throw FerryError(.notADirectory, "\(location.path) is not a directory")
        }
        return (location.content, try location.content.entries(of: node))
    }

    private func start() throws(FerryError) -> DirectoryListing {
        let location = try self.access.locate(self.request.path, .read, allowRoot: true)
        return try DirectoryListing(location.root, location.path)
    }

    private func nextShares() throws(FerryError) -> [WireEntry] {
        let shares: ArraySlice<ShareRecord>
        if let rest = self.shares { shares = rest } else { shares = try self.access.granted()[...] }
        self.shares = shares.dropFirst(Self.entriesPerFrame)
        return shares.prefix(Self.entriesPerFrame).map { share in
            var entry = WireEntry()
            entry.name = Data(share.name.text.utf8)
            entry.kind = .share
            return entry
        }
    }
}
