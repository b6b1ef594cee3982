import FerryChunking
package import FerryErrors
package import FerryFiles
package import FerryProtocol
package import FerryWire
import NIOCore

/// Receives a tree: compares what the sender tells of with what is here, asks for the content of the files that differ, and
/// makes them durable and visible in batches. The same at both ends: a push at the daemon, a pull at the client.
///
/// No file waits for the peer: things are told, needs, names, wants and blocks stream past each other. What is in memory is
/// bounded by the windows of items and names and by a batch.
package final class TreeReceiver {
    /// Asked before so many bytes are written.
    package typealias WillWrite = (Int) throws(FerryError) -> Void

    /// How a tree is received.
    package struct Options: Sendable {
        /// Whether what is here may be read: it is compared, and its chunks are used.
        package var mayRead = true
        /// Whether content is compared where size and time of modification are equal.
        package var comparesContent = false
        /// Whose partial files are found again.
        package var owner = ""
        /// Files that become durable and visible together, at most: each is open until then, and as many again may wait.
        package var batchFiles = 4096
        /// Directories that are open because files in them are on their way, at most, besides those that are gone through.
        package var openDirectories = 384
        /// Threads that make small files; with none, who receives them does.
        package var writers = 0
        /// Whether the sender is told what could not be done, and what is reported.
        package var tellsPeer = false
        /// Whether each change is reported.
        package var reports = false
        /// Whether nothing is changed.
        package var isDryRun = false
        /// Whether there is no tree here yet, and none is to be made: the top only says where it would be.
        package var isMissing = false
        /// Whether the content of what is here is only compared; nothing is changed.
        package var verifies = false
        /// Whether what is only here is removed in the end.
        package var deletes = false
        /// If that were more things than these, none is.
        package var maxDelete: UInt64?
        /// What it leaves out is not removed.
        package var filter = TreeFilter()
        /// What is set besides the content.
        package var metadata = MetadataPolicy()
        /// The name that one thing gets which comes alone: the top is where it goes, and stays as it is.
        package var single: [UInt8]?

        package init() {}
    }

    private let options: Options
    private let target: TreeTarget
    private var content: TreeContent
    private let onEvent: TreeEvents?
    /// What comes alone.
    private var single: SingleItem?
    private var undecided = CircularBuffer<TreeItem>()
    private var undecidedWeight = 0
    /// Frames that came while no more files could be opened, in order; the windows bound them.
    private var held = CircularBuffer<Arrival>()
    private var heldWeight = 0
    /// A window of blocks for each connection, and far more than a window of names and one of items take.
    private var heldLimit: Int
    private let blockWindow: Int
    private var isLast = false
    private let deletion: TreeDeletion
    /// Changes that are to be told to the peer.
    private var changes: [TreeChange] = []
    /// A sync came before anything was removed.
    private var hasSynced = false
    /// Nothing is removed unless all else is in place.
    private var hasLacked: Bool?
    private var mayDelete: Bool { self.hasLacked == false && self.refusal == nil }
    /// What takes the places of directories has done so.
    private var hasReplaced = false
    /// What the peer is still to be told of.
    private var problems = CircularBuffer<(path: [UInt8], error: FerryError)>()
    /// Bytes of answers queued at which no more is done that makes some.
    private static let answersAhead = BlockReceiver.answerLimit / 8
    /// Why nothing was removed.
    private var refusal: FerryError?
    private var end: (digest: ChunkID, size: UInt64, isSynced: Bool)?
    package private(set) var isFinished = false
    package var summary: TransferSummary {
        var summary = self.content.summary
        summary.tree = self.counts
        return summary
    }
    private var counts = TreeCounts()
    /// Bytes of the files that are needed.
    private var neededBytes: UInt64 = 0

    /// - Parameters:
    ///   - top: the directory that gets the content of the sender's.
    ///   - options: how.
    ///   - limits: what this side announced.
    ///   - window: asked after each block how many bytes the sender may have in flight now; nil for what was announced.
    ///   - willWrite: asked before bytes are written; nil for always.
    ///   - onEvent: told what happens to which file.
    package init(
        _ top: OpenDirectory,
        options: Options,
        limits: FrameLimits,
        window: (@Sendable () -> Int)? = nil,
        willWrite: WillWrite? = nil,
        onEvent: TreeEvents? = nil
    ) {
        self.options = options
        self.blockWindow = max(limits.blockWindow, limits.payload)
        self.heldLimit = self.blockWindow + (16 << 20)
        let deletion = TreeDeletion(top, options: options)
        self.deletion = deletion
        self.single = options.single.map { SingleItem(name: $0) }
        self.target = TreeTarget(top, options: options) { path throws(FerryError) in try deletion.found(path) }
        self.content = TreeContent(
            top: top,
            options: options,
            limits: limits,
            window: window,
            willWrite: willWrite
        )
        self.onEvent = onEvent
    }

    /// Takes items, names, a block or the end.
    ///
    /// - Throws: `.violation`, `.limit` or `.integrity` for what the sender may not do, and what writing fails with.
    package func received(_ frame: Frame, sink: any FrameSink) throws(FerryError) {
        try self.received(frame, from: 0, sink: sink)
    }

    private func take(_ arrival: Arrival) throws(FerryError) {
        let (frame, sink) = (arrival.frame, arrival.sink)
        // What was sent again may still come where it was sent first.
        if self.end != nil, arrival.connection > 0, case .block = frame.body { return }
        guard self.end == nil else { throw FerryError(.violation, "a frame came after the end of the tree") }
        try BlockReceiver.checkAnswers(sink)
        switch frame.body {
        case .block(let block):
            try self.content.blockReceived(block, frame.payload, from: arrival.connection, sink)
        case _ where arrival.connection > 0: throw .notJoined
        case .items(let items) where frame.payload.readableBytes == 0:
            let items = (try self.checked(try TreeItem.parse(items)), items.last)
            guard !self.isLast else { throw FerryError(.violation, "something was told after the tree's end") }
            self.undecidedWeight += items.0.reduce(0) { $0 + $1.told.weight }
            guard self.undecidedWeight + self.content.outstanding <= WireConstants.itemWindow else {
                throw FerryError(.limit, "more than \(WireConstants.itemWindow) things of the tree are outstanding")
            }
            self.undecided += items.0
            self.isLast = items.1
        case .names(let names) where frame.payload.readableBytes == 0:
            try self.content.namesReceived(names)
        case .end(let end) where frame.payload.readableBytes == 0:
            guard self.isLast, self.undecided.isEmpty, self.target.isAtEnd else {
                throw FerryError(.violation, "the transfer ends before the tree does")
            }
            self.end = (try self.content.endReceived(end), self.content.size, false)
        default:
            throw FerryError(.violation, "the sender of a tree sent something that is not part of a transfer")
        }
    }

    private func checked(_ items: [TreeItem]) throws(FerryError) -> [TreeItem] {
        try self.single?.take(items) ?? items
    }

    /// Decides names or items, or publishes.
    ///
    /// - Returns: whether there is more to do now.
    /// - Throws: what writing and syncing fail with.
    package func proceed(sink: any FrameSink) throws(FerryError) -> Progress {
        if self.isFinished { return .finished }
        try self.content.refresh()
        self.tell(sink)
        if self.content.isSaturated {
            self.content.publishIfDue(sink)
            return .working
        }
        if let arrival = self.held.popFirst() {
            self.heldWeight -= arrival.frame.weight
            try self.take(arrival)
            return .more
        }
        if try self.content.proceed(sink) {
            self.tell(sink)
            return .more
        }
        if !self.problems.isEmpty { return .waiting }
        if !self.undecided.isEmpty, !self.content.isHeldBack, sink.queuedBytes < Self.answersAhead {
            try self.decideItems(sink)
            return .more
        }
        if self.end != nil { return try self.finish(sink) }
        self.content.publishIfDue(sink)
        let isBlocked = self.content.isBusy && self.content.isHeldBack
        return isBlocked || self.content.isLookedFor ? .working : .waiting
    }

    /// The transfer does not go on. What came whole is published; of the rest, what was written stays for a later one.
    ///
    /// - Parameter error: why.
    package func abandoned(_ error: FerryError) {
        // All is in place, and only the deletion was refused.
        guard self.refusal == nil else { return }
        self.deletion.leave()
        // Of a sender that breaks rules nothing is published.
        self.content.abandon(keeping: error.keepsPartialFiles && error.code != .violation)
    }

    /// Decides things, a few hundred at a time.
    private func decideItems(_ sink: any FrameSink) throws(FerryError) {
        var needs: [(place: Int, oldSize: UInt64)] = []
        var decided = 0
        while decided < 512, !self.content.isHeldBack, sink.queuedBytes < Self.answersAhead,
            let item = self.undecided.popFirst()
        {
            self.undecidedWeight -= item.told.weight
            let decision = try self.target.decide(item)
            if item.kind == .file, !item.isLeftOut { self.counts.files += 1 }
            for change in self.target.takeChanges() { self.changed(change, sink) }
            switch decision {
            case .nothing: break
            case .failed(let path, let error):
                // Its further names are not to be those of what is here.
                if item.kind != .directory { self.content.batch.failed(path) }
                self.failed(path, error, sink)
            case .needed(let file):
                needs.append((decided, file.oldSize.map { UInt64(clamping: $0) + 1 } ?? 0))
                self.content.expect(file)
                self.counts.changed += 1
                self.neededBytes = self.neededBytes.addingReportingOverflow(file.listedSize).partialValue
            case .later(let directory, let path): self.content.expectLink(path, in: directory)
            case .link(let link, let isLate): self.content.link(link, isLate: isLate)
            case .entered(let directory): self.content.entered(directory)
            case .ended(let directory): self.content.ended(directory)
            case .skipped(let path): self.onEvent?(.skipped(path))
            }
            decided += 1
        }
        self.tellChanges(sink)
        sink.send(.needs(decided: decided, items: needs.map { UInt32($0.place) }, oldSizes: needs.map(\.oldSize)))
        self.tell(sink)
        if self.isLast, self.undecided.isEmpty { self.onEvent?(.sized(self.neededBytes)) }
    }

    /// Publishes what is left, removes what is to be removed, syncs once more, and confirms.
    private func finish(_ sink: any FrameSink) throws(FerryError) -> Progress {
        guard self.content.isEmpty else {
            // With what is just being made, in one go.
            if self.content.writers.isEmpty { self.content.publish(sink) }
            guard self.content.isBusy else {
                throw FerryError(.internalError, "files of the tree were neither published nor given up")
            }
            return .working
        }
        // What deleting itself cannot do does not count.
        if self.hasLacked == nil { self.hasLacked = self.counts.failed > 0 }
        if self.deletion.hasFound, self.mayDelete, self.end?.isSynced == false {
            guard self.hasSynced || self.options.isDryRun else {
                // What takes the place of what goes is durable before that goes.
                self.hasSynced = true
                self.content.publish(sink, always: true)
                return .working
            }
            guard sink.queuedBytes < Self.answersAhead else { return .waiting }
            var hasMore = false
            do throws(FerryError) {
                hasMore = try self.deletion.proceed()
            } catch  where error.code == .tooManyDeletions {
                self.refusal = error
            }
            for (path, error) in self.deletion.takeFailures() { self.failed(path, error, sink) }
            for change in self.deletion.takeChanges() { self.changed(change, sink) }
            if hasMore { return .more }
        }
        if !self.hasReplaced {
            self.hasReplaced = true
            self.replaceDirectories(sink)
            return .more
        }
        guard let end = self.end, end.isSynced || self.options.isDryRun else {
            self.end?.isSynced = true
            self.content.publish(sink, always: true)
            return .working
        }
        self.tellChanges(sink)
        self.counts.deleted = Int(clamping: self.deletion.deleted)
        guard self.problems.isEmpty else { return .waiting }
        if let refusal = self.refusal { throw refusal }
        self.isFinished = true
        self.content.confirm(end.digest)
        sink.send(.finished(digest: ChunkID.pack([end.digest]), size: end.size, deleted: self.deletion.deleted))
        return .finished
    }

    /// Puts files and links into the places of directories that are gone, if those could go.
    private func replaceDirectories(_ sink: any FrameSink) {
        let mayDelete = self.mayDelete
        self.content.replaceDirectories(mayDelete)
        for (path, error) in self.target.replaceDirectories(mayDelete) { self.failed(path, error, sink) }
        for directory in self.target.takeReplaced() { self.content.replaced(in: directory) }
    }

    private func changed(_ change: TreeChange, _ sink: any FrameSink) {
        guard self.options.reports else { return }
        self.changes.append(change)
        if self.changes.count >= 64 { self.tellChanges(sink) }
    }

    private func tellChanges(_ sink: any FrameSink) {
        guard !self.changes.isEmpty else { return }
        for change in self.changes { self.onEvent?(.changed(change)) }
        if self.options.tellsPeer { for change in self.changes.framed { sink.send(change) } }
        self.changes = []
    }

    /// Passes on what failed, and how far it is.
    private func tell(_ sink: any FrameSink) {
        for change in self.content.takeChanges() { self.changed(change, sink) }
        self.sendProblems(sink)
        for failure in self.content.takeFailures() { self.failed(failure.path, failure.error, sink) }
        self.onEvent?(.progressed(self.summary))
    }

    private func failed(_ path: [UInt8], _ error: FerryError, _ sink: any FrameSink) {
        self.counts.failed += 1
        self.onEvent?(.failed(path, error))
        // What the peer said itself it knows.
        guard self.options.tellsPeer, error.origin == .local else { return }
        self.problems.append((path, error))
        self.sendProblems(sink)
    }

    /// As fast as the peer reads: a batch of files may fail at once.
    private func sendProblems(_ sink: any FrameSink) {
        while sink.queuedBytes < Self.answersAhead, let (path, error) = self.problems.popFirst() {
            sink.send(.problem(path: path, error))
        }
    }
}

