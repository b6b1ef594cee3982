import FerryCatalog
import FerryChunking
import FerryErrors
import FerryFiles
import FerryObjects
import FerryProtocol
import FerryRepository
import FerryTransfer
import FerryWire
import FoundationEssentials

/// Looks for names in the snapshots of a repository, and tells what it finds as the peer reads.
final class FindOperation: FrameOperation {
    /// Bytes queued at which it waits for the peer.
    private static let queueLimit = 256 << 10
    /// Bytes after which a frame is full: with the longest path it stays below the limit of headers.
    private static let frameLimit = 16 << 10

    private let request: WireFind
    private let access: ShareAccess
    private var running: Running?

    private struct Running {
        let search: SnapshotSearch
        var plan: SearchPlan
        /// Which snapshot of the plan is next.
        var next = 0
        var isInside = false
    }

    init(request: WireFind, access: ShareAccess) {
        self.request = request
        self.access = access
    }

    let summary = TransferSummary()
    let canBeRefused = true

    func received(_ frame: Frame, sink: any FrameSink) throws(FerryError) {
        throw FerryError(.violation, "a frame came before the search was over")
    }

    func proceed(sink: any FrameSink) throws(FerryError) -> Progress {
        guard sink.queuedBytes < Self.queueLimit else { return .waiting }
        var running: Running
        if let open = self.running { running = open } else { running = try self.start() }
        // Held once, what it holds is not copied.
        self.running = nil
        defer { self.running = running }
        guard running.plan.isComplete else {
            try running.plan.gather()
            return .more
        }
        var findings: [WireFinding] = []
        var bytes = 0
        func tell(_ what: WireFinding.OneOf_What, _ size: Int) {
            var finding = WireFinding()
            finding.what = what
            findings.append(finding)
            bytes += size + 128
        }
        var isFinished = false
        while bytes < Self.frameLimit {
            guard running.isInside else {
                guard let next = try running.plan.snapshot(running.next) else {
                    isFinished = true
                    break
                }
                try running.search.begin(
                    next.content,
                    top: next.top,
                    at: running.plan.path,
                    isFirst: next.searched.first
                )
                running.next += 1
                running.isInside = true
                tell(.searched(next.searched), next.searched.host.count + next.searched.owner.utf8.count)
                continue
            }
            switch try running.search.next() {
            case .found(let hit): tell(.found(WireFound(hit)), hit.path.count)
            case .gone(let path): tell(.gone(Data(path)), path.count)
            case .failed(let path, let error):
                let problem = WireProblem(path: path, error)
                tell(
                    .problem(problem),
                    path.count + problem.failure.message.utf8.count + problem.failure.remedy.utf8.count
                )
            case .pause:
                if !findings.isEmpty { sink.send(.findings(findings)) }
                return .more
            case nil: running.isInside = false
            }
        }
        if !findings.isEmpty { sink.send(.findings(findings)) }
        if isFinished { sink.send(.finished()) }
        return isFinished ? .finished : .more
    }

    func abandoned(_ error: FerryError) { self.running = nil }

    private func start() throws(FerryError) -> Running {
        Running(search: SnapshotSearch(try SearchQuery(self.request)), plan: try SearchPlan(self.request, self.access))
    }
}

extension WireFound {
    fileprivate init(_ hit: SnapshotSearch.Hit) {
        self.init()
        self.path = Data(hit.path)
        self.entry = WireEntry(of: hit.entry)
        self.version = ChunkID.pack([hit.version])
    }
}

extension WireEntry {
    /// An entry that is told with its path.
    init(of entry: Entry) { self.init(name: [], info: entry.info) }
}

extension WireProblem {
    init(path: [UInt8], _ error: FerryError) {
        self.init()
        self.path = Data(path)
        self.failure = WireFailure(error)
    }
}
