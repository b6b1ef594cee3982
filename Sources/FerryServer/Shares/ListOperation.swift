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
    /// Entries in one frame, and their bytes: with the longest names and a link's longest text they stay below the header limit.
    private static let (entriesPerFrame, bytesPerFrame) = (100, 24 << 10)
    /// Bytes queued at which it waits for the peer.
    private static let queueLimit = 256 << 10

    private let request: WireList
    private let access: ShareAccess
    private var listing: DirectoryListing?
    /// Of a directory in a snapshot.
    private var snapshot: (content: RepositoryContent, next: SnapshotContent.NextEntry)?
    private let accounts = Accounts()
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
        let next: () throws(FerryError) -> WireEntry? =
            self.request.path.isEmpty
            ? self.nextShare : ShareAccess.isSnapshot(self.request.path) ? self.nextOfSnapshot : self.nextEntry
        var (entries, bytes, isComplete) = ([WireEntry](), 0, false)
        while entries.count < Self.entriesPerFrame, bytes < Self.bytesPerFrame, !isComplete {
            guard let entry = try next() else {
                isComplete = true
                break
            }
            entries.append(entry)
            bytes += entry.name.count + entry.told
        }
        sink.send(.entries(entries))
        if isComplete { sink.send(.finished()) }
        return isComplete ? .finished : .more
    }

    func abandoned(_ error: FerryError) {}

    private func nextEntry() throws(FerryError) -> WireEntry? {
        let listing: DirectoryListing
        if let open = self.listing { listing = open } else { listing = try self.start() }
        self.listing = listing
        guard let (name, info) = try listing.next() else { return nil }
        var entry = WireEntry(name: name, info: info, self.accounts)
        if info.kind == .symlink { entry.target = Data(try listing.linkText(name) ?? []) }
        return entry
    }

    private func nextOfSnapshot() throws(FerryError) -> WireEntry? {
        let open: (content: RepositoryContent, next: SnapshotContent.NextEntry)
        if let snapshot = self.snapshot { open = snapshot } else { open = try self.startOfSnapshot() }
        self.snapshot = open
        guard let entry = try open.next() else { return nil }
        return WireEntry(name: entry.name, entry: try open.content.resolved(entry))
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

    private func nextShare() throws(FerryError) -> WireEntry? {
        var shares: ArraySlice<ShareRecord>
        if let rest = self.shares { shares = rest } else { shares = try self.access.granted()[...] }
        let next = shares.popFirst()
        self.shares = shares
        return next.map { share in
            var entry = WireEntry()
            entry.name = Data(share.name.text.utf8)
            entry.kind = .share
            return entry
        }
    }
}
