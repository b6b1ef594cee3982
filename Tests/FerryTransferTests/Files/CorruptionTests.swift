import FerryErrors
import FerryProtocol
import FerryTestKit
import FerryTransfer
import FerryWire
import FoundationEssentials
import NIOCore
import Testing

/// Blocks that were changed on their way, at each stage of a transfer.
@Suite struct CorruptionTests {
    /// Some blocks stored, some compressed.
    private static func pair(_ destination: MemoryDestination) throws -> TransferPair {
        var generator = SeededGenerator(seed: 11)
        let text = Array("the same line\n".utf8)
        let bytes = generator.bytes(2 << 20) + (0..<100_000).flatMap { text + "\($0)".utf8 } + generator.bytes(1 << 20)
        return try TransferPair(MemorySource(bytes), destination, compression: .fast)
    }

    /// Runs with one change and expects that the receiver refuses just there.
    private static func expectRefusal(
        _ code: FerryError.Code = .integrity,
        ofBlock number: Int,
        sourceLocation: SourceLocation = #_sourceLocation,
        _ change: (inout Frame) -> Void
    ) throws {
        let destination = MemoryDestination()
        let pair = try self.pair(destination)
        var blocks = 0
        while !pair.isFinished {
            _ = try pair.proceed()
            while let frame = pair.toReceiver.frames.first {
                if case .block = frame.body {
                    if blocks == number {
                        let before = destination.bytes
                        change(&pair.toReceiver.frames[pair.toReceiver.frames.startIndex])
                        #expect(sourceLocation: sourceLocation) {
                            try pair.deliverToReceiver()
                        } throws: { ($0 as? FerryError)?.code == code }
                        // Nothing of the block is written, not even its good chunks.
                        #expect(destination.bytes == before, sourceLocation: sourceLocation)
                        pair.receiver.abandoned(FerryError(code, "test"))
                        #expect(
                            destination.isDiscarded == (code == .integrity) && destination.committed == nil,
                            sourceLocation: sourceLocation
                        )
                        return
                    }
                    blocks += 1
                }
                try pair.deliverToReceiver()
            }
            while !pair.toSender.frames.isEmpty { try pair.deliverToSender() }
        }
        Issue.record("there is no block \(number)", sourceLocation: sourceLocation)
    }

    private static func countBlocks() throws -> (stored: [Int], compressed: [Int]) {
        let pair = try self.pair(MemoryDestination())
        try pair.run()
        var kinds: (stored: [Int], compressed: [Int]) = ([], [])
        var number = 0
        for frame in pair.delivered {
            guard case .block(let block) = frame.body else { continue }
            if block.codec == .stored { kinds.stored.append(number) } else { kinds.compressed.append(number) }
            number += 1
        }
        return kinds
    }

    private static func flip(_ frame: inout Frame, at position: Int) {
        let index = frame.payload.readerIndex + position
        let byte = frame.payload.getInteger(at: index, as: UInt8.self) ?? 0
        frame.payload.setInteger(byte ^ 0x10, at: index)
    }

    @Test func aBitOfEachBlockAtItsStartMiddleAndEnd() throws {
        let kinds = try Self.countBlocks()
        try #require(kinds.stored.count >= 3 && kinds.compressed.count >= 1)
        for number in 0..<(kinds.stored.count + kinds.compressed.count) {
            try Self.expectRefusal(ofBlock: number) { Self.flip(&$0, at: 0) }
            try Self.expectRefusal(ofBlock: number) { Self.flip(&$0, at: $0.payload.readableBytes / 2) }
            try Self.expectRefusal(ofBlock: number) { Self.flip(&$0, at: $0.payload.readableBytes - 1) }
        }
    }

    @Test func aBlockThatIsCutOrLonger() throws {
        let kinds = try Self.countBlocks()
        for number in [kinds.stored[0], kinds.compressed[0]] {
            try Self.expectRefusal(ofBlock: number) { frame in
                frame.payload =
                    frame.payload.getSlice(
                        at: frame.payload.readerIndex,
                        length: frame.payload.readableBytes - 1
                    ) ?? ByteBuffer()
            }
            try Self.expectRefusal(ofBlock: number) { $0.payload.writeInteger(UInt8(0)) }
        }
    }

    @Test func aBlockWithAnotherCodec() throws {
        let kinds = try Self.countBlocks()
        try Self.expectRefusal(ofBlock: kinds.stored[0]) { Self.set(.zlib, &$0) }
        try Self.expectRefusal(ofBlock: kinds.compressed[0]) { Self.set(.stored, &$0) }
        try Self.expectRefusal(.unsupported, ofBlock: 0) { Self.set(.UNRECOGNIZED(2), &$0) }
    }

    private static func set(_ codec: WireBlock.Codec, _ frame: inout Frame) {
        guard case .block(var block) = frame.body else { return }
        block.codec = codec
        frame.body = .block(block)
    }

    @Test func whatMayNotArrive() throws {
        let payload = ByteBuffer(bytes: [1])
        let frames: [Frame] = [
            .ready(), .entries([]), .finished(), .wants(decided: 0, ids: .init()), .credit(1), .list(path: .init()),
            Frame(.names(WireNames()), payload: payload), Frame(.end(WireEnd()), payload: payload),
        ]
        for frame in frames {
            let receiver = FileReceiver(destination: MemoryDestination(), announcedSize: nil, limits: FrameLimits())
            #expect {
                try receiver.received(frame, sink: MemorySink())
            } throws: { ($0 as? FerryError)?.code == .violation }
        }
    }

    @Test func aFrameAfterTheEnd() throws {
        let destination = MemoryDestination()
        let pair = try TransferPair(MemorySource([1, 2, 3]), destination)
        try pair.run()
        #expect {
            try pair.receiver.received(.names(ids: .init(), lengths: []), sink: MemorySink())
        } throws: { ($0 as? FerryError)?.code == .violation }
        #expect(destination.committed == [1, 2, 3])
    }

    @Test func whatASenderMayNotReceive() throws {
        for frame in [
            .ready(), .names(ids: .init(), lengths: []), .end(digest: .init(), size: 0),
            Frame(.credit(WireCredit()), payload: ByteBuffer(bytes: [1])),
        ] as [Frame] {
            let pair = try TransferPair(MemorySource([1]), MemoryDestination())
            #expect {
                try pair.sender.received(frame)
            } throws: { ($0 as? FerryError)?.code == .violation }
        }
    }
}
