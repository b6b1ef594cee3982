import FerryChunking
import FerryErrors
import FerryFiles
import FerryProtocol

/// Reads a file onward, ahead of whoever looks at its bytes: on a thread of its own, so that reading from the disk, or
/// copying out of the page cache, goes on while what was read is hashed and written.
final class AheadReader {
    /// Bytes read at a time.
    private static let step = 1 << 20
    /// Reads that are made ahead of need.
    private static let depth = 2
    /// How far ahead of what was read something may lie so that what is between is read too, in bytes.
    private static let reach: UInt64 = 4 << 20
    /// Bytes after which it is worth it to drop what was read ahead and read it to better places in memory.
    private static let worthMoving: UInt64 = 32 << 20

    private let file: any PlacedBytes
    private var ahead: Ahead<Int>?
    private let ring = Ring()
    /// The buffer of the ring that has the bytes at hand, where in it they are, and where in the file.
    private var number = 0
    private var range = 0..<0
    private var start: UInt64 = 0
    /// Where it began to read onward.
    private var origin: UInt64 = 0

    init(_ file: any PlacedBytes) { self.file = file }

    deinit { self.ahead?.stop() }

    private var end: UInt64 { self.start + UInt64(self.range.count) }

    /// Hashes what lies where the chunks of `names` should, one after another, as far as it is at hand and at most a MiB,
    /// in one go.
    ///
    /// - Parameters:
    ///   - names: of neighbours; none is longer than a chunk may be.
    ///   - place: where the first one should lie, in bytes from the file's start.
    ///   - body: takes the bytes of those that were hashed, and of each its name and whether it is there.
    /// - Returns: false if the first one cannot be read; nothing was hashed then.
    /// - Throws: what `body` throws.
    func look(
        for names: some Sequence<ReceiveMachine.Name>,
        at place: UInt64,
        _ body: (UnsafeRawBufferPointer, [(name: ReceiveMachine.Name, isThere: Bool)]) throws(FerryError) -> Void
    ) throws(FerryError) -> Bool {
        var found: [ReceiveMachine.Name] = []
        var length = 0
        for name in names {
            guard found.isEmpty || length + name.length <= min(Int(self.end - place), Self.step) else { break }
            guard !found.isEmpty || self.provide(place, name) else { return false }
            found.append(name)
            length += name.length
        }
        guard !found.isEmpty else { return false }
        let first = self.range.lowerBound + Int(place - self.start)
        let bytes = unsafe UnsafeRawBufferPointer(rebasing: self.ring.buffers[self.number][first..<(first + length)])
        let ids = unsafe ChunkID.hashing(SourceReader.slices(bytes, found.map(\.length)))
        unsafe try body(bytes, zip(found, ids).map { ($0, $0.id == $1) })
        return true
    }

    /// Has the bytes of `name` at hand, which should lie at `place`; false if they cannot be read.
    private func provide(_ place: UInt64, _ name: ReceiveMachine.Name) -> Bool {
        guard name.length <= Ring.front, place <= UInt64(Int64.max) - Self.reach else { return false }
        // What lies within a page of memory as it will in the new file is written without another copy.
        let within = name.offset % Ring.page
        let start = place >= within ? place - within : place
        let isElsewhere = self.ahead == nil || place < self.start || place > self.end + Self.reach
        let isBeside = start % Ring.page != self.origin % Ring.page && place > self.origin + Self.worthMoving
        if isElsewhere || isBeside { self.restart(at: start) }
        while self.end < place + UInt64(name.length) {
            guard self.readOn(from: place) else { return false }
        }
        return true
    }

    private func restart(at start: UInt64) {
        // The ring is used again.
        self.ahead?.stopAndWait()
        let (file, ring) = (self.file, self.ring)
        (self.origin, self.start) = (start, start)
        (self.number, self.range) = (0, Ring.front..<Ring.front)
        var (position, next) = (Int64(clamping: self.start), 0)
        self.ahead = Ahead(depth: Self.depth) {
            next += 1
            let buffer = unsafe ring.buffers[next % ring.buffers.count]
            let back = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[Ring.front...])
            guard let count = unsafe try? file.read(into: back, at: position), count > 0 else { return nil }
            position += Int64(count)
            return count
        }
    }

    /// Goes on to the next buffer; what is still needed goes in front of what it has.
    private func readOn(from place: UInt64) -> Bool {
        let next = unsafe (self.number + 1) % self.ring.buffers.count
        let rest = place < self.end ? Int(self.end - place) : 0
        let (from, to) = unsafe (self.ring.buffers[self.number], self.ring.buffers[next])
        // SAFETY: the rest is shorter than what was asked for, which is at most the front; only what lies behind it is read into.
        unsafe UnsafeMutableRawBufferPointer(rebasing: to[(Ring.front - rest)..<Ring.front]).copyMemory(
            from: UnsafeRawBufferPointer(rebasing: from[(self.range.upperBound - rest)..<self.range.upperBound])
        )
        let end = self.end
        guard let count = self.ahead?.next() else { return false }
        self.number = next
        self.range = (Ring.front - rest)..<(Ring.front + count)
        self.start = end - UInt64(rest)
        return true
    }

    /// The buffers in turn: one whose bytes are at hand, those that wait, and one that is being filled.
    // SAFETY: a buffer is filled by the queue and then read by the taker, who gets its count through a lock.
    @safe private final class Ring: @unchecked Sendable {
        /// Bytes for what is left of the buffer before: the longest chunk.
        static let front = ChunkLimits.maximumLength
        static let page: UInt64 = 4096

        let buffers: [UnsafeMutableRawBufferPointer]

        init() {
            unsafe self.buffers = (0..<(AheadReader.depth + 2)).map { _ in
                .allocate(byteCount: Self.front + AheadReader.step, alignment: Int(Self.page))
            }
        }

        deinit { for index in unsafe self.buffers.indices { unsafe self.buffers[index].deallocate() } }
    }
}
