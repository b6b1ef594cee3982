import FerryChunking
package import FerryErrors
package import FerryFiles
package import FerryProtocol
package import FerryWire
import NIOCore

/// Sends a tree: tells what is in it, and sends the content of the files that the receiver says it needs. The same at both
/// ends: a push at the client, a pull at the daemon.
package final class TreeSender {
    /// Something that was told and that the receiver has not decided.
    private enum Told {
        case file(TreeReader.File)
        case other
    }

    /// Bytes queued at which no more is told: whoever receives it must keep it.
    private static let queueLimit = 512 << 10

    private let walk: TreeWalk
    private let metadata: MetadataReader
    private var batch: ItemsBatch
    private var told = CircularBuffer<(what: Told, weight: Int)>()
    /// Of files that are needed and whose end was not told.
    private var neededWeights = CircularBuffer<Int>()
    private var endedBefore = 0
    /// Things that were told, and of which the receiver may still need something: attributes count too.
    private var outstanding = 0
    private var links = HardLinks()
    private var reader = TreeReader()
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
    package init(
        _ walk: TreeWalk,
        compression: Compression,
        limits: FrameLimits,
        metadata: MetadataPolicy = MetadataPolicy(),
        onEvent: TreeEvents? = nil
    ) {
        self.walk = walk
        self.metadata = MetadataReader(metadata)
        self.batch = ItemsBatch(tellsOwners: metadata.owners)
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
        let mayHoldMore = self.content.mayHoldMore(self.reader.number, segmentLength: self.reader.longestSegment)
        if try self.content.send(mayGrow: !self.reader.isIdle && mayHoldMore, sink: sink) {
            self.onEvent?(.progressed(self.summary))
            return .more
        }
        if !self.reader.isIdle, self.content.isNamed, mayHoldMore {
            for piece in self.reader.next(isSlow: ContentSender.isSlow(sink)) { self.content.append(piece) }
            for failure in self.reader.failures { self.failed(failure.path, failure.error) }
            self.reader.failures = []
            return .more
        }
        if try self.tell(sink) { return .more }
        guard self.hasTold, self.outstanding == 0, self.content.isEmpty else { return .waiting }
        self.content.end(digest: self.reader.digest.finalize(), size: self.reader.size, sink: sink)
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

    private func told(_ what: Told, weight: Int = 1) {
        self.told.append((what, weight))
        self.outstanding += weight
    }

    /// Tells of the next things in the tree, a frame of them.
    ///
    /// - Returns: whether it did.
    private func tell(_ sink: any FrameSink) throws(FerryError) -> Bool {
        guard !self.hasTold, sink.queuedBytes < Self.queueLimit else { return false }
        var hasPaused = false
        while !self.batch.isFull, self.outstanding <= WireConstants.itemWindow - ToldMetadata.mostWeight {
            guard let step = try self.walk.next() else {
                self.hasTold = true
                break
            }
            switch step {
            case .end:
                self.batch.appendEnd()
                self.told(.other)
            case .entry(let entry): try self.tell(entry)
            case .pause: hasPaused = true
            }
            if hasPaused { break }
        }
        guard self.batch.count > 0 || self.hasTold else { return hasPaused }
        sink.send(self.batch.frame(isLast: self.hasTold))
        return true
    }

    private func tell(_ entry: TreeEntry) throws(FerryError) {
        var entry = entry
        let told = try self.metadata(of: entry)
        // Of whatever kind it is on disk: a file may stand for a device.
        let isSpecial = !(told.isFile || told.isDirectory || told.isLink)
        var isSkipped = false
        if isSpecial, entry.failure == nil, !entry.isLeftOut, !self.metadata.policy.specials || told.isSocket {
            (entry.isLeftOut, isSkipped) = (true, true)
            self.onEvent?(.skipped(entry.directory.path(of: entry.name)))
        }
        if let failure = entry.failure {
            self.failed(entry.directory.path(of: entry.name), failure)
        } else if told.isFile, !entry.isLeftOut {
            self.counts.files += 1
        }
        let mayBeLinked = !told.isDirectory && !entry.isLeftOut && entry.failure == nil
        let firstName = mayBeLinked ? self.links.firstName(of: entry) : nil
        self.batch.append(entry, told, firstName: firstName, isSkipped: isSkipped)
        // A further name has no attributes of its own.
        let weight = firstName == nil && !isSkipped ? told.weight : 1
        guard told.isFile, entry.failure == nil, firstName == nil, !entry.isLeftOut else {
            return self.told(.other, weight: weight)
        }
        let file = TreeReader.File(directory: entry.directory, name: entry.name, listed: entry.info)
        self.told(.file(file), weight: weight)
    }

    /// What is told of an entry. One whose attributes cannot be is named, and told without.
    private func metadata(of entry: TreeEntry) throws(FerryError) -> ToldMetadata {
        let plain = ToldMetadata(posixMode: entry.info.posixMode)
        guard entry.failure == nil, !entry.isLeftOut || entry.opened != nil else { return plain }
        do throws(FerryError) { return try self.metadata.metadata(of: entry) } catch {
            // Without its top there is no tree.
            guard !entry.name.isEmpty else { throw error }
            // What is gone is told as it was; what becomes of it is seen when it is read.
            if error.code != .notFound { self.failed(entry.directory.path(of: entry.name), error) }
            return plain
        }
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
                self.outstanding -= told.weight
                continue
            }
            self.neededWeights.append(told.weight)
            guard case .file(let file) = told.what else {
                throw FerryError(.violation, "the receiver needs the content of what is no file")
            }
            var needed = file
            if needs.oldSizes[next] > 0 { needed.oldSize = Int64(clamping: needs.oldSizes[next] - 1) }
            self.reader.append(needed)
            self.counts.changed += 1
            self.neededBytes = self.neededBytes.addingReportingOverflow(UInt64(clamping: file.listed.size)).partialValue
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

/// Which names are further names of a file that was told of before.
///
/// A file is forgotten once all its names were seen, so that only those of which some lie outside the tree, or further on in
/// it, are remembered.
private struct HardLinks {
    private struct Key: Hashable {
        let device: UInt64
        let inode: UInt64
    }

    /// Files that are remembered at a time; further ones are sent under each name on its own.
    private static let limit = 1 << 16
    /// Bytes of a path that fit a frame with what else is told.
    private static let pathLimit = 16 << 10

    private var first: [Key: (name: [UInt8], left: UInt64, info: FileInfo)] = [:]

    /// The name under which the file was told of before; nil for its first name.
    mutating func firstName(of entry: TreeEntry) -> [UInt8]? {
        guard entry.info.links > 1 else { return nil }
        let key = Key(device: entry.info.device, inode: entry.info.inode)
        // A number may be used again for another file.
        guard var known = self.first[key], known.info.size == entry.info.size,
            known.info.modified == entry.info.modified
        else {
            let path = entry.directory.path(of: entry.name)
            guard self.first.count < Self.limit, path.count <= Self.pathLimit else { return nil }
            self.first[key] = (path, entry.info.links - 1, entry.info)
            return nil
        }
        known.left -= 1
        self.first[key] = known.left > 0 ? known : nil
        return known.name
    }
}
