import FerryChunking
package import FerryErrors
import FerryProtocol
import FerryWire
import NIOCore

/// What a sender has to say of the content: chunks one after another, and in a tree where files begin and end.
enum Piece {
    case chunk(SourceReader.Chunk)
    /// A file begins that is cut by content, around this many bytes. A chunk or the end follows at once.
    case average(UInt32)
    /// A file ends; the note tells what the receiver must know of it.
    case end(WireEndNote?)
}

/// The sending side's names, wants and blocks: what every transfer does with chunks, wherever they come from.
struct ContentSender {
    /// Bytes read and not yet sent or found to be had; half as many again for each joined connection. Enough to keep
    /// reading while decisions travel; more would leave the cache (DESIGN.md, measured: 16 MiB in flight ran at a third
    /// of the speed of 4 MiB).
    private static let holdLimit = 8 << 20
    /// Bytes of segments between the oldest chunk held and the one read last. Each chunk keeps its whole segment in
    /// memory, so that few wanted ones among many that are had would otherwise hold many times their own bytes.
    private static let segmentLimit = 16 << 20
    /// Bytes per second below which, or as long as nothing is known, chunks and blocks stay short: each is lost whole when
    /// the link breaks. 64 KiB get through in 2 s at 32 kB/s.
    private static let slowLink = 4e6

    private(set) var machine: SendMachine
    private var builder: BlockBuilder
    private var undecided = UndecidedQueue<SourceReader.Chunk>()
    private var unnamed = CircularBuffer<Piece>()
    private var heldBytes = 0
    private var segments = HeldSegments()
    private var lanes: SendLanes
    /// Bytes queued at which no block is added: credit for what has not left yet must not make this side hold more.
    private let queueLimit: Int
    private(set) var summary = TransferSummary()
    /// Files of which the receiver was told that they ended, and that do not come once more.
    private(set) var ended = 0

    /// Whether nothing that is wanted is sent.
    private let isDryRun: Bool

    init(compression: Compression, limits: FrameLimits, allowsAhead: Bool = false, isDryRun: Bool = false) {
        self.isDryRun = isDryRun
        self.machine = SendMachine(limits: limits, allowsAhead: allowsAhead)
        self.builder = BlockBuilder(compression: compression)
        self.lanes = SendLanes(window: limits.blockWindow)
        self.queueLimit = limits.blockWindow
    }

    /// Whether all that was appended has been sent, and has arrived where it could still be lost, or is had.
    var isEmpty: Bool {
        self.heldBytes == 0 && self.unnamed.isEmpty && self.undecided.isEmpty && self.lanes.areDone
    }

    /// Whether all that was appended has been named.
    var isNamed: Bool { self.unnamed.isEmpty }

    /// Whether more may be read.
    ///
    /// - Parameters:
    ///   - number: of the segment that was read last.
    ///   - segmentLength: its bytes.
    /// - Returns: false while enough is held.
    func mayHoldMore(_ number: Int, segmentLength: Int) -> Bool {
        let ahead = (number - (self.segments.oldest ?? number)) * segmentLength
        let lanes = 2 + self.lanes.count
        return self.heldBytes < Self.holdLimit / 2 * lanes && ahead < Self.segmentLimit / 2 * lanes
    }

    static func isSlow(_ sink: any FrameSink) -> Bool { sink.drainRate.map { $0 < self.slowLink } ?? true }

    mutating func append(_ piece: Piece) {
        self.unnamed.append(piece)
        guard case .chunk(let chunk) = piece else { return }
        self.heldBytes += chunk.heldLength
        if chunk.holdsSegment { self.segments.hold(chunk.number) }
    }

    /// Takes the receiver's wants, credit or confirmation.
    ///
    /// - Throws: `.violation` for anything else, and what the machine refuses.
    mutating func received(_ frame: Frame) throws(FerryError) {
        switch frame.body {
        case .wants(let wants): try self.wantsReceived(wants)
        case .credit(let credit): try self.machine.creditReceived(credit)
        case .finished(let finished): try self.machine.finishedReceived(finished)
        default:
            throw FerryError(.violation, "the receiver sent something that is not part of a transfer")
        }
    }

