import Dispatch
import FerryChunking
import FerryErrors
import FerryFiles
import FerryProtocol
import FerryTestKit
import FerryTransfer
import FerryWire
import NIOCore
import Synchronization
import Testing

/// What a cut transfer has left is looked through beside the transfer, which goes on whatever the disk does.
@Suite struct KeptCheckTests {
    /// A disk that gives each MiB only when it is told to.
    private final class SlowDisk: PlacedBytes {
        let size: Int64
        let reads = Atomic<Int>(0)
        private let content: [UInt8]
        private let gates: [DispatchSemaphore]

        init(_ content: [UInt8]) {
            self.content = content
            self.size = Int64(content.count)
            self.gates = (0..<(content.count >> 20)).map { _ in DispatchSemaphore(value: 0) }
        }

        func release(_ pieces: some Sequence<Int>) { for piece in pieces { self.gates[piece].signal() } }

        func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(FerryError) -> Int {
            self.reads.add(1, ordering: .relaxed)
            guard self.gates[Int(offset >> 20)].wait(timeout: .now() + 30) == .success else {
                throw FerryError(.inputOutput, "nobody released the read at \(offset)")
            }
            let bytes = self.content[Int(offset)...].prefix(buffer.count)
            buffer.copyBytes(from: bytes)
            return bytes.count
        }
    }

    /// Every other MiB is what the names say.
    private let wanted: [ChunkID]
    private let disk: SlowDisk

    init() {
        var generator = SeededGenerator(seed: 61)
        let pieces = (0..<8).map { _ in
            (0..<(1 << 17)).flatMap { _ in
                withUnsafeBytes(of: UInt64.random(in: 0 ... .max, using: &generator)) { Array($0) }
            }
        }
        let ids = pieces.map { piece in piece.withUnsafeBytes { ChunkID(hashing: $0) } }
        self.wanted = ids.enumerated().filter { !$0.offset.isMultiple(of: 2) }.map(\.element)
        self.disk = SlowDisk(
            pieces.enumerated().flatMap { number, piece in
                number.isMultiple(of: 2) ? piece : Array(piece.reversed())
            }
        )
        self.names = .names(ids: ChunkID.pack(ids), lengths: ids.map { _ in 1 << 20 })
    }

    private let names: Frame

    private func receiver() -> FileReceiver {
        FileReceiver(destination: MemoryDestination(kept: self.disk), announcedSize: nil, limits: FrameLimits())
    }

    private func decided(_ sink: MemorySink) throws -> (names: Int, wants: [ChunkID]) {
        var sum = (names: 0, wants: [ChunkID]())
        for frame in sink.frames {
            guard case .wants(let wants) = frame.body else { continue }
            sum.names += Int(wants.decided)
            sum.wants += try ChunkID.unpack(wants.ids)
        }
        return sum
    }

    /// Whatever the order in which the disk answers, names are decided in theirs, and each by its own bytes.
    @Test(arguments: [[0, 1, 2, 3, 4, 5, 6, 7], [3, 2, 1, 0, 7, 6, 5, 4], [1, 3, 0, 2, 6, 4, 5, 7]])
    func nobodyWaitsForTheDisk(_ order: [Int]) throws {
        let receiver = self.receiver()
        let sink = MemorySink()
        try receiver.received(self.names, sink: sink)
        #expect(try receiver.proceed(sink: sink) == .working)
        #expect(sink.frames.isEmpty)
        for piece in order {
            self.disk.release([piece])
            try #require(sink.awaitWake(), "nobody told that the disk has answered")
            while try receiver.proceed(sink: sink) == .more {}
        }
        #expect(try receiver.proceed(sink: sink) == .waiting)
        let sum = try self.decided(sink)
        #expect(sum.names == 8 && sum.wants == self.wanted)
    }

    /// What is missing behind what was left is wanted, travels and is written before the disk has answered once.
    @Test func whatIsMissingDoesNotWaitForTheDisk() throws {
        let destination = MemoryDestination(kept: self.disk)
        let receiver = FileReceiver(
            destination: destination,
            announcedSize: nil,
            decidesAhead: true,
            limits: FrameLimits()
        )
        let sink = MemorySink()
        try receiver.received(self.names, sink: sink)
        let missing = [UInt8](repeating: 7, count: 1 << 20)
        let id = missing.withUnsafeBytes { ChunkID(hashing: $0) }
        let packed = ChunkID.pack([id])
        try receiver.received(.names(ids: packed, lengths: [1 << 20]), sink: sink)
        #expect(try receiver.proceed(sink: sink) == .working)
        #expect(Array(sink.frames) == [.wants(decided: 1, ids: packed, after: 8)])
        let block = Frame.block(codec: .stored, ids: packed, lengths: [1 << 20], payload: ByteBuffer(bytes: missing))
        try receiver.received(block, sink: sink)
        #expect(destination.bytes.suffix(1 << 20) == missing[...] && destination.bytes.count == 9 << 20)
        sink.frames.removeAll()
        for piece in 0..<8 {
            self.disk.release([piece])
            try #require(sink.awaitWake(), "nobody told that the disk has answered")
            while try receiver.proceed(sink: sink) == .more {}
        }
        let sum = try self.decided(sink)
        #expect(sum.names == 8 && sum.wants == self.wanted)
        #expect(try receiver.proceed(sink: sink) == .waiting)
    }

    /// A short last block does not wait for names that were left undecided.
    @Test func theLastBlockDoesNotWaitForTheDiskEither() throws {
        var generator = SeededGenerator(seed: 62)
        let pair = try TransferPair(MemorySource(generator.bytes(300_000)), MemoryDestination(), decidesAhead: true)
        while try pair.proceed() {}
        var ids: [ChunkID] = []
        for frame in pair.toReceiver.frames {
            if case .names(let names) = frame.body { ids += try ChunkID.unpack(names.ids) }
        }
        pair.toReceiver.frames.removeAll()
        let last = try #require(ids.last)
        try pair.sender.received(.wants(decided: 1, ids: ChunkID.pack([last]), after: ids.count - 1))
        while try pair.proceed() {}
        let sent = pair.toReceiver.frames.compactMap { if case .block(let block) = $0.body { block.ids } else { nil } }
        #expect(ids.count > 2 && sent == [ChunkID.pack([last])])
    }

    /// A peer that names much and leaves does not keep the disk busy, and what it had of the machine ends with its transfer.
    @Test func whatIsAbandonedIsNotLookedThrough() throws {
        let receiver = self.receiver()
        let sink = MemorySink()
        try receiver.received(self.names, sink: sink)
        let releasing = DispatchQueue(label: "releasing")
        releasing.async { self.disk.release(0..<8) }
        receiver.abandoned(FerryError(.connection, "gone"))
        let reads = self.disk.reads.load(ordering: .relaxed)
        // No piece is begun once it is over: as many have been told of as were read.
        for _ in 0..<reads { #expect(sink.awaitWake()) }
        #expect(self.disk.reads.load(ordering: .relaxed) == reads)
    }
}
