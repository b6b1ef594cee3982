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

/// Which snapshots a search looks through, in which order: those of one machine and of the same paths one after another, the
/// newest first, because they have most in common.
struct SearchPlan {
    /// Bytes of each label that is asked for.
    private static let labelLimit = 4096

    /// A snapshot to be looked through.
    private struct Planned {
        let id: ChunkID
        let root: ChunkID
        /// The directory that is looked through.
        let top: ChunkID
        let seconds: Int64
        /// Which series it belongs to; 0 is the one with the newest snapshot.
        let series: Int
    }

    /// Snapshots that are looked through at most: some hundred bytes each.
    private static let maximumSnapshots = 1 << 18

    /// The snapshots are still being asked for.
    private struct Gathering {
        let selection: SnapshotSelection
        let request: WireFind
        var last: StoredSnapshot?
        /// Numbers by the SHA-256 of owner, host and paths, which may be as long as a snapshot's note.
        var series: [ChunkID: Int] = [:]
    }

    private let repository: Repository
    private let reader: ObjectReader
    private var gathering: Gathering?
    private var planned: [Planned] = []
    /// Where in a snapshot is searched.
    private(set) var path: [UInt8] = []

    /// - Parameters:
    ///   - request: what is asked for.
    ///   - access: what the user may see.
    /// - Throws: `.denied`, `.notFound`, `.invalidPath`, `.usage`, and what reading fails with.
    init(_ request: WireFind, _ access: ShareAccess) throws(FerryError) {
        guard request.host.count <= Self.labelLimit, request.backedUp.count <= Self.labelLimit,
            request.tag.utf8.count <= Self.labelLimit
        else { throw FerryError(.usage, "a label of snapshots has more than \(Self.labelLimit) bytes") }
        guard ShareAccess.isSnapshot(request.path) else {
            guard !request.path.contains(UInt8(ascii: "/")) else {
                throw FerryError(.usage, "a path is looked through in one snapshot, and none is named")
            }
            let place = try access.repository(request.path, anyOf: [.read, .append])
            self.repository = place.repository
            self.reader = place.repository.reader()
            self.gathering = Gathering(
                selection: SnapshotSelection(owner: place.owner(for: access.user), newestFirst: true),
                request: request
            )
            return
        }
        let location = try access.snapshot(request.path)
        guard let node = location.entry.node else {
            throw FerryError(.notADirectory, "\(location.path) is not a directory")
        }
        self.repository = location.place.repository
        self.reader = location.place.repository.reader()
        self.path = location.path.bytes
        self.planned = [
            Planned(
                id: location.stored.id,
                root: location.stored.snapshot.root,
                top: node,
                seconds: location.stored.snapshot.seconds,
                series: 0
            )
        ]
    }

    /// Whether all snapshots are known that are looked through.
    var isComplete: Bool { self.gathering == nil }

    /// Takes in some more snapshots.
    ///
    /// - Throws: what the index met.
    mutating func gather() throws(FerryError) {
        guard var gathering = self.gathering else { return }
        // Held once, it is not copied.
        self.gathering = nil
        let page = try self.repository.snapshots(
            gathering.selection,
            after: gathering.last,
            limit: Repository.page
        )
        guard let last = page.last else { return self.order() }
        self.add(page, &gathering)
        guard self.planned.count <= Self.maximumSnapshots else {
            throw FerryError(
                .limit,
                "there are more than \(Self.maximumSnapshots) snapshots to look through",
                remedy: "choose some with --host, --path or --tag"
            )
        }
        gathering.last = last
        self.gathering = gathering
    }

    private mutating func add(_ snapshots: [StoredSnapshot], _ gathering: inout Gathering) {
        let request = gathering.request
        for stored in snapshots {
            let note = (try? SnapshotNote(stored.snapshot.rest)) ?? SnapshotNote()
            guard request.host.isEmpty || request.host.elementsEqual(note.host),
                request.backedUp.isEmpty || note.paths.contains([UInt8](request.backedUp)),
                request.tag.isEmpty || note.tags.contains(request.tag)
            else { continue }
            let key = Self.series(stored.snapshot.owner, note)
            let number = gathering.series[key] ?? gathering.series.count
            gathering.series[key] = number
            self.planned.append(
                Planned(
                    id: stored.id,
                    root: stored.snapshot.root,
                    top: stored.snapshot.root,
                    seconds: stored.snapshot.seconds,
                    series: number
                )
            )
        }
    }

    /// What snapshots have in common that one user made on one machine of the same paths.
    private static func series(_ owner: String, _ note: SnapshotNote) -> ChunkID {
        var writer = ByteWriter()
        writer.counted(Array(owner.utf8))
        writer.counted(note.host)
        for path in note.paths { writer.counted(path) }
        return ChunkID.hashing(writer.bytes)
    }

    private mutating func order() {
        // It is stable where it matters: the numbers say in which order they came.
        let ordered = self.planned.enumerated().sorted { one, other in
            (one.element.series, one.offset) < (other.element.series, other.offset)
        }
        self.planned = ordered.map(\.element)
    }

    /// - Parameter number: from 0.
    /// - Returns: nil if there are no more.
    /// - Throws: what the index met.
    func snapshot(
        _ number: Int
    ) throws(FerryError) -> (content: RepositoryContent, top: ChunkID, searched: WireSearched)? {
        guard self.planned.indices.contains(number) else { return nil }
        let planned = self.planned[number]
        var searched = WireSearched()
        searched.id = ChunkID.pack([planned.id])
        searched.seconds = planned.seconds
        let snapshot = try self.repository.snapshot(planned.id)
        searched.owner = snapshot.owner
        searched.host = Data(((try? SnapshotNote(snapshot.rest)) ?? SnapshotNote()).host)
        searched.first = number == 0 || self.planned[number - 1].series != planned.series
        return (RepositoryContent(self.reader, root: planned.root), planned.top, searched)
    }
}

extension SearchQuery {
    /// What a peer asks for.
    ///
    /// - Throws: `.usage` for patterns that are none, too many, and kinds that there are not.
    init(_ wire: WireFind) throws(FerryError) {
        try self.init(wire.patterns.map { [UInt8]($0) }, ignoresCase: wire.ignoreCase)
        guard wire.kinds < 16 else { throw FerryError(.usage, "kinds are looked for that there are not") }
        self.kinds = Set(Entry.Kind.allCases.filter { wire.kinds & $0.rawValue != 0 })
        if wire.hasMinSize { self.minSize = wire.minSize }
        if wire.hasMaxSize { self.maxSize = wire.maxSize }
        if wire.hasNewerThan { self.newerThan = wire.newerThan }
        if wire.hasOlderThan { self.olderThan = wire.olderThan }
    }
}
