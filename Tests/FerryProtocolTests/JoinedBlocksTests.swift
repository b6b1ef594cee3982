import FerryChunking
import FerryErrors
import FerryProtocol
import FerryWire
import NIOCore
import SwiftProtobuf
import Testing

@Suite struct JoinedBlocksTests {
    private static func frame(_ numbers: [Int], _ payload: Int) -> Frame {
        Frame(
            .block(block(numbers.map { id($0) }, lengths: numbers.map { _ in 100 })),
            payload: ByteBuffer(repeating: 7, count: payload)
        )
    }

    private static func credit(_ bytes: Int) -> WireCredit { .with { $0.bytes = UInt32(bytes) } }

    /// What the frames say that they were, and their payloads.
    private static func marks(_ frames: [Frame]) -> [[Int]] {
        frames.map { frame in
            guard case .block(let block) = frame.body else { return [] }
            return [Int(block.lostConnection), Int(block.lostBlock), frame.payload.readableBytes]
        }
    }

    @Test func whatIsNotCreditedIsSentAgainAsWhatItWas() throws {
        var blocks = JoinedBlocks(window: 1000)
        blocks.sent(Self.frame([1, 2], 50))
        blocks.sent(Self.frame([3], 40))
        blocks.sent(Self.frame([4], 30))
        #expect(blocks.inFlight == 120)
        // Credit counts bytes, wherever blocks end.
        #expect(try blocks.creditReceived(Self.credit(49)) == 0)
        #expect(Self.marks(blocks.again(3)) == [[3, 1, 50], [3, 2, 40], [3, 3, 30]])
        #expect(try blocks.creditReceived(Self.credit(41)) == 3)
        #expect(Self.marks(blocks.again(3)) == [[3, 3, 30]])
        #expect(!blocks.isEmpty)
        #expect(try blocks.creditReceived(Self.credit(30)) == 1)
        #expect(blocks.isEmpty && blocks.inFlight == 0 && blocks.again(3).isEmpty)
    }

    @Test func theWindowHolds() throws {
        var blocks = JoinedBlocks(window: 100)
        #expect(blocks.allowsBlock(payload: 101))
        blocks.sent(Self.frame([1], 60))
        #expect(blocks.allowsBlock(payload: 40))
        #expect(!blocks.allowsBlock(payload: 41))
        expectFailure(.violation) { _ = try blocks.creditReceived(Self.credit(61)) }
    }
}

@Suite struct JoinedReceiveTests {
    private func machine() throws -> ReceiveMachine {
        var machine = ReceiveMachine(
            limits: FrameLimits(blockWindow: 2 << 20, nameWindow: 16),
            announcedSize: nil,
            repeats: .resent
        )
        _ = try machine.decide(names([id(1), id(2), id(3), id(1)]))
        return machine
    }

    private func again(_ ids: [ChunkID], connection: Int, block number: Int) -> WireBlock {
        var again = block(ids, lengths: ids.map { _ in 100 })
        again.lostConnection = UInt32(connection)
        again.lostBlock = UInt64(number)
        return again
    }

    private func one(_ number: Int) -> WireBlock { block([id(number)], lengths: [100]) }

    @Test func blocksComeInAnyOrderOverAllConnections() throws {
        var machine = try self.machine()
        #expect(try machine.blockReceived(self.one(3), payload: 100, from: 2).map(\.offset) == [200])
        #expect(try machine.blockReceived(self.one(1), payload: 100).map(\.offset) == [0])
        #expect(try machine.blockReceived(self.one(2), payload: 100, from: 1).map(\.offset) == [100])
        expectFailure(.violation) { _ = try machine.blockReceived(self.one(2), payload: 100, from: 1) }
        let digest = digest([(id(1), 100), (id(2), 100), (id(3), 100), (id(1), 100)])
        expectFailure(.violation) { _ = try machine.endReceived(end(digest, size: 400)) }
        #expect(try machine.blockReceived(self.one(1), payload: 100, from: 2).map(\.offset) == [300])
        #expect(try machine.endReceived(end(digest, size: 400)) == digest)
    }

    @Test func aBlockThatCameIsNotTakenAgain() throws {
        var machine = try self.machine()
        _ = try machine.blockReceived(self.one(1), payload: 100, from: 1)
        // The same chunk is wanted once more, which must not take this for it.
        #expect(try machine.blockReceived(self.again([id(1)], connection: 1, block: 1), payload: 100) == [])
        #expect(
            try machine.blockReceived(self.again([id(2)], connection: 1, block: 2), payload: 100).map(\.offset) == [100]
        )
        // What still comes from there came, or will come, again.
        #expect(try machine.blockReceived(self.one(2), payload: 100, from: 1) == [])
        #expect(try machine.blockReceived(self.one(1), payload: 100, from: 2).map(\.offset) == [300])
        // Of a connection that this side never heard of.
        #expect(
            try machine.blockReceived(self.again([id(3)], connection: 7, block: 1), payload: 100).map(\.offset) == [200]
        )
    }

    @Test func whatIsSentAgainIsAsStrict() throws {
        var machine = try self.machine()
        for (connection, number) in [(65, 1), (1, 0)] {
            expectFailure(.violation) {
                _ = try machine.blockReceived(
                    self.again([id(1)], connection: connection, block: number),
                    payload: 100
                )
            }
        }
        expectFailure(.violation) {
            _ = try machine.blockReceived(self.again([id(1)], connection: 1, block: 1), payload: 100, from: 2)
        }
        expectFailure(.violation) {
            _ = try machine.blockReceived(self.again([id(9)], connection: 1, block: 1), payload: 100)
        }
        _ = try machine.blockReceived(self.again([id(2)], connection: 1, block: 1), payload: 100)
        expectFailure(.violation) {
            _ = try machine.blockReceived(self.again([id(2)], connection: 1, block: 1), payload: 100)
        }
    }
}