    // MARK: Joined connections

    mutating func joined(_ number: Int, sink: any FrameSink) { self.lanes.join(number, sink) }

    mutating func lost(_ number: Int) { self.lanes.lose(number) }

    /// Takes what came on a joined connection.
    ///
    /// - Throws: `.violation` for anything but credit for what was sent there.
    mutating func received(_ frame: Frame, from number: Int) throws(FerryError) {
        guard case .credit(let credit) = frame.body, frame.payload.readableBytes == 0 else {
            throw FerryError(.violation, "the receiver sent something that a joined connection does not carry")
        }
        self.machine.blocksArrived(chunks: try self.lanes.creditReceived(credit, from: number))
    }

    // MARK: Sending

    /// Sends a block or names, whichever is possible.
    ///
    /// - Parameters:
    ///   - mayGrow: whether more is to come soon, so that a block that is not full had better wait.
    ///   - sink: the connection.
    /// - Returns: whether something was sent.
    /// - Throws: what reading a chunk fails with that was not read to be named.
    mutating func send(mayGrow: Bool, sink: any FrameSink) throws(FerryError) -> Bool {
        if try self.sendBlock(mayGrow: mayGrow, sink) { return true }
        return self.sendNames(sink)
    }

    /// Says that the recipe is complete.
    mutating func end(digest: ChunkID, size: UInt64, sink: any FrameSink) {
        sink.send(.end(digest: ChunkID.pack([digest]), size: size))
        self.machine.endSent(digest: digest, size: size)
        self.summary.digest = digest
    }

    /// Says that all of a backup was named.
    mutating func commit(root: ChunkID, note: [UInt8], digest: ChunkID, size: UInt64, sink: any FrameSink) {
        sink.send(
            .commit(root: ChunkID.pack([root]), note: note, digest: ChunkID.pack([digest]), size: size)
        )
        self.machine.endSent(digest: digest, size: size)
        self.summary.digest = digest
    }

    private mutating func wantsReceived(_ wants: WireWants) throws(FerryError) {
        let (after, decisions) = try self.machine.wantsReceived(wants)
        let chunks = self.undecided.remove(decisions.count, after: after)
        for (chunk, isWanted) in zip(chunks, decisions) {
            guard !isWanted || !chunk.isAssumed || self.isDryRun else { throw .staleStates }
            self.decide(chunk, isWanted)
        }
    }

    private mutating func decide(_ chunk: SourceReader.Chunk, _ isWanted: Bool) {
        self.heldBytes -= chunk.heldLength
        if isWanted, self.isDryRun {
            self.machine.blockSent(chunks: 1, payload: 0)
            if chunk.holdsSegment { self.segments.letGo(chunk.number) }
            if !chunk.isNode { self.summary.bytes += UInt64(chunk.length) }
        } else if isWanted {
            self.heldBytes += chunk.length
            self.builder.append(chunk)
        } else {
            if chunk.holdsSegment { self.segments.letGo(chunk.number) }
            guard !chunk.isNode else { return }
            self.summary.bytes += UInt64(chunk.length)
            self.summary.savedBytes += UInt64(chunk.length)
        }
    }

    private mutating func sendNames(_ sink: any FrameSink) -> Bool {
        var batch = NamesBatch(allowed: self.machine.allowedNames)
        while let piece = self.unnamed.first, batch.take(piece) { self.unnamed.removeFirst() }
        guard !batch.isEmpty else { return false }
        sink.send(batch.frame)
        self.machine.namesSent(batch.ids)
        self.ended += batch.ended
        self.undecided.append(contentsOf: batch.chunks)
        return true
    }

