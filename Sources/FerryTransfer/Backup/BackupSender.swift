import FerryChunking
package import FerryErrors
package import FerryFiles
package import FerryObjects
package import FerryProtocol
package import FerryWire
import NIOCore

/// Sends a backup: names all that the snapshot is made of, sends what the repository lacks, and has it committed.
package final class BackupSender {
    private var reader: BackupReader
    private var content: ContentSender
    private var note: SnapshotNote
    private var hasEnded = false
    private let onEvent: TreeEvents?
    private var failed = 0

    /// The snapshot, once it is durable.
    private var snapshot: ChunkID?
    package var isFinished: Bool { self.content.machine.isFinished }

    /// Files and their bytes are those of the snapshot.
    package var summary: TransferSummary {
        var summary = self.content.summary
        summary.snapshot = self.snapshot
        let sent = summary.bytes - min(summary.bytes, summary.savedBytes)
        summary.bytes = max(self.reader.bytes, sent)
        summary.savedBytes = summary.bytes - sent
        summary.tree = TreeCounts()
        summary.tree?.files = Int(clamping: self.reader.files)
        summary.tree?.failed = self.failed
        return summary
    }

    /// What is backed up.
    package enum Source {
        /// Files and directories, what is kept of them besides their content, and what they were in the last backup.
        case walk(BackupWalk, MetadataPolicy, FileStates?)
        /// A stream, as a file of this name and time of modification.
        case stream(any ByteSource, name: [UInt8], modified: Timestamp)
    }

    /// - Parameters:
    ///   - source: what is backed up.
    ///   - average: how the repository's files are cut.
    ///   - note: what is stated about the snapshot; counts are added.
    ///   - compression: of the blocks, which are stored as they travel.
    ///   - limits: what the daemon announced.
    ///   - isDryRun: whether nothing is sent.
    ///   - onEvent: told what happens to which file.
    /// - Throws: `usage` if the average is none.
    package init(
        _ source: Source,
        average: Int,
        note: SnapshotNote,
        compression: Compression,
        limits: FrameLimits,
        isDryRun: Bool = false,
        onEvent: TreeEvents? = nil
    ) throws(FerryError) {
        let parameters = try GearChunker.Parameters(average: average)
        switch source {
        case .walk(let walk, let policy, let states):
            self.reader = BackupReader(
                walk,
                metadata: MetadataReader(policy),
                parameters: parameters,
                states: states
            )
        case .stream(let stream, let name, let modified):
            let entry = Entry(
                name: name,
                mode: 0o100600,
                seconds: modified.seconds,
                nanoseconds: modified.nanoseconds,
                content: .segments([])
            )
            self.reader = BackupReader(stream, as: entry, parameters: parameters)
        }
        self.content = ContentSender(compression: compression, limits: limits, isDryRun: isDryRun)
        self.note = note
        self.onEvent = onEvent
    }

    /// Takes the daemon's wants, credit or confirmation.
    ///
    /// - Throws: `.violation` for anything else, and what the machine refuses.
    package func received(_ frame: Frame) throws(FerryError) {
        guard frame.payload.readableBytes == 0 else {
            throw FerryError(.violation, "the receiver of a backup sent a payload")
        }
        try self.content.received(frame)
        if case .finished(let finished) = frame.body {
            self.snapshot = ChunkID(bytes: finished.snapshot)
            if self.snapshot != nil { self.reader.states?.commit() }
        }
        self.onEvent?(.progressed(self.summary))
    }

    /// Sends a block or names, or reads, whichever is possible.
    package func proceed(sink: any FrameSink) throws(FerryError) -> Progress {
        if self.isFinished { return .finished }
        if self.hasEnded { return .waiting }
        let mayHoldMore = self.content.mayHoldMore(self.reader.number, segmentLength: self.reader.segmentLength)
        let mayGrow = !self.reader.isAtEnd && mayHoldMore
        if try self.content.send(mayGrow: mayGrow, sink: sink) {
            self.onEvent?(.progressed(self.summary))
            return .more
        }
        if !self.reader.isAtEnd, self.content.isNamed, mayHoldMore {
            for piece in try self.reader.next() { self.content.append(piece) }
            for failure in self.reader.failures {
                self.failed += 1
                self.onEvent?(.failed(failure.path, failure.error))
            }
            self.reader.failures = []
            return .more
        }
        guard let root = self.reader.root, self.content.isEmpty else { return .waiting }
        self.commit(root, sink)
        return .waiting
    }

    /// The backup does not go on.
    package func abandoned() { self.reader.states?.abandon() }

    private func commit(_ root: ChunkID, _ sink: any FrameSink) {
        self.note.files = self.reader.files
        self.note.bytes = self.reader.bytes
        self.note.failed = UInt64(clamping: self.failed)
        self.content.commit(
            root: root,
            note: self.note.encoded,
            digest: self.reader.digest.finalize(),
            size: self.reader.size,
            sink: sink
        )
        self.hasEnded = true
    }
}
