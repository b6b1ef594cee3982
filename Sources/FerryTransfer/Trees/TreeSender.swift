import FerryChunking
package import FerryErrors
package import FerryFiles
package import FerryProtocol
package import FerryWire
import NIOCore

/// Sends a tree: tells what is in it, and sends the content of the files that the receiver says it needs. The same at both
/// ends: a push at the client, a pull at the daemon.
package final class TreeSender {
    /// Bytes queued at which no more is told: whoever receives it must keep it.
    private static let queueLimit = 512 << 10

    private let source: any TreeSource
    private var batch: ItemsBatch
    /// What was told and the receiver has not decided; the source's number of a file.
    private var told = CircularBuffer<(file: ToldItem.File?, weight: Int)>()
    /// Of files that are needed and whose end was not told.
    private var neededWeights = CircularBuffer<Int>()
    private var endedBefore = 0
    /// Things that were told, and of which the receiver may still need something: attributes count too.
    private var outstanding = 0
    private var content: ContentSender
    private var hasTold = false
    private var hasEnded = false
    private let onEvent: TreeEvents?

    package var isFinished: Bool { self.content.machine.isFinished }
    package var summary: TransferSummary {
        var summary = self.content.summary
        summary.tree = self.counts
        return summary
    }
    private var counts = TreeCounts()
    /// Bytes of the files that are needed.
    private var neededBytes: UInt64 = 0
    private var hasSized = false

    /// - Parameters:
    ///   - walk: through the tree.
    ///   - compression: of the blocks.
    ///   - limits: what the receiver announced.
    ///   - metadata: what is told besides the content.
    ///   - onEvent: told what happens to which file.
    package convenience init(
        _ walk: TreeWalk,
        compression: Compression,
        limits: FrameLimits,
        metadata: MetadataPolicy = MetadataPolicy(),
        onEvent: TreeEvents? = nil
    ) {
        let source = DiskTree(walk, MetadataReader(metadata))
        self.init(source, compression: compression, limits: limits, tellsOwners: metadata.owners, onEvent: onEvent)
    }

    /// - Parameters:
    ///   - snapshot: the tree.
    ///   - compression: of the blocks.
    ///   - limits: what the receiver announced.
    ///   - tellsOwners: whether owners are told.
    package convenience init(
        _ snapshot: SnapshotTree,
        compression: Compression,
        limits: FrameLimits,
        tellsOwners: Bool
    ) {
        self.init(snapshot as any TreeSource, compression: compression, limits: limits, tellsOwners: tellsOwners)
    }

    init(
        _ source: any TreeSource,
        compression: Compression,
        limits: FrameLimits,
        tellsOwners: Bool,
        onEvent: TreeEvents? = nil
    ) {
        self.source = source
        self.batch = ItemsBatch(tellsOwners: tellsOwners)
        self.content = ContentSender(compression: compression, limits: limits)
        self.onEvent = onEvent
    }

    /// Takes the receiver's needs, wants, credit or confirmation.
    ///
    /// - Throws: `.violation` for anything else, and what the machine refuses.
    package func received(_ frame: Frame) throws(FerryError) {
        guard frame.payload.readableBytes == 0 else {
            throw FerryError(.violation, "the receiver of a tree sent a payload")
        }
        switch frame.body {
        case .needs(let needs): try self.needsReceived(needs)
        case .problems(let problems):
            for problem in problems.problems {
                self.failed([UInt8](problem.path), FerryError(peer: problem.failure))
            }
        case .changes(let changes): for change in changes.changes { self.onEvent?(.changed(TreeChange(change))) }
        default:
            if case .finished(let finished) = frame.body { self.counts.deleted = Int(clamping: finished.deleted) }
            try self.content.received(frame)
        }
        self.onEvent?(.progressed(self.summary))
    }

    /// Sends a block, names or items, or reads, whichever is possible.
    package func proceed(sink: any FrameSink) throws(FerryError) -> Progress {
        if self.isFinished { return .finished }
        if self.hasEnded { return .waiting }
        self.settle()
        // Half a window ahead, so that the receiver always has something to decide while files are read.
        if self.outstanding < WireConstants.itemWindow / 2, try self.tell(sink) { return .more }
        let mayHoldMore = self.content.mayHoldMore(self.source.number, segmentLength: self.source.longestSegment)
        if try self.content.send(mayGrow: !self.source.isIdle && mayHoldMore, sink: sink) {
            self.onEvent?(.progressed(self.summary))
            return .more
        }
        if !self.source.isIdle, self.content.isNamed, mayHoldMore {
            for piece in self.source.read(isSlow: ContentSender.isSlow(sink)) { self.content.append(piece) }
            self.takeFailures()
            return .more
        }
        if try self.tell(sink) { return .more }
        guard self.hasTold, self.outstanding == 0, self.content.isEmpty else { return .waiting }
        self.content.end(digest: self.source.digest.finalize(), size: self.source.size, sink: sink)
        self.hasEnded = true
        return .waiting
    }

    /// Counts files that have ended.
    private func settle() {
        while self.endedBefore < self.content.ended, let weight = self.neededWeights.popFirst() {
            self.outstanding -= weight
            self.endedBefore += 1
        }
    }

    private func takeFailures() {
        for failure in self.source.failures { self.failed(failure.path, failure.error) }
        self.source.failures = []
    }

    private func told(_ file: ToldItem.File?, weight: Int = 1) {
        self.told.append((file, weight))
        self.outstanding += weight
    }

    /// Tells of the next things in the tree, a frame of them.
    ///
    /// - Returns: whether it did.
    private func tell(_ sink: any FrameSink) throws(FerryError) -> Bool {
        guard !self.hasTold, sink.queuedBytes < Self.queueLimit else { return false }
        var hasPaused = false
        while !self.batch.isFull, self.outstanding <= WireConstants.itemWindow - ToldMetadata.mostWeight {
            guard let step = try self.source.next() else {
                self.hasTold = true
                break
            }
            switch step {
            case .end:
                self.batch.appendEnd()
                self.told(nil)
            case .item(let item): self.tell(item)
            case .pause: hasPaused = true
            }
            if hasPaused { break }
        }
        self.takeFailures()
        guard self.batch.count > 0 || self.hasTold else { return hasPaused }
        sink.send(self.batch.frame(isLast: self.hasTold))
        return true
    }

    private func tell(_ item: ToldItem) {
        if item.isSkipped { self.onEvent?(.skipped(item.path)) }
        if item.failure != nil { return self.told(item) }
        if item.isFile { self.counts.files += 1 }
        self.told(item)
    }

    private func told(_ item: ToldItem) {
        self.batch.append(item)
        self.told(item.file, weight: item.weight)
    }

    private func needsReceived(_ needs: WireNeeds) throws(FerryError) {
        let decided = Int(needs.decided)
        guard decided <= self.told.count, needs.items.count == needs.oldSizes.count else {
            throw FerryError(.violation, "the receiver decided \(decided) things of \(self.told.count)")
        }
        var next = 0
        for place in 0..<decided {
            let told = self.told.removeFirst()
            guard next < needs.items.count, needs.items[next] == place else {
                if let file = told.file { self.source.forget(file) }
                self.outstanding -= told.weight
                continue
            }
            self.neededWeights.append(told.weight)
            guard let file = told.file else {
                throw FerryError(.violation, "the receiver needs the content of what is no file")
            }
            let oldSize = needs.oldSizes[next]
            self.source.need(file, oldSize: oldSize > 0 ? Int64(clamping: oldSize - 1) : nil)
            self.counts.changed += 1
            self.neededBytes = self.neededBytes.addingReportingOverflow(file.size).partialValue
            next += 1
        }
        guard next == needs.items.count else {
            throw FerryError(.violation, "the receiver needs what it was not told of")
        }
        guard self.hasTold, self.told.isEmpty, !self.hasSized else { return }
        self.hasSized = true
        self.onEvent?(.sized(self.neededBytes))
    }

    private func failed(_ path: [UInt8], _ error: FerryError) {
        self.counts.failed += 1
        self.onEvent?(.failed(path, error))
    }
}

extension TreeSender: JoinableTransfer {
    package func joined(_ number: Int, sink: any FrameSink) { self.content.joined(number, sink: sink) }

    package func received(_ frame: Frame, from number: Int, sink: any FrameSink) throws(FerryError) {
        try self.content.received(frame, from: number)
    }

    package func lost(_ number: Int) { self.content.lost(number) }
}
