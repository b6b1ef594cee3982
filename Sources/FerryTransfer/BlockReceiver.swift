import FerryChunking
package import FerryErrors
package import FerryProtocol
package import FerryWire
package import NIOCore

/// The receiving side's books and blocks: what every transfer does with what arrives, wherever its bytes go.
package final class BlockReceiver {
    /// Bytes of answers that may wait for the sender to read them. One that reads needs a thirtieth of it, for its names
    /// are at most a window; one that only writes would have this side keep wants without end.
    static let answerLimit = 4 << 20

    package var machine: ReceiveMachine
    private let decompressor = BlockDecompressor()
    /// Where compressed blocks are inflated; allocated once.
    private var scratch = ByteBuffer()
    /// Consumed and not yet credited on the first connection: credit returns in steps, so that it costs few frames. On a joined
    /// one it returns at once, for what is not credited counts as lost with it.
    private var uncredited = 0
    private let limits: FrameLimits
    private let window: (@Sendable () -> Int)?

    /// - Parameters:
    ///   - machine: keeps the books.
    ///   - limits: what this side announced.
    ///   - window: asked after each block how many bytes the sender may have in flight now; nil for what was announced.
    package init(machine: ReceiveMachine, limits: FrameLimits, window: (@Sendable () -> Int)?) {
        self.machine = machine
        self.limits = limits
        self.window = window
    }

    /// Refuses a peer that only writes.
    ///
    /// - Throws: `.limit`.
    package static func checkAnswers(_ sink: any FrameSink) throws(FerryError) {
        guard sink.queuedBytes <= Self.answerLimit else {
            throw FerryError(.limit, "the sender does not read what it is answered")
        }
    }

    /// Takes a block: every chunk is hashed before anything of it is written.
    ///
    /// - Parameters:
    ///   - block: which chunks the payload holds.
    ///   - payload: stored or compressed.
    ///   - connection: the joined one that it came on, or 0.
    ///   - sink: gets credit.
    ///   - write: takes the verified bytes of chunks that are neighbours, and the place of the first.
    /// - Returns: bytes of the chunks.
    /// - Throws: `.violation`, `.limit`, `.integrity` or `.unsupported` for a block that is not good, and what `write` throws.
    func blockReceived(
        _ block: WireBlock,
        _ payload: ByteBuffer,
        from connection: Int,
        sink: any FrameSink,
        write: (UnsafeRawBufferPointer, UInt64) throws(FerryError) -> Void
    ) throws(FerryError) -> Int {
        try self.blockReceived(block, payload, from: connection, sink: sink) { deliveries, raw throws(FerryError) in
            unsafe try Self.write(deliveries, raw, write)
        }
    }

    /// Takes a block: every chunk is hashed before anything is done with it.
    ///
    /// - Parameters:
    ///   - block: which chunks the payload holds.
    ///   - payload: stored or compressed.
    ///   - connection: the joined one that it came on, or 0.
    ///   - sink: gets credit.
    ///   - store: takes the verified chunks, and their bytes one after another.
    /// - Returns: bytes of the chunks.
    /// - Throws: `.violation`, `.limit`, `.integrity` or `.unsupported` for a block that is not good, and what `store` throws.
    package func blockReceived(
        _ block: WireBlock,
        _ payload: ByteBuffer,
        from connection: Int,
        sink: any FrameSink,
        store: ([ReceiveMachine.Delivery], ByteBuffer) throws(FerryError) -> Void
    ) throws(FerryError) -> Int {
        let count = payload.readableBytes
        let deliveries = try self.machine.blockReceived(block, payload: count, from: connection)
        if !deliveries.isEmpty { try self.take(deliveries, block, payload, store) }
        if connection > 0 { sink.send(.credit(count)) } else { self.credit(count, sink) }
        return deliveries.reduce(0) { $0 + $1.length }
    }

    private func take(
        _ deliveries: [ReceiveMachine.Delivery],
        _ block: WireBlock,
        _ payload: ByteBuffer,
        _ store: ([ReceiveMachine.Delivery], ByteBuffer) throws(FerryError) -> Void
    ) throws(FerryError) {
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
        try Self.verify(raw, deliveries)
        try store(deliveries, raw)
        for delivery in deliveries { self.machine.chunkWritten(delivery.id, at: delivery.offset) }
    }

    private func credit(_ consumed: Int, _ sink: any FrameSink) {
        self.uncredited += consumed
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

    /// Neighbours are written in one call.
    private static func write(
        _ deliveries: [ReceiveMachine.Delivery],
        _ raw: ByteBuffer,
        _ write: (UnsafeRawBufferPointer, UInt64) throws(FerryError) -> Void
    ) throws(FerryError) {
        var result = Result<Void, FerryError>.success(())
        unsafe raw.withUnsafeReadableBytes { bytes in
            do throws(FerryError) {
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
                    unsafe try write(run, first.offset)
                    start += length
                }
            } catch {
                result = .failure(error)
            }
        }
        try result.get()
    }

    private static func verify(_ raw: ByteBuffer, _ deliveries: [ReceiveMachine.Delivery]) throws(FerryError) {
        let ids = unsafe raw.withUnsafeReadableBytes { bytes in
            unsafe ChunkID.hashing(SourceReader.slices(bytes, deliveries.map(\.length)))
        }
        for (id, delivery) in zip(ids, deliveries) where id != delivery.id {
            throw FerryError(.integrity, "the bytes of a chunk do not hash to its name \(delivery.id)")
        }
    }
}