extension TreeReceiver: JoinableTransfer {
    /// A frame, and the connection that it came on: 0 for the first.
    private struct Arrival {
        let frame: Frame
        let connection: Int
        let sink: any FrameSink
    }

    package func joined(_ number: Int, sink: any FrameSink) { self.heldLimit += self.blockWindow }

    package func received(_ frame: Frame, from number: Int, sink: any FrameSink) throws(FerryError) {
        let arrival = Arrival(frame: frame, connection: number, sink: sink)
        guard self.held.isEmpty, !self.content.isSaturated else {
            self.heldWeight += frame.weight
            guard self.heldWeight <= self.heldLimit else {
                throw FerryError(.limit, "the sender sends more than the windows allow")
            }
            return self.held.append(arrival)
        }
        try self.take(arrival)
    }

    package func lost(_ number: Int) {}
}

extension [TreeChange] {
    /// As frames, each of which fits a header: paths may be long.
    fileprivate var framed: [Frame] {
        var frames: [Frame] = []
        var batch: [WireChange] = []
        var bytes = 0
        for change in self {
            let wire = change.wire
            if bytes + wire.path.count > 32 << 10, !batch.isEmpty {
                frames.append(.changes(batch))
                (batch, bytes) = ([], 0)
            }
            batch.append(wire)
            bytes += wire.path.count + 32
        }
        return batch.isEmpty ? frames : frames + [.changes(batch)]
    }
}
