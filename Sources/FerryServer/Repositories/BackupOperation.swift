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
import NIOCore

/// Receives a backup into a repository.
final class BackupOperation: FrameOperation {
    /// Bytes of what a client may state about its snapshot: with others it must fit a frame.
    static let noteLimit = 32 << 10

    private struct Receiving {
        let writer: RepositoryWriter
        let blocks: BlockReceiver
        let location: ShareLocation
        var undecided = CircularBuffer<ReceiveMachine.Name>()
    }

    private let request: WireBackup
    private let access: ShareAccess
    private var place: RepositoryLocation?
    private var receiving: Receiving?
    private var isFinished = false
    private(set) var summary = TransferSummary()

    init(request: WireBackup, access: ShareAccess) {
        self.request = request
        self.access = access
    }

    var canBeRefused: Bool { self.receiving == nil }

    func received(_ frame: Frame, sink: any FrameSink) throws(FerryError) {
        guard let receiving = self.receiving, !self.isFinished else {
            throw FerryError(.violation, "a backup was not ready to receive")
        }
        try BlockReceiver.checkAnswers(sink)
        switch frame.body {
        case .names(let names) where frame.payload.readableBytes == 0:
            self.receiving?.undecided.append(contentsOf: try receiving.blocks.machine.namesReceived(names))
        case .block(let block): try self.blockReceived(block, frame.payload, receiving, sink)
        case .commit(let commit) where frame.payload.readableBytes == 0:
            try self.commit(commit, receiving, sink)
        default:
            throw FerryError(.violation, "the sender of a backup sent something that is not part of one")
        }
    }

    func proceed(sink: any FrameSink) throws(FerryError) -> Progress {
        if self.isFinished { return .finished }
        guard let receiving = self.receiving else { return try self.begin(sink) }
        guard !receiving.undecided.isEmpty else { return .waiting }
        try self.decide(receiving, sink)
        return .more
    }

    func abandoned(_ error: FerryError) { self.receiving?.writer.abandon() }

    private func begin(_ sink: any FrameSink) throws(FerryError) -> Progress {
        let place: RepositoryLocation
        if let known = self.place {
            place = known
        } else {
            place = try self.access.repository(self.request.repository, anyOf: [.write, .append])
            self.place = place
        }
        guard try place.repository.restoreSomeMarks() else { return .more }
        let location = ShareLocation(
            share: place.record,
            granted: place.granted,
            root: try self.access.services.roots.root(of: place.record),
            path: .root
        )
        try self.access.services.roots.checkSpace(location, for: 0)
        let (session, announced) = (self.access.session, self.access.limits.blockWindow)
        let machine = ReceiveMachine(
            limits: self.access.limits,
            announcedSize: nil,
            repeats: .resent,
            takesNodes: true
        )
        self.receiving = Receiving(
            writer: place.repository.writer(owner: self.access.user.text),
            blocks: BlockReceiver(machine: machine, limits: self.access.limits, window: { session.window(announced) }),
            location: location
        )
        let configuration = place.repository.configuration
        sink.send(.ready(repository: configuration.id, average: configuration.averageChunk))
        return .waiting
    }

    /// Decides the next names together.
    private func decide(_ receiving: Receiving, _ sink: any FrameSink) throws(FerryError) {
        // The answer tells ids alone: data and nodes of the same id must not share one.
        let isNode = receiving.undecided.first?.isNode ?? false
        let names = Array(receiving.undecided.prefix(WireConstants.namesPerFrame).prefix { $0.isNode == isNode })
        self.receiving?.undecided.removeFirst(names.count)
        let keys = names.map { ObjectKey($0.isNode ? .node : .data, $0.id) }
        let answers = try receiving.writer.has(keys)
        var wants: [ChunkID] = []
        for (name, isHere) in zip(names, answers) {
            // What is on its way already comes once.
            if isHere || receiving.blocks.machine.isWanted(name) {
                receiving.blocks.machine.had(name)
                self.summary.savedBytes += UInt64(name.length)
                self.summary.bytes += UInt64(name.length)
            } else {
                wants.append(name.id)
                if self.request.dryRun {
                    receiving.blocks.machine.had(name)
                } else {
                    try receiving.blocks.machine.lacked(name)
                }
            }
        }
        sink.send(.wants(decided: names.count, ids: ChunkID.pack(wants)))
    }

    private func blockReceived(
        _ block: WireBlock,
        _ payload: ByteBuffer,
        _ receiving: Receiving,
        _ sink: any FrameSink
    ) throws(FerryError) {
        try self.access.services.roots.willWrite(payload.readableBytes, to: receiving.location)
        let length = try receiving.blocks.blockReceived(block, payload, from: 0, sink: sink) {
            deliveries,
            raw throws(FerryError) in
            var result = Result<Void, FerryError>.success(())
            unsafe payload.withUnsafeReadableBytes { body in
                unsafe raw.withUnsafeReadableBytes { raw in
                    do throws(FerryError) {
                        unsafe try receiving.writer.append(
                            kind: block.nodes ? .node : .data,
                            isCompressed: block.codec == .zlib,
                            parts: deliveries.map { BlockHeader.Part(id: $0.id, length: $0.length) },
                            body: body,
                            raw: raw
                        )
                    } catch {
                        result = .failure(error)
                    }
                }
            }
            try result.get()
        }
        self.summary.bytes += UInt64(length)
        self.summary.wireBytes += UInt64(payload.readableBytes)
    }

    private func commit(
        _ commit: WireCommit,
        _ receiving: Receiving,
        _ sink: any FrameSink
    ) throws(FerryError) {
        guard commit.note.count <= Self.noteLimit else {
            throw FerryError(
                .limit,
                "a snapshot's note has \(commit.note.count) bytes, and \(Self.noteLimit) are the most"
            )
        }
        var end = WireEnd()
        (end.digest, end.size) = (commit.digest, commit.size)
        let digest = try receiving.blocks.machine.endReceived(end)
        var id: ChunkID?
        if !self.request.dryRun {
            guard let root = ChunkID(bytes: commit.root) else {
                throw FerryError(.violation, "a snapshot has no root")
            }
            id = try receiving.writer.commit(root: root, rest: [UInt8](commit.note))
        }
        self.summary.digest = digest
        self.isFinished = true
        sink.send(
            .finished(
                digest: ChunkID.pack([digest]),
                size: receiving.blocks.machine.size,
                snapshot: id.map { ChunkID.pack([$0]) } ?? Data()
            )
        )
    }
}
