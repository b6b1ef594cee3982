import FerryChunking
import NIOCore

// Cutting where zeros begin and end, too: Docs/decisions/zeros.md.
extension SourceReader {
    /// What follows on the bytes at hand.
    enum Following {
        case more, hole, nothing
    }

    /// Cuts data, and the runs of zeros among them; what is still open stays in the segment.
    mutating func cutAtZeros(_ segment: inout ByteBuffer, before following: Following, _ cuts: inout [Cut]) {
        self.goOnWithZeros(&segment, &cuts)
        while let run = Self.firstRun(segment) {
            self.cutData(&segment, count: run.lowerBound, atEnd: true, &cuts)
            self.zeros = Int64(run.count)
            Self.pass(run.count, &segment, &cuts)
            if segment.readableBytes > 0 { self.endZeros(&cuts) }
        }
        let few = Self.trailing(segment)
        switch following {
        case .nothing:
            self.cutData(&segment, count: segment.readableBytes, atEnd: true, &cuts)
            self.endZeros(&cuts)
        case .hole:
            self.cutData(&segment, count: segment.readableBytes - few, atEnd: true, &cuts)
            self.endZeros(&cuts)
            // What a hole begins or ends with within a page is stored as zeros.
            Self.pass(few, &segment, &cuts)
            self.hole += Int64(few)
        case .more:
            // They may be the beginning of a run.
            self.cutData(&segment, count: segment.readableBytes - few, atEnd: false, &cuts)
        }
    }

    /// The bytes begin within a run, or behind a hole.
    private mutating func goOnWithZeros(_ segment: inout ByteBuffer, _ cuts: inout [Cut]) {
        guard self.zeros > 0 || self.isBehindHole, segment.readableBytes > 0 else { return }
        let count = Self.leading(segment)
        if self.zeros > 0 {
            self.zeros += Int64(count)
            Self.pass(count, &segment, &cuts)
            if segment.readableBytes > 0 { self.endZeros(&cuts) }
        } else if count < ZeroRuns.minimum {
            Self.pass(count, &segment, &cuts)
            if count > 0 { Self.pieces(Int64(count)) { cuts.append(.hole($0)) } }
        }
        self.isBehindHole = self.isBehindHole && segment.readableBytes == 0
    }

    private mutating func endZeros(_ cuts: inout [Cut]) {
        Self.pieces(self.zeros) { cuts.append(.zeros($0)) }
        self.zeros = 0
    }

    private static func pieces(_ count: Int64, _ body: (Int) -> Void) {
        var left = count
        while left > 0 {
            let length = ChunkID.zeros(atMost: left)
            body(length)
            left -= Int64(length)
        }
    }

    private static func pass(_ count: Int, _ segment: inout ByteBuffer, _ cuts: inout [Cut]) {
        guard count > 0 else { return }
        cuts.append(.gap(count))
        segment.moveReaderIndex(forwardBy: count)
    }

    private static func firstRun(_ segment: ByteBuffer) -> Range<Int>? {
        unsafe segment.withUnsafeReadableBytes { unsafe ZeroRuns.first(in: $0, from: 0) }
    }

    private static func leading(_ segment: ByteBuffer) -> Int {
        unsafe segment.withUnsafeReadableBytes { unsafe ZeroRuns.leading($0) }
    }

    private static func trailing(_ segment: ByteBuffer) -> Int {
        unsafe segment.withUnsafeReadableBytes { unsafe ZeroRuns.trailing($0) }
    }
}
