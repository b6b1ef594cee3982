import Dispatch
import FerryErrors
import FerryProtocol
import FerryTransport
import FerryWire
import FoundationEssentials
import NIOCore
import NIOPosix
import SwiftProtobuf
import Testing

@Suite(.timeLimit(.minutes(5))) struct FrameConnectionTests {
    @Test func framesOfEachThreadArriveInItsOrder() async throws {
        let pair = try await SocketPair.make()
        let pool = NIOThreadPool(numberOfThreads: 4)
        pool.start()
        for thread in 0..<4 {
            pool.submit { _ in
                for number in 0..<200 {
                    // Some with a payload, so that headers and payloads must stay together.
                    let payload = ByteBuffer(bytes: Array(repeating: UInt8(thread), count: number % 3 * 1000))
                    pair.connection.send(
                        Frame(.credit(.with { $0.bytes = UInt32(thread << 16 | number) }), payload: payload)
                    )
                }
            }
        }
        var next = [Int](repeating: 0, count: 4)
        for _ in 0..<800 {
            let frame = try #require(await pair.client.next())
            guard case .credit(let credit) = frame.body else { throw RawClient.Unexpected(frame, #_sourceLocation) }
            let (thread, number) = (Int(credit.bytes >> 16), Int(credit.bytes & 0xFFFF))
            #expect(number == next[thread])
            next[thread] += 1
            #expect(frame.payload.readableBytesView.allSatisfy { $0 == UInt8(thread) })
            #expect(frame.payload.readableBytes == number % 3 * 1000)
        }
        #expect(pair.connection.queuedBytes == 0)
        await pair.close()
        try await pool.shutdownGracefully()
    }

    @Test func nothingFollowsTheLastFrame() async throws {
        let pair = try await SocketPair.make()
        pair.connection.send(.credit(1))
        pair.connection.closeAfter(.credit(2))
        pair.connection.send(.credit(3))
        pair.connection.closeAfter(.credit(4))
        #expect(await pair.client.next() == .credit(1))
        #expect(await pair.client.next() == .credit(2))
        // What still arrives is read, and thrown away.
        try await pair.client.send(.credit(9))
        await pair.client.close()
        #expect(await pair.receiver.ended() == nil)
        #expect(await pair.client.next() == nil)
        #expect(pair.receiver.frames == [])
        await pair.close()
    }

    @Test func whatIsQueuedCountsHeadersAndDrains() async throws {
        let pair = try await SocketPair.make()
        let drained = pair.connection.channel.eventLoop.makePromise(of: Void.self)
        pair.receiver.forward(to: { _ in }, drained: { drained.succeed() })
        try await pair.client.channel.setOption(.autoRead, value: false).get()
        let payload = ByteBuffer(repeating: 0x61, count: 60_000)
        for _ in 0..<400 { pair.connection.send(Frame(.credit(.init()), payload: payload)) }
        #expect(pair.connection.queuedBytes > 400 * 60_000 / 2)
        try await pair.client.channel.setOption(.autoRead, value: true).get()
        for _ in 0..<400 { _ = await pair.client.next() }
        try await drained.futureResult.get()
        await pair.close()
    }

    @Test func onePastTheAnswersThatMayBeQueuedEndsTheConnection() async throws {
        // The loop is kept busy, so that nothing is written meanwhile.
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let pair = try await SocketPair.make(group: group)
        let gate = DispatchSemaphore(value: 0)
        pair.connection.channel.eventLoop.execute { gate.wait() }
        for _ in 0..<(16 << 10) { pair.connection.send(.credit(1)) }
        let queued = pair.connection.queuedBytes
        pair.connection.send(.credit(1))
        #expect(pair.connection.queuedBytes == queued)
        gate.signal()
        #expect(await pair.receiver.ended()?.code == .connection)
        await pair.close()
        try await group.shutdownGracefully()
    }

    /// Long answers are few before they are much.
    @Test(arguments: [16, 17])
    func aMiBOfAnswersMayBeQueuedAndNotMore(_ count: Int) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let pair = try await SocketPair.make(group: group)
        let gate = DispatchSemaphore(value: 0)
        pair.connection.channel.eventLoop.execute { gate.wait() }
        let entry = WireEntry.with { $0.name = Data(repeating: 0x61, count: 65_000) }
        for _ in 0..<count { pair.connection.send(.entries([entry])) }
        #expect(pair.connection.queuedBytes > 15 << 16 && pair.connection.queuedBytes <= 1 << 20)
        gate.signal()
        if count == 16 {
            for _ in 0..<count { #expect(await pair.client.next() != nil) }
        } else {
            #expect(await pair.receiver.ended()?.code == .connection)
        }
        await pair.close()
        try await group.shutdownGracefully()
    }

    @Test func aFrameThatNoPeerWouldTakeIsOurOwnFailure() async throws {
        let pair = try await SocketPair.make()
        pair.connection.send(.names(ids: Data(repeating: 0, count: WireConstants.headerLimit), lengths: []))
        #expect(try await pair.client.failure() == .limit)
        await pair.client.close()
        #expect(await pair.receiver.ended()?.code == .limit)
        #expect(pair.receiver.failure?.code == .limit)
        await pair.close()
    }

    @Test func theEndWithinAFrameIsToldFromTheEndBetweenFrames() async throws {
        let between = try await SocketPair.make()
        try await between.client.send(.credit(1))
        await between.client.close()
        #expect(await between.receiver.ended() == nil)
        await between.close()
        let within = try await SocketPair.make()
        try await within.client.send(bytes: [0, 0, 0])
        await within.client.close()
        #expect(await within.receiver.ended()?.code == .connection)
        await within.close()
    }

    @Test func whoIsToldWhyAndDoesNotCloseIsClosed() async throws {
        let pair = try await SocketPair.make(deadlines: ConnectionDeadlines(discard: .milliseconds(100)))
        pair.connection.closeAfter(.credit(1))
        #expect(await pair.client.next() == .credit(1))
        await pair.client.closed()
        #expect(await pair.receiver.ended() == nil)
        await pair.close()
    }

    /// The deadline of the login is absolute: the peer is told, and not waited for.
    @Test func aLoginThatTakesTooLongIsClosedWithoutWaiting() async throws {
        let pair = try await SocketPair.make(deadlines: .init(handshake: .milliseconds(100), discard: .hours(1)))
        #expect(try await pair.client.failure() == .timeout)
        await pair.client.closed()
        #expect(await pair.receiver.ended()?.code == .timeout)
        await pair.close()
    }
}
