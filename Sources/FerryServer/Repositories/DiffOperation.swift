import FerryCatalog
import FerryErrors
import FerryFiles
import FerryObjects
import FerryProtocol
import FerryTransfer
import FerryWire
import FoundationEssentials

/// Compares two places in snapshots, and tells the differences as the peer reads.
final class DiffOperation: FrameOperation {
    /// Bytes queued at which it waits for the peer.
    private static let queueLimit = 256 << 10
    /// Bytes after which a frame is full: with the longest path it stays below the limit of headers.
    private static let frameLimit = 16 << 10

    private let request: WireDiff
    private let access: ShareAccess
    private var comparison: SnapshotDifferences?

    init(request: WireDiff, access: ShareAccess) {
        self.request = request
        self.access = access
    }

    let summary = TransferSummary()
    let canBeRefused = true

    func received(_ frame: Frame, sink: any FrameSink) throws(FerryError) {
        throw FerryError(.violation, "a frame came before the comparison was over")
    }

    func proceed(sink: any FrameSink) throws(FerryError) -> Progress {
        guard sink.queuedBytes < Self.queueLimit else { return .waiting }
        let comparison: SnapshotDifferences
        if let open = self.comparison { comparison = open } else { comparison = try self.start() }
        self.comparison = comparison
        var differences: [WireDifference] = []
        var bytes = 0
        var isFinished = false
        loop: while bytes < Self.frameLimit {
            switch try comparison.next() {
            case .differs(let difference):
                let told = WireDifference(difference)
                differences.append(told)
                bytes += difference.path.count + told.old.told + told.new.told + 192
            case .failed(let path, let error):
                let failed = WireDifference(path: path, error)
                differences.append(failed)
                bytes += path.count + failed.failure.message.utf8.count + failed.failure.remedy.utf8.count + 64
            case .pause: break loop
            case nil:
                isFinished = true
                break loop
            }
        }
        if !differences.isEmpty { sink.send(.differences(differences)) }
        if isFinished { sink.send(.finished()) }
        return isFinished ? .finished : .more
    }

    func abandoned(_ error: FerryError) { self.comparison = nil }

    private func start() throws(FerryError) -> SnapshotDifferences {
        var options = SnapshotDifferences.Options()
        options.contentOnly = self.request.contentOnly
        options.collapses = self.request.collapse
        let (old, new) = (try self.place(self.request.old), try self.place(self.request.new))
        guard old.place.record.name == new.place.record.name else {
            throw FerryError(.usage, "only snapshots of one repository are compared")
        }
        return SnapshotDifferences(
            old: SnapshotDifferences.Place(content: old.content, entry: old.entry),
            new: SnapshotDifferences.Place(content: new.content, entry: new.entry),
            options: options
        )
    }

    private func place(_ path: Data) throws(FerryError) -> SnapshotLocation {
        guard ShareAccess.isSnapshot(path) else {
            throw FerryError(.usage, "\(Escaping.escape(path.prefix(4096))) names no snapshot")
        }
        return try self.access.snapshot(path)
    }
}

extension WireDifference {
    fileprivate init(_ difference: SnapshotDifferences.Difference) {
        self.init()
        self.path = Data(difference.path)
        if let old = difference.old { self.old = WireEntry(entry: old) }
        if let new = difference.new { self.new = WireEntry(entry: new) }
        self.reasons = difference.reasons.rawValue
        self.files = difference.beneath.files
        self.bytes = difference.beneath.bytes
    }

    fileprivate init(path: [UInt8], _ error: FerryError) {
        self.init()
        self.path = Data(path)
        self.failure = WireFailure(error)
    }
}
