import Dispatch
import FerryChunking
import FerryErrors
import FerryFiles
import FerryProtocol
import FerryTransfer
import FerryWire
import Synchronization
import Testing

/// What a cut transfer has left is looked through beside the transfer, which goes on whatever the disk does.
@Suite struct KeptCheckTests {
    /// Zeros on a disk that gives nothing before it is told to.
    private final class SlowDisk: PlacedBytes {
        let size: Int64
        let reads = Atomic<Int>(0)
        private let gate = DispatchSemaphore(value: 0)

        init(_ size: Int64) { self.size = size }

        func release(_ count: Int) { for _ in 0..<count { self.gate.signal() } }

        func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(FerryError) -> Int {
            self.reads.add(1, ordering: .relaxed)
            guard self.gate.wait(timeout: .now() + 30) == .success else {
                throw FerryError(.inputOutput, "nobody released the read at \(offset)")
            }
            let count = min(buffer.count, Int(self.size - offset))
            for index in 0..<count { buffer[index] = 0 }
            return count
        }
    }

    private let zeros = [UInt8](repeating: 0, count: 1 << 20)

    private func names(_ count: Int) -> Frame {
        let id = self.zeros.withUnsafeBytes { ChunkID(hashing: $0) }
        return .names(
            ids: ChunkID.pack([ChunkID](repeating: id, count: count)),
            lengths: [UInt32](repeating: UInt32(self.zeros.count), count: count)
        )
    }

    private func decided(_ sink: MemorySink) throws -> (names: Int, wants: Int) {
        var sum = (names: 0, wants: 0)
        for frame in sink.frames {
            guard case .wants(let wants) = frame.body else { continue }
            sum.names += Int(wants.decided)
            sum.wants += try ChunkID.unpack(wants.ids).count
        }
        return sum
    }

    @Test func nobodyWaitsForTheDisk() throws {
        let disk = SlowDisk(8 << 20)
        let receiver = FileReceiver(
            destination: MemoryDestination(kept: disk),
            announcedSize: nil,
            limits: FrameLimits()
        )
        let sink = MemorySink()
        try receiver.received(self.names(8), sink: sink)
        #expect(try receiver.proceed(sink: sink) == .waiting)
        #expect(sink.frames.isEmpty)
        disk.release(8)
        while try self.decided(sink).names < 8 {
            try #require(sink.awaitWake(), "nobody told that the disk has answered")
            while try receiver.proceed(sink: sink) == .more {}
        }

        #expect(try self.decided(sink).wants == 0)
    }

    /// A peer that names much and leaves does not keep the disk busy.
    @Test func whatIsAbandonedIsNotLookedThrough() throws {
        let disk = SlowDisk(64 << 20)
        let receiver = FileReceiver(
            destination: MemoryDestination(kept: disk),
            announcedSize: nil,
            limits: FrameLimits()
        )
        let sink = MemorySink()
        try receiver.received(self.names(64), sink: sink)
        receiver.abandoned(FerryError(.connection, "gone"))
        disk.release(64)
        for _ in 0..<4 { try #require(sink.awaitWake()) }
        #expect(disk.reads.load(ordering: .relaxed) == 4)
    }
}
