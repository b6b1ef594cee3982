package import FerryChunking
package import FerryErrors
package import FerryFiles
package import FerryProtocol
package import FerryWire
import NIOCore

/// Sends one file: reads, cuts, names, and sends the chunks that the receiver lacks. The same at both ends: a push
/// at the client, a pull at the daemon.
package final class FileSender {
    private var reader: SourceReader
    private var content: ContentSender
    /// Told with the first names; 0 if content does not choose the cuts.
    private var average: UInt32
    private var hasEnded = false
    private var sha256: String?
    private let names: RememberedNames?
    /// Whether the receiver has consumed a block.
    private var hasArrived = false
    private let onProgress: (@Sendable (TransferSummary) -> Void)?
    /// Whether the receiver has confirmed.
    package var isFinished: Bool { self.content.machine.isFinished }

    package var summary: TransferSummary {
        var summary = self.content.summary
        summary.sha256 = self.sha256
        return summary
    }

    /// - Parameters:
    ///   - source: read once, from start to end.
    ///   - parameters: how it is cut.
    ///   - compression: of the blocks.
    ///   - limits: what the receiver announced.
    ///   - wantsSHA256: whether the file's plain SHA-256 is computed too.
    ///   - names: what is known of the source, and forgotten once it has arrived.
    ///   - allowsAhead: whether the receiver was told that it may decide names ahead of others.
    ///   - onProgress: told after each block and decision.
    package init(
        source: any ByteSource,
        parameters: GearChunker.Parameters,
        compression: Compression,
        limits: FrameLimits,
        wantsSHA256: Bool = false,
        names: RememberedNames? = nil,
        allowsAhead: Bool = false,
        onProgress: (@Sendable (TransferSummary) -> Void)? = nil
    ) {
        self.reader = SourceReader(source: source, parameters: parameters, wantsSHA256: wantsSHA256, names: names)
        self.names = names
        self.content = ContentSender(compression: compression, limits: limits, allowsAhead: allowsAhead)
        self.average = parameters.cutsByContent ? UInt32(parameters.average) : 0
        self.onProgress = onProgress
    }

    /// Takes the receiver's wants, credit or confirmation.
    ///
    /// - Throws: `.violation` for anything else, and what the machine refuses.
    package func received(_ frame: Frame) throws(FerryError) {
        guard frame.payload.readableBytes == 0 else {
            throw FerryError(.violation, "the receiver of a file sent a payload")
        }
        try self.content.received(frame)
        if case .credit = frame.body { self.hasArrived = true }
        if self.isFinished { self.names?.forget() }
        if case .wants = frame.body { self.onProgress?(self.summary) }
    }

    /// The transfer does not go on. The names are forgotten if they may be wrong, or if nothing got through that was cut as they
    /// are: on a link that breaks often shorter chunks may.
    ///
    /// - Parameter error: why.
    package func abandoned(_ error: FerryError) {
        let mayBeWrong = [.integrity, .sourceChanged, .inputOutput].contains(error.code)
        if mayBeWrong || self.summary.wireBytes > 0 && !self.hasArrived { self.names?.forget() }
    }

    /// Sends a block or reads a segment, whichever is possible.
    package func proceed(sink: any FrameSink) throws(FerryError) -> Progress {
        if self.isFinished { return .finished }
        if self.hasEnded { return .waiting }
        let mayHoldMore = self.content.mayHoldMore(self.reader.number, segmentLength: self.reader.segmentLength)
        let isLast = self.reader.isAtEnd && !self.content.hasUndecided && self.content.isNamed
        if try self.content.send(mayGrow: !isLast && mayHoldMore, sink: sink) {
            self.onProgress?(self.summary)
            return .more
        }
        if !self.reader.isAtEnd, self.content.isNamed, mayHoldMore {
            self.reader.cutEvenly(short: ContentSender.isSlow(sink))
            for chunk in try self.reader.next() {
                if self.average > 0 { self.content.append(.average(self.average)) }
                self.average = 0
                self.content.append(.chunk(chunk))
            }
            return .more
        }
        guard self.reader.isAtEnd, self.content.isEmpty else { return .waiting }
        try self.reader.verifyUnchanged()
        self.sha256 = self.reader.sha256
        self.content.end(digest: self.reader.digest.finalize(), size: self.reader.size, sink: sink)
        self.hasEnded = true
        return .waiting
    }
}

extension FileSender: JoinableTransfer {
    package func joined(_ number: Int, sink: any FrameSink) { self.content.joined(number, sink: sink) }

    package func received(_ frame: Frame, from number: Int, sink: any FrameSink) throws(FerryError) {
        try self.content.received(frame, from: number)
    }

    package func lost(_ number: Int) { self.content.lost(number) }
}
