import Dispatch
import FerryChunking
package import FerryErrors
package import FerryFiles
package import FerryProtocol
package import FerryWire
import NIOCore
import Synchronization

/// Receives one file: decides what it lacks, verifies every chunk by its name, writes it to its place, and commits
/// when the recipe is complete. The same at both ends: a push at the daemon, a pull at the client.
///
/// Chunks come from the wire, from the file itself (repeats), from what a cut transfer left in it, and from the version
/// that it replaces. *Have* is answered only once the bytes are in their place and were hashed to their name.
package final class FileReceiver {
    /// Bytes of answers that may wait for the sender to read them. One that reads needs a thirtieth of it, for its names
    /// are at most a window; one that only writes would have this side keep wants without end.
    private static let answerLimit = 4 << 20

    private let destination: any ByteDestination
    private var machine: ReceiveMachine
    private let decompressor = BlockDecompressor()
    /// Names that wait to be decided, in order.
    private var undecided = CircularBuffer<ReceiveMachine.Name>()
    /// Looks through what a cut transfer left.
    private let kept: KeptCheck?
    /// Of the names at the front of `undecided`: whether what a cut transfer left in their places is what they name.
    private var inPlace = CircularBuffer<Bool>()
    private var old: SourceFile?
    /// Made with the first names, which tell how it is to be cut.
    private var oldVersion: OldVersion?
    /// Of the names at the front of `undecided`: whether the old version had them where they were expected; they are
    /// written then.
    private var inOld = CircularBuffer<Bool>()
    private var hasNames = false
    /// Bytes of the file that are read for one decision before others get their turn.
    private static let decisionStep = 1 << 20
    /// Where compressed blocks are inflated and copied chunks are read; allocated once.
    private var scratch = ByteBuffer()
    /// Consumed and not yet credited: credit returns in steps, so that it costs few frames.
    private var uncredited = 0
    private let limits: FrameLimits
    private let window: (@Sendable () -> Int)?
    private let onProgress: (@Sendable (TransferSummary) -> Void)?
    package private(set) var isFinished = false
    package private(set) var summary = TransferSummary()

    /// - Parameters:
    ///   - destination: where the file goes.
    ///   - announcedSize: what the sender said, in bytes; nil for a stream.
    ///   - old: the version that the file replaces, if there is one.
    ///   - limits: what this side announced.
    ///   - window: asked after each block how many bytes the sender may have in flight now; nil for what was announced.
    ///   - onProgress: told after each block and decision.
    package init(
        destination: any ByteDestination,
        announcedSize: UInt64?,
        old: SourceFile? = nil,
        limits: FrameLimits,
        window: (@Sendable () -> Int)? = nil,
        onProgress: (@Sendable (TransferSummary) -> Void)? = nil
    ) {
        self.destination = destination
        self.kept = destination.kept.map { KeptCheck($0) }
        self.old = old
        self.machine = ReceiveMachine(
            limits: limits,
            announcedSize: announcedSize,
            repeats: destination.isRandomAccess ? .copied : .resent
        )
        self.limits = limits
        self.window = window
        self.onProgress = onProgress
    }

    /// Takes names, a block or the end.
    ///
    /// - Throws: `.violation`, `.limit` or `.integrity` for what the sender may not do, and what writing fails with.
    package func received(_ frame: Frame, sink: any FrameSink) throws(FerryError) {
        guard !self.isFinished else { throw FerryError(.violation, "a frame came after the end of the recipe") }
        guard sink.queuedBytes <= Self.answerLimit else {
            throw FerryError(.limit, "the sender does not read what it is answered")
        }
        switch frame.body {
        case .names(let names) where frame.payload.readableBytes == 0:
            try self.namesReceived(names, sink)
        case .block(let block):
            try self.blockReceived(block, frame.payload, sink)
        case .end(let end) where frame.payload.readableBytes == 0:
            let digest = try self.machine.endReceived(end)
            self.summary.sha256 = try self.destination.commit(size: self.machine.size)
            self.forgetOld()
            self.summary.digest = digest
            self.isFinished = true
            sink.send(.finished(digest: ChunkID.pack([digest]), size: self.machine.size))
        default:
            throw FerryError(.violation, "the sender of a file sent something that is not part of a transfer")
        }
        self.onProgress?(self.summary)
    }

    /// Decides names, about a MiB of the file at a time.
    ///
    /// - Returns: whether there is more to do now.
    /// - Throws: what writing fails with.
    package func proceed(sink: any FrameSink) throws(FerryError) -> Progress {
        if self.isFinished { return .finished }
        if let kept = self.kept { self.inPlace += kept.take() }
        guard self.nextName != nil else { return self.rest }
        var wants: [ChunkID] = []
        var decided = 0
        var read = 0
        // One Wants holds no more names than a Names, or its header would be too long.
        while read < Self.decisionStep, decided < WireConstants.namesPerFrame, let name = self.nextName {
            try self.look(for: name)
            self.undecided.removeFirst()
            decided += 1
            let isLookedAt = !self.inOld.isEmpty
            let isHere = try self.has(name)
            // Where something else lies in its place, looking costs as much as taking it, and a search costs what it read.
            read += (isHere || isLookedAt ? name.length : 0) + (self.oldVersion?.takeEffort() ?? 0)
            if isHere {
                self.machine.had(name)
                self.summary.bytes += UInt64(name.length)
                self.summary.savedBytes += UInt64(name.length)
            } else {
                try self.machine.lacked(name)
                wants.append(name.id)
            }
        }
        sink.send(.wants(decided: decided, ids: ChunkID.pack(wants)))
        self.onProgress?(self.summary)
        return self.nextName == nil ? self.rest : .more
    }

    private var rest: Progress { self.undecided.isEmpty ? .waiting : .working }

    /// The name to be decided next; nil if there is none, or while it is looked for.
    private var nextName: ReceiveMachine.Name? {
        guard let name = self.undecided.first, !self.inPlace.isEmpty || !self.mayBeInPlace(name) else { return nil }
        return name
    }

    private func mayBeInPlace(_ name: ReceiveMachine.Name) -> Bool {
        self.kept.map { name.offset + UInt64(name.length) <= $0.size } ?? false
    }

    /// The transfer does not go on. What was written stays for a later one, unless the reason is that it may be wrong, was
    /// not written, or never will be.
    ///
    /// - Parameter error: why.
    package func abandoned(_ error: FerryError) {
        let isOurs = error.origin == .local
        self.kept?.stop()
        self.destination.abandon(
            keeping: error.code != .integrity && !(isOurs && [.inputOutput, .tooLarge].contains(error.code))
        )
    }

    private func namesReceived(_ names: WireNames, _ sink: any FrameSink) throws(FerryError) {
        let named = try self.machine.namesReceived(names)
        self.undecided += named
        self.kept?.submit(named.prefix(while: self.mayBeInPlace), sink: sink)
        guard !self.hasNames else { return }
        self.hasNames = true
        if let old = self.old, names.average > 0 { self.oldVersion = try OldVersion(old, average: names.average) }
    }

    /// Looks for the next chunks, the first of which is `name`'s, where they should be: several together is faster than one
    /// by one.
    private func look(for name: ReceiveMachine.Name) throws(FerryError) {
        guard self.destination.isRandomAccess else { return }
        guard self.inPlace.first != true, self.inOld.isEmpty, let old = self.oldVersion else { return }
        // Those that are still looked for may be in place.
        let unknown = self.mayBeInPlace(name) ? self.inPlace.endIndex : nil
        let count = (self.inPlace.firstIndex(of: true) ?? unknown).map {
            self.inPlace.distance(from: self.inPlace.startIndex, to: $0)
        }
        // What becomes a hole is not to be written.
        let names = self.undecided.prefix(count ?? self.undecided.count).lazy.prefix { !self.isHole($0) }
        self.inOld += unsafe try old.look(for: names) {
            bytes,
            offset throws(FerryError) in
            unsafe try self.destination.write(bytes, at: offset)
        }
    }

    /// The last reference to a file that was replaced frees its blocks on the disk and in the page cache: 0.4 s for 4 GiB, for
    /// which neither the sender need wait nor an event loop.
    private func forgetOld() {
        self.oldVersion = nil
        let old = Mutex(self.old)
        self.old = nil
        DispatchQueue(label: "ferry.forget").async { old.withLock { $0 = nil } }
    }

    /// Finds the chunk and puts it into its place, unless looking has done so.
    private func has(_ name: ReceiveMachine.Name) throws(FerryError) -> Bool {
        guard self.destination.isRandomAccess else { return false }
        let (isInPlace, isInOld) = (self.inPlace.popFirst() ?? false, self.inOld.popFirst())
        if isInPlace || isInOld == true || self.isHole(name) { return true }
        if let chunk = self.oldVersion?.chunk(name, isReplaced: isInOld == false) {
            try self.write(chunk, at: name.offset)
            return true
        }
        guard let earlier = self.machine.written(name.id) else { return false }
        return try self.copy(name, from: earlier)
    }

    /// Whether it is enough to write nothing: long runs of zeros become holes.
    private func isHole(_ name: ReceiveMachine.Name) -> Bool {
        guard let start = self.destination.emptyFrom, name.offset >= start else { return false }
        return name.id.isOfZeros(length: name.length)
    }

    private func blockReceived(_ block: WireBlock, _ payload: ByteBuffer, _ sink: any FrameSink) throws(FerryError) {
        let deliveries = try self.machine.blockReceived(block, payload: payload.readableBytes)
        let length = deliveries.reduce(0) { $0 + $1.length }
        let raw: ByteBuffer
        switch block.codec {
        case .stored:
            guard payload.readableBytes == length else {
                throw FerryError(.integrity, "a stored block of \(payload.readableBytes) bytes declares \(length)")
            }
            raw = payload
        case .zlib:
            raw = try self.inflate(payload, length: length)
        case .UNRECOGNIZED(let codec):
            throw FerryError(
                .unsupported,
                "a block is compressed with codec \(codec), which this version does not know"
            )
        }
        try self.verifyAndWrite(deliveries, raw)
        for delivery in deliveries { self.machine.chunkWritten(delivery.id, at: delivery.offset) }
        self.summary.bytes += UInt64(length)
        self.summary.wireBytes += UInt64(payload.readableBytes)
        self.uncredited += payload.readableBytes
        let credit = self.limits.credit(for: self.uncredited, window: self.window?() ?? self.limits.blockWindow)
        guard credit > 0 else { return }
        self.machine.credited(credit)
        sink.send(.credit(credit))
        self.uncredited -= credit
    }

    private func inflate(_ payload: ByteBuffer, length: Int) throws(FerryError) -> ByteBuffer {
        self.scratch.clear(minimumCapacity: ChunkLimits.maximumLength)
        var failure: FerryError?
        unsafe payload.withUnsafeReadableBytes { compressed in
            _ = unsafe self.scratch.writeWithUnsafeMutableBytes(minimumWritableBytes: length) { free in
                do throws(FerryError) {
                    let out = unsafe UnsafeMutableRawBufferPointer(rebasing: free.prefix(length))
                    unsafe try self.decompressor.decompress(compressed, into: out)
                    return length
                } catch {
                    failure = error
                    return 0
                }
            }
        }
        if let failure { throw failure }
        return self.scratch
    }

    /// Every chunk is hashed before anything of the block is written; neighbours are written in one call.
    private func verifyAndWrite(_ deliveries: [ReceiveMachine.Delivery], _ raw: ByteBuffer) throws(FerryError) {
        var result = Result<Void, FerryError>.success(())
        unsafe raw.withUnsafeReadableBytes { bytes in
            do throws(FerryError) {
                unsafe try Self.verify(bytes, deliveries)
                var start = 0
                var index = 0
                while index < deliveries.count {
                    let first = deliveries[index]
                    var length = 0
                    while index < deliveries.count, deliveries[index].offset == first.offset + UInt64(length) {
                        length += deliveries[index].length
                        index += 1
                    }
                    let run = unsafe UnsafeRawBufferPointer(rebasing: bytes[start..<(start + length)])
                    unsafe try self.destination.write(run, at: first.offset)
                    start += length
                }
            } catch {
                result = .failure(error)
            }
        }
        try result.get()
    }

    private static func verify(
        _ bytes: UnsafeRawBufferPointer,
        _ deliveries: [ReceiveMachine.Delivery]
    ) throws(FerryError) {
        let ids = unsafe ChunkID.hashing(SourceReader.slices(bytes, deliveries.map(\.length)))
        for (id, delivery) in zip(ids, deliveries) where id != delivery.id {
            throw FerryError(.integrity, "the bytes of a chunk do not hash to its name \(delivery.id)")
        }
    }

    private func write(_ chunk: ByteBuffer, at offset: UInt64) throws(FerryError) {
        var result = Result<Void, FerryError>.success(())
        unsafe chunk.withUnsafeReadableBytes { bytes in
            do throws(FerryError) { unsafe try self.destination.write(bytes, at: offset) } catch {
                result = .failure(error)
            }
        }
        try result.get()
    }

    /// A repeat within the file: read from where it was written, hashed again, written to its other place.
    ///
    /// - Returns: false if it reads back differently.
    private func copy(_ name: ReceiveMachine.Name, from source: UInt64) throws(FerryError) -> Bool {
        self.scratch.clear(minimumCapacity: ChunkLimits.maximumLength)
        var result = Result<Bool, FerryError>.success(false)
        _ = unsafe self.scratch.writeWithUnsafeMutableBytes(minimumWritableBytes: name.length) { free in
            do throws(FerryError) {
                let bytes = unsafe UnsafeMutableRawBufferPointer(rebasing: free.prefix(name.length))
                unsafe try self.destination.read(into: bytes, at: source)
                let chunk = UnsafeRawBufferPointer(bytes)
                guard unsafe ChunkID(hashing: chunk) == name.id else { return 0 }
                unsafe try self.destination.write(chunk, at: name.offset)
                result = .success(true)
            } catch {
                result = .failure(error)
            }
            return 0
        }
        return try result.get()
    }
}