    private mutating func sendBlock(mayGrow: Bool, _ sink: any FrameSink) throws(FerryError) -> Bool {
        let queued = sink.queuedBytes
        let hasRoom = queued < self.queueLimit
        if hasRoom, let frame = self.lanes.nextAgain(self.machine.allowsBlock) {
            self.send(frame, chunks: frame.chunks, sink)
            return true
        }
        guard
            let next = try self.builder.nextBlock(
                mayGrow: mayGrow && self.machine.allowedNames > 0,
                short: Self.isSlow(sink)
            ),
            let lane = self.lanes.choice(
                length: next.length,
                first: hasRoom && self.machine.allowsBlock(payload: next.length) ? (queued, self.machine.inFlight) : nil
            )
        else { return false }
        let (frame, segments) = try self.builder.build(
            next,
            sinks: [sink] + self.lanes.sinks
        )
        for number in segments { self.segments.letGo(number) }
        if lane == 0 {
            self.send(frame, chunks: next.count, sink)
        } else {
            self.lanes.send(frame, on: lane)
            self.summary.wireBytes += UInt64(frame.payload.readableBytes)
        }
        self.heldBytes -= next.length
        if !next.areNodes { self.summary.bytes += UInt64(next.length) }
        return true
    }

    private mutating func send(_ frame: Frame, chunks: Int, _ sink: any FrameSink) {
        sink.send(frame)
        self.machine.blockSent(chunks: chunks, payload: frame.payload.readableBytes)
        self.summary.wireBytes += UInt64(frame.payload.readableBytes)
    }

    /// Whether names wait for their decision that may come soon: those that were left undecided may take as long as a disk.
    var hasUndecided: Bool { self.undecided.hasMore }
}

/// One frame of names being filled.
private struct NamesBatch {
    /// Ends in one frame: as many as names.
    private static let endLimit = WireConstants.namesPerFrame
    /// Notes in one frame, the texts of which may take 8 KiB each.
    private static let noteLimit = 2

    private let allowed: Int
    private(set) var chunks: [SourceReader.Chunk] = []
    private(set) var ids: [ChunkID] = []
    private var average: UInt32 = 0
    private var ends: [UInt32] = []
    private var notes: [WireEndNote] = []

    init(allowed: Int) { self.allowed = allowed }

    var isEmpty: Bool { self.chunks.isEmpty && self.ends.isEmpty }

    /// Takes a piece, unless it belongs in a further frame.
    mutating func take(_ piece: Piece) -> Bool {
        switch piece {
        case .chunk(let chunk):
            guard self.chunks.count < self.allowed, self.chunks.last.map({ $0.isNode == chunk.isNode }) ?? true else {
                return false
            }
            self.chunks.append(chunk)
            self.ids.append(chunk.id)
        case .average(let average):
            // It counts for the first file of its frame.
            guard self.isEmpty, self.allowed > 0 else { return false }
            self.average = average
        case .end(let note):
            guard self.ends.count < Self.endLimit, note == nil || self.notes.count < Self.noteLimit else {
                return false
            }
            if var note {
                note.end = UInt32(self.ends.count)
                self.notes.append(note)
            }
            self.ends.append(UInt32(self.chunks.count))
        }
        return true
    }

    /// How many files end here for good.
    var ended: Int { self.ends.count - self.notes.count(where: \.again) }

    var frame: Frame {
        .names(
            ids: ChunkID.pack(self.ids),
            lengths: self.chunks.map { UInt32($0.length) },
            average: self.average,
            ends: self.ends,
            notes: self.notes,
            nodes: self.chunks.first?.isNode ?? false
        )
    }
}

extension FerryError.Code {
    /// The receiver lacks what it had after an earlier backup: nothing that is remembered of that one counts.
    package static let staleStates = FerryError.Code(rawValue: "stale-states")
}

extension FerryError {
    static var staleStates: FerryError {
        FerryError(.staleStates, "the repository lacks what it had after the last backup", remedy: "back up once more")
    }
}
