import FerryChunking
package import FerryErrors
package import FerryFiles
package import FerryProtocol
package import FerryWire
import NIOCore

/// Receives one file: decides what it lacks, verifies every chunk by its name, writes it to its place, and commits
/// when the recipe is complete. The same at both ends: a push at the daemon, a pull at the client.
package final class FileReceiver {
    private let assembly: FileAssembly
    private let blocks: BlockReceiver
    /// Bytes of the file that are read for one decision before others get their turn.
    static let decisionStep = 1 << 20
    private let onProgress: (@Sendable (TransferSummary) -> Void)?
    package private(set) var isFinished = false
    package private(set) var summary = TransferSummary()

    /// - Parameters:
    ///   - destination: where the file goes.
    ///   - announcedSize: what the sender said, in bytes; nil for a stream.
    ///   - old: the version that the file replaces, if there is one.
    ///   - isSparse: whether the sender says that the file has holes.
    ///   - decidesAhead: whether the sender takes decisions out of order, so that what certainly is missing travels while
    ///     what a cut transfer left is looked through.
    ///   - limits: what this side announced.
    ///   - window: asked after each block how many bytes the sender may have in flight now; nil for what was announced.
    ///   - onProgress: told after each block and decision.
    package init(
        destination: any ByteDestination,
        announcedSize: UInt64?,
        old: SourceFile? = nil,
        isSparse: Bool = false,
        decidesAhead: Bool = false,
        limits: FrameLimits,
        window: (@Sendable () -> Int)? = nil,
        onProgress: (@Sendable (TransferSummary) -> Void)? = nil
    ) {
        self.assembly = FileAssembly(
            destination: destination,
            old: old,
            isSparse: isSparse,
            decidesAhead: decidesAhead
        )
        let machine = ReceiveMachine(
            limits: limits,
            announcedSize: announcedSize,
            repeats: destination.isRandomAccess ? .copied : .resent
        )
        self.blocks = BlockReceiver(machine: machine, limits: limits, window: window)
        self.onProgress = onProgress
    }

    /// Takes names, a block or the end.
    ///
    /// - Throws: `.violation`, `.limit` or `.integrity` for what the sender may not do, and what writing fails with.
    package func received(_ frame: Frame, sink: any FrameSink) throws(FerryError) {
        guard !self.isFinished else { throw FerryError(.violation, "a frame came after the end of the recipe") }
        try BlockReceiver.checkAnswers(sink)
        switch frame.body {
        case .names(let names) where frame.payload.readableBytes == 0 && names.ends.isEmpty && names.notes.isEmpty:
            let named = try self.blocks.machine.namesReceived(names)
            try self.assembly.append(named, average: names.average, sink: sink)
        case .block(let block): try self.blockReceived(block, frame.payload, from: 0, sink)
        case .end(let end) where frame.payload.readableBytes == 0:
            let digest = try self.blocks.machine.endReceived(end)
            let size = self.blocks.machine.size
            self.summary.sha256 = try self.assembly.destination.commit(size: size)
            self.assembly.forgetOld()
            self.summary.digest = digest
            self.isFinished = true
            sink.send(.finished(digest: ChunkID.pack([digest]), size: size))
        default:
            throw FerryError(.violation, "the sender of a file sent something that is not part of a transfer")
        }
        self.onProgress?(self.summary)
    }

    private func blockReceived(
        _ block: WireBlock,
        _ payload: ByteBuffer,
        from connection: Int,
        _ sink: any FrameSink
    ) throws(FerryError) {
        let destination = self.assembly.destination
        let length = unsafe try self.blocks.blockReceived(block, payload, from: connection, sink: sink) {
            bytes,
            offset throws(FerryError) in unsafe try destination.write(bytes, at: offset)
        }
        self.summary.bytes += UInt64(length)
        self.summary.wireBytes += UInt64(payload.readableBytes)
    }

    /// Decides names, about a MiB of the file at a time.
    ///
    /// - Returns: whether there is more to do now.
    /// - Throws: what writing fails with.
    package func proceed(sink: any FrameSink) throws(FerryError) -> Progress {
        if self.isFinished { return .finished }
        self.assembly.refresh()
        // What is missing first: it travels while the rest is looked through.
        if let after = self.assembly.nameAhead?.after {
            try self.decide(after: after, sink, next: { self.assembly.nameAhead?.name }, self.assembly.decideAhead)
        }
        if self.assembly.nextName != nil {
            try self.decide(after: 0, sink, next: { self.assembly.nextName }, self.assembly.decide)
        }
        return self.assembly.nextName == nil && self.assembly.nameAhead == nil ? self.rest : .more
    }

    private func decide(
        after: Int,
        _ sink: any FrameSink,
        next: () -> ReceiveMachine.Name?,
        _ decision: (ReceiveMachine.Name, UInt64?) throws(FerryError) -> (isHere: Bool, effort: Int)
    ) throws(FerryError) {
        var wants: [ChunkID] = []
        var decided = 0
        var read = 0
        // One Wants holds no more names than a Names, or its header would be too long.
        while read < Self.decisionStep, decided < WireConstants.namesPerFrame, let name = next() {
            let (isHere, effort) = try decision(name, self.blocks.machine.written(name.id))
            decided += 1
            read += effort
            if isHere {
                self.blocks.machine.had(name)
                self.summary.bytes += UInt64(name.length)
                self.summary.savedBytes += UInt64(name.length)
            } else {
                try self.blocks.machine.lacked(name)
                wants.append(name.id)
            }
        }
        sink.send(.wants(decided: decided, ids: ChunkID.pack(wants), after: after))
        self.onProgress?(self.summary)
    }

    private var rest: Progress { self.assembly.isUndecided ? .working : .waiting }

    /// The transfer does not go on. What was written stays for a later one, unless the reason is that it may be wrong, was
    /// not written, or never will be.
    ///
    /// - Parameter error: why.
    package func abandoned(_ error: FerryError) {
        self.assembly.stop()
        self.assembly.destination.abandon(keeping: error.keepsPartialFiles)
    }
}

extension FileReceiver: JoinableTransfer {
    package func joined(_ number: Int, sink: any FrameSink) {}

    package func received(_ frame: Frame, from number: Int, sink: any FrameSink) throws(FerryError) {
        guard case .block(let block) = frame.body else { throw .notJoined }
        // What was sent again may still come where it was sent first.
        guard !self.isFinished else { return }
        try BlockReceiver.checkAnswers(sink)
        try self.blockReceived(block, frame.payload, from: number, sink)
        self.onProgress?(self.summary)
    }

    package func lost(_ number: Int) {}
}

extension FerryError {
    /// The sender sent something that a joined connection does not carry.
    static var notJoined: FerryError {
        FerryError(.violation, "the sender sent something that a joined connection does not carry")
    }
}

extension FerryError {
    /// Whether what was written before this error may serve a later transfer: not if it may be wrong, was not written, or
    /// never will be.
    var keepsPartialFiles: Bool {
        let isOurs = self.origin == .local
        return self.code != .integrity && !(isOurs && [.inputOutput, .tooLarge].contains(self.code))
    }
}
