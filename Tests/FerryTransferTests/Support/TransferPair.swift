import Dispatch
import FerryChunking
import FerryErrors
import FerryFiles
import FerryProtocol
import FerryTestKit
import FerryTransfer
import FerryWire
import NIOCore
import Testing

/// Frames on their way in one direction.
// SAFETY: used by the test's thread only, but for the semaphore.
final class MemorySink: FrameSink, @unchecked Sendable {
    var frames = CircularBuffer<Frame>()
    var queuedBytes = 0
    var drainRate: Double?
    /// What each frame adds to what is queued.
    var frameBytes = 0

    private let woken = DispatchSemaphore(value: 0)

    func send(_ frame: Frame) {
        self.frames.append(frame)
        self.queuedBytes += self.frameBytes
    }

    func wake() { self.woken.signal() }

    /// Waits until somebody else has done what the operation waits for.
    ///
    /// - Returns: false if that takes too long to be true.
    func awaitWake() -> Bool { self.woken.wait(timeout: .now() + 10) == .success }
}

/// A sender and a receiver in one thread, with the frames between them in memory.
///
/// It plays referee: no frame may be larger than announced, and no window may be exceeded.
final class TransferPair {
    let sender: FileSender
    let receiver: FileReceiver
    let toReceiver = MemorySink()
    let toSender = MemorySink()
    private let limits: FrameLimits
    private var inFlight = 0
    private(set) var mostInFlight = 0
    private var outstandingNames = 0
    private(set) var isFinished = false
    /// Frames that the receiver took.
    private(set) var delivered: [Frame] = []
    private(set) var wanted: [ChunkID] = []

    init(
        _ source: any ByteSource,
        _ destination: MemoryDestination,
        limits: FrameLimits = FrameLimits(),
        compression: Compression = .off,
        average: Int? = nil,
        old: SourceFile? = nil,
        wantsSHA256: Bool = false,
        names: RememberedNames? = nil,
        decidesAhead: Bool = false,
        window: (@Sendable () -> Int)? = nil
    ) throws {
        self.limits = limits
        let parameters: GearChunker.Parameters =
            if let average { try GearChunker.Parameters(average: average) } else { .forShare(oldSize: nil) }
        self.sender = FileSender(
            source: source,
            parameters: parameters,
            compression: compression,
            limits: limits,
            wantsSHA256: wantsSHA256,
            names: names,
            allowsAhead: decidesAhead
        )
        self.receiver = FileReceiver(
            destination: destination,
            announcedSize: source.knownSize.map { UInt64($0) },
            old: old,
            decidesAhead: decidesAhead,
            limits: limits,
            window: window
        )
    }

    /// Lets the sender do one piece of work.
    ///
    /// - Returns: whether it did something.
    func proceed() throws -> Bool {
        let before = self.toReceiver.frames.count
        let progress = try self.sender.proceed(sink: self.toReceiver)
        for frame in self.toReceiver.frames.dropFirst(before) { try self.judge(frame) }
        self.isFinished = progress == .finished
        return progress == .more || self.toReceiver.frames.count > before
    }

    /// Hands the next frame to the receiver.
    func deliverToReceiver() throws {
        guard let frame = self.toReceiver.frames.popFirst() else { return }
        try self.receiver.received(frame, sink: self.toSender)
        self.delivered.append(frame)
        try self.letReceiverProceed()
    }

    private func letReceiverProceed() throws {
        let before = self.toSender.frames.count
        while try self.receiver.proceed(sink: self.toSender) == .more {}
        for frame in self.toSender.frames.dropFirst(before) {
            if case .wants(let wants) = frame.body { self.wanted += try ChunkID.unpack(wants.ids) }
        }
    }

    /// Hands the next frame to the sender.
    func deliverToSender() throws {
        guard let frame = self.toSender.frames.popFirst() else { return }
        switch frame.body {
        case .wants(let wants): self.outstandingNames -= Int(wants.decided) - wants.ids.count / 32
        case .credit(let credit): self.inFlight -= Int(credit.bytes)
        default: break
        }
        try self.sender.received(frame)
    }

    /// Runs to the end, each side in turn doing all that it can.
    func run() throws {
        while !self.isFinished {
            var isMoving = try self.proceed()
            while !self.toReceiver.frames.isEmpty {
                try self.deliverToReceiver()
                isMoving = true
            }
            while !self.toSender.frames.isEmpty {
                try self.deliverToSender()
                isMoving = true
            }
            if !isMoving, !self.isFinished { try self.awaitReceiver() }
        }
    }

    /// Nobody can move, unless the receiver is looking for what it may have.
    private func awaitReceiver() throws {
        while self.toSender.frames.isEmpty {
            try #require(self.toSender.awaitWake(), "both sides wait")
            try self.letReceiverProceed()
        }
    }

    /// Runs to the end in an order that chance decides.
    func run(_ generator: inout SeededGenerator) throws {
        while !self.isFinished {
            // A link that is slow now and then, so that every compression mode has its turn.
            self.toReceiver.queuedBytes = generator.oneIn(2) ? 1 << 20 : 0
            self.toReceiver.drainRate = generator.oneIn(3) ? nil : 1e8
            var isMoving = false
            for _ in 0..<Int.random(in: 0...4, using: &generator) { isMoving = try self.proceed() || isMoving }
            for _ in 0..<min(Int.random(in: 0...6, using: &generator), self.toReceiver.frames.count) {
                try self.deliverToReceiver()
                isMoving = true
            }
            for _ in 0..<min(Int.random(in: 0...6, using: &generator), self.toSender.frames.count) {
                try self.deliverToSender()
                isMoving = true
            }
            guard !isMoving, !self.isFinished else { continue }
            // Chance stood still; only if nobody can move is it a hang.
            if !self.toReceiver.frames.isEmpty {
                try self.deliverToReceiver()
            } else if !self.toSender.frames.isEmpty {
                try self.deliverToSender()
            } else if try !self.proceed(), !self.isFinished {
                try self.awaitReceiver()
            }
        }
    }

    private func judge(_ frame: Frame) throws {
        _ = try frame.encoded()
        switch frame.body {
        case .names(let names):
            self.outstandingNames += names.lengths.count
            #expect(names.lengths.count <= WireConstants.namesPerFrame)
            #expect(self.outstandingNames <= self.limits.nameWindow)
        case .block(let block):
            self.outstandingNames -= block.lengths.count
            self.inFlight += frame.payload.readableBytes
            #expect(block.lengths.reduce(0, +) <= UInt32(ChunkLimits.maximumLength))
            #expect(self.inFlight <= self.limits.blockWindow)
        default: break
        }
    }
}
