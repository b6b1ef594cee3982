import NIOCore

/// What is queued on a connection, until the kernel has taken it. Payloads leave in pieces where a rate limits them.
struct Outbox {
    /// Frames without payload that may be queued. A peer that reads never comes near: what answers it may demand is
    /// bounded by the name window (4096). One that only writes would have this side queue them without end.
    private static let answerLimit = 16 << 10
    /// Bytes of their headers: a window of names and a frame of a listing many times over.
    private static let answerBytes = 1 << 20
    /// Whoever waits for the queue to drain is told when no more than this is left, in bytes.
    private static let lowWatermark = 128 << 10

    /// A frame, or the rest of one whose head has gone.
    typealias Piece = (head: ByteBuffer?, payload: ByteBuffer)

    enum Queued { case now, before, refused, tooMany }

    var limiters: [RateLimiter] = []
    private(set) var queuedBytes = 0
    /// Of these, what the channel was given: whether the peer takes bytes shows in these alone.
    private(set) var handedBytes = 0
    private(set) var takenBytes: UInt64 = 0
    private(set) var drain = DrainMeter()
    private var frames = CircularBuffer<Piece>()
    /// For the next piece, while it waits.
    private var toll: Toll?
    private var isScheduled = false
    /// Nothing more goes in: a last frame was queued, or the channel is gone.
    private var isClosed = false
    /// Of the queued bytes, payloads: only they tell how fast the link is.
    private var queuedPayload = 0
    private var queuedAnswers = 0

    /// Puts a frame in.
    ///
    /// - Returns: whether someone has to come for it now.
    mutating func queue(head: ByteBuffer, payload: ByteBuffer, isLast: Bool) -> Queued {
        guard !self.isClosed else { return .refused }
        if isLast { self.isClosed = true }
        if payload.readableBytes == 0 { self.queuedAnswers += 1 }
        let headers = self.queuedBytes - self.queuedPayload + head.readableBytes
        guard self.queuedAnswers <= Self.answerLimit, headers <= Self.answerBytes else {
            self.isClosed = true
            return .tooMany
        }
        self.frames.append((head, payload))
        self.queuedBytes += head.readableBytes + payload.readableBytes
        self.queuedPayload += payload.readableBytes
        defer { self.isScheduled = true }
        // A last frame waits for no rate, nor does what is before it: soon nobody reads any more.
        return self.isScheduled && !isLast ? .before : .now
    }

    /// Takes out what may go now.
    ///
    /// - Returns: pieces in their order, and how long the rest has to wait; nil if nothing is left.
    mutating func take() -> (pieces: [Piece], wait: TimeAmount?) {
        if self.queuedPayload > 0 { self.drain.started() }
        var pieces: [Piece] = []
        while let frame = self.frames.first {
            let length = frame.payload.readableBytes
            var piece = length
            if length > 0, !self.limiters.isEmpty, !self.isClosed {
                let toll = self.toll ?? self.limiters.take(Swift.min(length, self.limiters.piece), .sent)
                self.toll = toll
                if let wait = toll?.wait { return (pieces, wait) }
                piece = toll?.bytes ?? length
            }
            self.toll = nil
            if piece < length {
                var rest = frame.payload
                pieces.append((frame.head, rest.readSlice(length: piece) ?? ByteBuffer()))
                self.frames[self.frames.startIndex] = (nil, rest)
            } else {
                pieces.append(frame)
                self.frames.removeFirst()
            }
            self.handedBytes += (frame.head?.readableBytes ?? 0) + piece
        }
        self.isScheduled = false
        return (pieces, nil)
    }

    /// The kernel has taken a piece.
    ///
    /// - Returns: whether the queue has thereby drained.
    mutating func wrote(head: Int, payload: Int) -> Bool {
        let before = self.queuedBytes
        self.queuedBytes = max(0, before - head - payload)
        self.handedBytes = max(0, self.handedBytes - head - payload)
        self.queuedPayload = max(0, self.queuedPayload - payload)
        self.takenBytes += UInt64(head + payload)
        if payload == 0 {
            self.queuedAnswers -= 1
        } else {
            self.drain.drained(payload, isEmpty: self.queuedPayload == 0)
        }
        return before > Self.lowWatermark && self.queuedBytes <= Self.lowWatermark
    }

    /// The channel is gone, and with it what was queued.
    mutating func close() {
        self.isClosed = true
        self.frames.removeAll()
        self.queuedBytes = 0
        self.queuedPayload = 0
        self.handedBytes = 0
    }
}
