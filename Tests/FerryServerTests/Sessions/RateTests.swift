import FerryErrors
import FerryTransport
import FerryWire
import NIOCore
import NIOPosix
import Synchronization
import Testing

/// Rates on real connections. Time is the test's: bytes pass only as it moves the clock on.
@Suite(.timeLimit(.minutes(5))) struct RateTests {
    private static let rate = 1 << 20
    private static let burst = rate / 32

    private final class Clock: Sendable {
        private let state = Mutex(NIODeadline.uptimeNanoseconds(3_600_000_000_000))
        var now: NIODeadline { self.state.withLock { $0 } }
        func advance(_ time: TimeAmount) { self.state.withLock { $0 = $0 + time } }
    }

    private let clock = Clock()
    private let limiter: RateLimiter

    init() {
        let clock = self.clock
        self.limiter = RateLimiter(rate: Self.rate, clock: { clock.now })
    }

    private func makePair(deadlines: ConnectionDeadlines = ConnectionDeadlines()) async throws -> SocketPair {
        let pair = try await SocketPair.make(deadlines: deadlines)
        let (connection, limiter) = (pair.connection, self.limiter)
        try await connection.channel.eventLoop.submit { connection.limit(by: limiter) }.get()
        connection.setPhase(.busy)
        // What arrived before that would be free: an event loop reads before it does what it was asked.
        try await connection.channel.eventLoop.submit {}.get()
        return pair
    }

    /// Two connections of one user, say: together they are sent what the rate allows.
    @Test func whatIsSentWaitsItsTurn() async throws {
        let pairs = try await [self.makePair(), self.makePair()]
        let payload = ByteBuffer(repeating: 7, count: 256 << 10)
        let arrived = pairs.map { _ in Arrivals() }
        for (pair, arrivals) in zip(pairs, arrived) {
            // Bytes are looked at as they come, for frames are longer than what passes at a time.
            try await pair.client.channel.pipeline.addHandler(Counter(arrivals), position: .first).get()
            for _ in 0..<4 { pair.connection.send(Frame(.credit(.init()), payload: payload)) }
        }
        let start = self.clock.now
        let total = 8 * (256 << 10)
        var before = 0
        while before < total {
            // A burst's time: what is kept for longer than that by nobody taking it would be lost.
            self.clock.advance(TokenBucket.burst)
            while arrived.map(\.count).reduce(0, +) == before { await Task.yield() }
            before = arrived.map(\.count).reduce(0, +)
            let passed = Double((self.clock.now - start).nanoseconds) / 1e9
            let allowed = Self.burst + Int(Double(Self.rate) * passed)
            #expect(before <= allowed + 8 * 16)
        }
        for pair in pairs {
            for _ in 0..<4 { #expect(await pair.client.next()?.payload == payload) }
            await pair.close()
        }
    }

    /// What is not paid for is not read: it waits at the peer.
    @Test func whatIsReceivedWaitsItsTurn() async throws {
        let pair = try await self.makePair()
        let payload = ByteBuffer(repeating: 7, count: 256 << 10)
        for _ in 0..<2 { pair.client.sendInVain(try Frame(.credit(.init()), payload: payload).encoded()) }
        let start = self.clock.now
        var before: UInt64 = 0
        while pair.receiver.frames.count < 2 {
            while pair.connection.traffic.received == before { await Task.yield() }
            // Many turns of the loop: one that reads on would have read everything.
            for _ in 0..<100 { try await pair.connection.channel.eventLoop.submit {}.get() }
            before = pair.connection.traffic.received
            let passed = Double((self.clock.now - start).nanoseconds) / 1e9
            // Of the last read it is known only afterwards that it was too much.
            let allowed = 2 * Self.burst + Int(Double(Self.rate) * passed)
            #expect(before <= UInt64(allowed))
            self.clock.advance(TokenBucket.burst)
        }
        #expect(pair.receiver.frames.allSatisfy { $0.payload == payload })
        await pair.close()
    }

    /// What is held back is no fault of the peer: it is not timed out for not taking it, and answers pass.
    @Test func whatIsHeldBackIsNotThePeersToTake() async throws {
        let deadlines = ConnectionDeadlines(transfer: .seconds(5), keepAlive: .milliseconds(50))
        let pair = try await self.makePair(deadlines: deadlines)
        let beats = pair.client.keepAlive(every: .milliseconds(20))
        pair.connection.send(Frame(.credit(.init()), payload: ByteBuffer(repeating: 7, count: Self.burst + 1)))
        pair.connection.send(.credit(3))
        // Looked at many times, for longer than the deadline, which another connection of the same kind tells.
        let other = try await SocketPair.make(deadlines: deadlines)
        other.connection.setPhase(.busy)
        #expect(await other.receiver.ended()?.code == .timeout)
        #expect(pair.receiver.failure == nil)
        #expect(pair.connection.queuedBytes > 0)
        self.clock.advance(.seconds(1))
        #expect(await pair.client.next()?.payload.readableBytes == Self.burst + 1)
        #expect(await pair.client.next() == .credit(3))
        beats.cancel()
        await other.close()
        await pair.close()
    }

    /// Soon nobody reads any more: what tells why must arrive.
    @Test func aLastFrameDoesNotWait() async throws {
        let pair = try await self.makePair()
        let payload = ByteBuffer(repeating: 7, count: 512 << 10)
        pair.connection.send(Frame(.credit(.init()), payload: payload))
        pair.connection.closeAfter(.credit(9))
        #expect(await pair.client.next()?.payload == payload)
        #expect(await pair.client.next() == .credit(9))
        await pair.close()
    }

    @Test func aRateThatIsTakenAwayLetsEverythingPass() async throws {
        let pair = try await self.makePair()
        let payload = ByteBuffer(repeating: 7, count: 512 << 10)
        for _ in 0..<8 { pair.connection.send(Frame(.credit(.init()), payload: payload)) }
        self.limiter.setRate(nil)
        // The piece that waits already has its price.
        self.clock.advance(.seconds(1))
        for _ in 0..<8 { #expect(await pair.client.next()?.payload == payload) }
        await pair.close()
    }

    private final class Arrivals: Sendable {
        private let bytes = Mutex(0)
        var count: Int { self.bytes.withLock { $0 } }
        func add(_ count: Int) { self.bytes.withLock { $0 += count } }
    }

    private final class Counter: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer
        private let arrivals: Arrivals
        init(_ arrivals: Arrivals) { self.arrivals = arrivals }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            self.arrivals.add(self.unwrapInboundIn(data).readableBytes)
            context.fireChannelRead(data)
        }
    }
}
