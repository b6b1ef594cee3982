package import FerryChunking
package import FerryErrors
package import FerryFiles
package import FerryProtocol
package import FerryWire
import NIOCore

/// Sends one file: reads, cuts, names, and sends the chunks that the receiver lacks. The same at both ends: a push
/// at the client, a pull at the daemon.
package final class FileSender {
    /// Bytes read and not yet sent or found to be had. Enough to keep reading while decisions travel; more would
    /// leave the cache (DESIGN.md, measured: 16 MiB in flight ran at a third of the speed of 4 MiB).
    private static let holdLimit = 8 << 20
    /// Bytes of segments between the oldest chunk held and the one read last. Each chunk keeps its whole segment in
    /// memory, so that few wanted ones among many that are had would otherwise hold many times their own bytes.
    private static let segmentLimit = 16 << 20

    /// Bytes per second below which, or as long as nothing is known, chunks and blocks stay short: each is lost whole when
    /// the link breaks. 64 KiB get through in 2 s at 32 kB/s.
    private static let slowLink = 4e6

    private var reader: SourceReader
    /// Told with the first names; 0 if content does not choose the cuts.
    private var average: UInt32
    private var machine: SendMachine
    private var builder: BlockBuilder
    private var undecided = CircularBuffer<SourceReader.Chunk>()
    private var unnamed = CircularBuffer<SourceReader.Chunk>()
    private var heldBytes = 0
    private var hasEnded = false
    /// Bytes queued at which no block is added: credit for what has not left yet must not make this side hold more.
    private let queueLimit: Int
    private let onProgress: (@Sendable (TransferSummary) -> Void)?
    package private(set) var summary = TransferSummary()
    /// Whether the receiver has confirmed.
    package var isFinished: Bool { self.machine.isFinished }

    /// - Parameters:
    ///   - source: read once, from start to end.
    ///   - parameters: how it is cut.
    ///   - compression: of the blocks.
    ///   - limits: what the receiver announced.
    ///   - wantsSHA256: whether the file's plain SHA-256 is computed too.
    ///   - onProgress: told after each block and decision.
    package init(
        source: any ByteSource,
        parameters: GearChunker.Parameters,
        compression: Compression,
        limits: FrameLimits,
        wantsSHA256: Bool = false,
        onProgress: (@Sendable (TransferSummary) -> Void)? = nil
    ) {
        self.reader = SourceReader(source: source, parameters: parameters, wantsSHA256: wantsSHA256)
        self.average = parameters.cutsByContent ? UInt32(parameters.average) : 0
        self.machine = SendMachine(limits: limits)
        self.queueLimit = limits.blockWindow
        self.builder = BlockBuilder(compression: compression)
        self.onProgress = onProgress
    }

    /// Takes the receiver's wants, credit or confirmation.
    ///
    /// - Throws: `.violation` for anything else, and what the machine refuses.
    package func received(_ frame: Frame) throws(FerryError) {
        guard frame.payload.readableBytes == 0 else {
            throw FerryError(.violation, "the receiver of a file sent a payload")
        }
        switch frame.body {
        case .wants(let wants):
            for isWanted in try self.machine.wantsReceived(wants) { self.decide(isWanted) }
            self.onProgress?(self.summary)
        case .credit(let credit):
            try self.machine.creditReceived(credit)
        case .finished(let finished):
            try self.machine.finishedReceived(finished)
        default:
            throw FerryError(.violation, "the receiver of a file sent something that is not part of a transfer")
        }
    }

    /// Sends a block or reads a segment, whichever is possible.
    package func proceed(sink: any FrameSink) throws(FerryError) -> Progress {
        if self.machine.isFinished { return .finished }
        if self.hasEnded { return .waiting }
        if self.sendBlock(sink) || self.sendNames(sink) { return .more }
        if !self.reader.isAtEnd, self.unnamed.isEmpty, self.mayHoldMore {
            self.reader.cutEvenly(short: Self.isSlow(sink))
            for chunk in try self.reader.next() {
                self.unnamed.append(chunk)
                self.heldBytes += chunk.length
            }
            return .more
        }
        guard self.reader.isAtEnd, self.heldBytes == 0, self.unnamed.isEmpty else { return .waiting }
        try self.reader.verifyUnchanged()
        let digest = self.reader.digest.finalize()
        sink.send(.end(digest: ChunkID.pack([digest]), size: self.reader.size))
        self.machine.endSent(digest: digest, size: self.reader.size)
        self.hasEnded = true
        self.summary.digest = digest
        self.summary.sha256 = self.reader.sha256
        return .waiting
    }

    private var mayHoldMore: Bool {
        let oldest = self.builder.oldestSegment ?? self.undecided.first?.number ?? self.unnamed.first?.number
        return self.heldBytes < Self.holdLimit
            && (self.reader.number - (oldest ?? self.reader.number)) * self.reader.segmentLength < Self.segmentLimit
    }

    private static func isSlow(_ sink: any FrameSink) -> Bool { sink.drainRate.map { $0 < self.slowLink } ?? true }

    private func decide(_ isWanted: Bool) {
        let chunk = self.undecided.removeFirst()
        if isWanted {
            self.builder.append(chunk)
        } else {
            self.heldBytes -= chunk.length
            self.summary.bytes += UInt64(chunk.length)
            self.summary.savedBytes += UInt64(chunk.length)
        }
    }

    private func sendNames(_ sink: any FrameSink) -> Bool {
        let count = min(self.unnamed.count, self.machine.allowedNames)
        guard count > 0 else { return false }
        let chunks = Array(self.unnamed.prefix(count))
        self.unnamed.removeFirst(count)
        let ids = chunks.map(\.id)
        let lengths = chunks.map { UInt32($0.length) }
        sink.send(.names(ids: ChunkID.pack(ids), lengths: lengths, average: self.average))
        self.average = 0
        self.machine.namesSent(ids)
        self.undecided.append(contentsOf: chunks)
        return true
    }

    private func sendBlock(_ sink: any FrameSink) -> Bool {
        let isLast = self.reader.isAtEnd && self.undecided.isEmpty && self.unnamed.isEmpty
        let mayGrow = !isLast && self.mayHoldMore && self.machine.allowedNames > 0
        guard sink.queuedBytes < self.queueLimit,
            let next = self.builder.nextBlock(mayGrow: mayGrow, short: Self.isSlow(sink)),
            self.machine.allowsBlock(payload: next.length)
        else { return false }
        let frame = self.builder.build(count: next.count, length: next.length, sink: sink)
        sink.send(frame)
        self.machine.blockSent(chunks: next.count, payload: frame.payload.readableBytes)
        self.heldBytes -= next.length
        self.summary.bytes += UInt64(next.length)
        self.summary.wireBytes += UInt64(frame.payload.readableBytes)
        self.onProgress?(self.summary)
        return true
    }
}
