import FerryChunking
package import FerryErrors
package import FerryProtocol
package import FerryWire
import NIOCore

/// Receives one file: decides what it lacks, verifies every chunk by its name, writes it to its place, and commits
/// when the recipe is complete. The same at both ends: a push at the daemon, a pull at the client.
package final class FileReceiver {
    /// Bytes of answers that may wait for the sender to read them. One that reads needs a thirtieth of it, for its names
    /// are at most a window; one that only writes would have this side keep wants without end.
    private static let answerLimit = 4 << 20

    private let destination: any ByteDestination
    private var machine: ReceiveMachine
    private let decompressor = BlockDecompressor()
    /// Where compressed blocks are inflated and copied chunks are read; allocated once.
    private var scratch = ByteBuffer()
    /// Consumed and not yet credited: credit returns in steps, so that it costs few frames.
    private var uncredited = 0
    private let creditStep: Int
    private let onProgress: (@Sendable (TransferSummary) -> Void)?
    package private(set) var isFinished = false
    package private(set) var summary = TransferSummary()

    /// - Parameters:
    ///   - destination: where the file goes.
    ///   - announcedSize: what the sender said, in bytes; nil for a stream.
    ///   - limits: what this side announced.
    ///   - onProgress: told after each block and decision.
    package init(
        destination: any ByteDestination,
        announcedSize: UInt64?,
        limits: FrameLimits,
        onProgress: (@Sendable (TransferSummary) -> Void)? = nil
    ) {
        self.destination = destination
        self.machine = ReceiveMachine(
            limits: limits,
            announcedSize: announcedSize,
            repeats: destination.isRandomAccess ? .copied : .resent
        )
        self.creditStep = limits.creditStep
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
            self.summary.digest = digest
            self.isFinished = true
            sink.send(.finished(digest: ChunkID.pack([digest]), size: self.machine.size))
        default:
            throw FerryError(.violation, "the sender of a file sent something that is not part of a transfer")
        }
        self.onProgress?(self.summary)
    }

    /// Leaves nothing visible.
    package func abandoned() { self.destination.discard() }

    /// *Have* is answered only after the bytes were copied to their place and hashed to their name.
    private func namesReceived(_ names: WireNames, _ sink: any FrameSink) throws(FerryError) {
        let decisions = try self.machine.namesReceived(names)
        var wants: [ChunkID] = []
        for decision in decisions {
            switch decision {
            case .want(let id): wants.append(id)
            case .copy(let copy) where try self.copy(copy): break
            case .copy(let copy): wants.append(try self.machine.copyFailed(copy))
            }
        }
        sink.send(.wants(decided: decisions.count, ids: ChunkID.pack(wants)))
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
        if self.uncredited >= self.creditStep {
            self.machine.credited(self.uncredited)
            sink.send(.credit(self.uncredited))
            self.uncredited = 0
        }
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

    /// A repeat within the file: read from where it was written, hashed again, written to its other place.
    ///
    /// - Returns: false if it reads back differently.
    private func copy(_ copy: ReceiveMachine.Copy) throws(FerryError) -> Bool {
        self.scratch.clear(minimumCapacity: ChunkLimits.maximumLength)
        let length = copy.target.length
        var result = Result<Bool, FerryError>.success(true)
        _ = unsafe self.scratch.writeWithUnsafeMutableBytes(minimumWritableBytes: length) { free in
            do throws(FerryError) {
                let bytes = unsafe UnsafeMutableRawBufferPointer(rebasing: free.prefix(length))
                unsafe try self.destination.read(into: bytes, at: copy.source)
                let chunk = UnsafeRawBufferPointer(bytes)
                if unsafe ChunkID(hashing: chunk) == copy.id {
                    unsafe try self.destination.write(chunk, at: copy.target.offset)
                } else {
                    result = .success(false)
                }
            } catch {
                result = .failure(error)
            }
            return 0
        }
        guard try result.get() else { return false }
        self.summary.bytes += UInt64(length)
        self.summary.savedBytes += UInt64(length)
        return true
    }
}
