import FerryChunking
import FerryErrors
import FerryFiles
import FerryProtocol
import FerryTestKit
import FerryTransfer
import FerryWire
import Foundation
import NIOCore
import Testing

/// Transfers over several connections, each of which may get lost but the first.
@Suite struct JoinedTransferTests {
    /// Both ends, and the frames between them in memory, for each connection.
    private final class Link {
        /// A connection: frames to the receiver and to the sender.
        struct Lane {
            let there = MemorySink()
            let back = MemorySink()
            var isLostThere = false
            var isLostHere = false
        }

        var lanes: [Lane] = [Lane()]
        let sender: any JoinableTransfer
        let receiver: any JoinableTransfer
        /// Blocks that came on each connection.
        var blocks: [Int] = [0]
        var losses = 0

        init(sender: any JoinableTransfer, receiver: any JoinableTransfer) {
            self.sender = sender
            self.receiver = receiver
        }

        func join() {
            let number = self.lanes.count
            self.lanes.append(Lane())
            self.blocks.append(0)
            self.sender.joined(number, sink: self.lanes[number].there)
            self.receiver.joined(number, sink: self.lanes[number].back)
        }

        /// One side notices before the other, or both at once; what was on its way may be lost or come late.
        func lose(_ number: Int, _ generator: inout SeededGenerator) {
            guard !self.lanes[number].isLostHere else { return }
            self.losses += 1
            self.lanes[number].isLostHere = true
            self.lanes[number].back.frames.removeAll()
            self.sender.lost(number)
            if generator.oneIn(2) {
                self.lanes[number].isLostThere = true
                self.lanes[number].there.frames.removeAll()
                self.receiver.lost(number)
            }
        }

        /// Hands over the next frame of a connection, in a direction that chance decides.
        func deliver(
            _ generator: inout SeededGenerator,
            toReceiver: (Frame) throws -> Void,
            toSender: (Frame) throws -> Void
        ) throws -> Bool {
            let number = generator.below(self.lanes.count)
            let lane = self.lanes[number]
            if generator.oneIn(2), let frame = lane.there.frames.popFirst() {
                _ = try frame.encoded()
                if case .block = frame.body { self.blocks[number] += 1 }
                if number == 0 {
                    try toReceiver(frame)
                } else {
                    try self.receiver.received(frame, from: number, sink: lane.back)
                }
                return true
            }
            guard let frame = lane.back.frames.popFirst() else { return false }
            if number == 0 {
                try toSender(frame)
            } else if !lane.isLostHere {
                try self.sender.received(frame, from: number, sink: lane.there)
            }
            return true
        }
    }

    private static func run(
        _ link: Link,
        _ generator: inout SeededGenerator,
        losing isLosing: Bool,
        toReceiver: (Frame) throws -> Void,
        toSender: (Frame) throws -> Void,
        senderProceeds: () throws -> FerryProtocol.Progress,
        receiverProceeds: () throws -> FerryProtocol.Progress
    ) throws {
        var rounds = 0
        link.join()
        while true {
            rounds += 1
            if link.lanes.count < 5, generator.oneIn(8) { link.join() }
            if isLosing, link.lanes.count > 1, generator.oneIn(20) {
                link.lose(1 + generator.below(link.lanes.count - 1), &generator)
            }
            for lane in link.lanes { lane.there.queuedBytes = generator.oneIn(3) ? 1 << 20 : 0 }
            if try senderProceeds() == .finished { return }
            for _ in 0..<generator.below(8) {
                _ = try link.deliver(&generator, toReceiver: toReceiver, toSender: toSender)
                while try receiverProceeds() == .more {}
            }
            try #require(rounds < 1_000_000, "it does not end")
        }
    }

    @Test(arguments: [false, true]) func aFileArrivesOverSeveralConnections(losing isLosing: Bool) throws {
        let seed = UInt64.random(in: .min ... .max)
        print("aFileArrivesOverSeveralConnections(\(isLosing)): seed \(seed)")
        var generator = SeededGenerator(seed: seed)
        var joined = 0
        var losses = 0
        for _ in 0..<4 {
            // The same chunks again and again are wanted as often.
            let part = generator.bytes(generator.oneIn(2) ? 1_500_000 : 70_000)
            let bytes = Array(Array(repeatElement(part, count: 4_000_000 / part.count)).joined())
            let limits = FrameLimits(
                blockWindow: 1 << 20 + generator.below(3 << 20),
                nameWindow: 16 + generator.below(90)
            )
            let sender = FileSender(
                source: MemorySource(bytes, isStream: generator.oneIn(2)),
                parameters: generator.oneIn(2)
                    ? try GearChunker.Parameters(average: 16 << 10) : .forShare(oldSize: nil),
                compression: generator.oneIn(2) ? .off : .auto,
                limits: limits
            )
            let destination = MemoryDestination()
            let receiver = FileReceiver(destination: destination, announcedSize: nil, limits: limits)
            let link = Link(sender: sender, receiver: receiver)
            try Self.run(
                link,
                &generator,
                losing: isLosing,
                toReceiver: { try receiver.received($0, sink: link.lanes[0].back) },
                toSender: { try sender.received($0) },
                senderProceeds: { try sender.proceed(sink: link.lanes[0].there) },
                receiverProceeds: { try receiver.proceed(sink: link.lanes[0].back) }
            )
            #expect(destination.committed == bytes, "seed \(seed)")
            #expect(sender.summary.digest == receiver.summary.digest)
            #expect(receiver.summary.bytes == UInt64(bytes.count))
            joined += link.blocks.dropFirst().reduce(0, +)
            losses += link.losses
        }
        #expect(joined > 0, "all went over the first connection")
        #expect(isLosing || losses == 0)
    }

    @Test(arguments: [false, true]) func aTreeArrivesOverSeveralConnections(losing isLosing: Bool) throws {
        let seed = UInt64.random(in: .min ... .max)
        print("aTreeArrivesOverSeveralConnections(\(isLosing)): seed \(seed)")
        var generator = SeededGenerator(seed: seed)
        let scratch = try TreeScratch()
        for number in 0..<120 {
            let bytes = generator.bytes(generator.oneIn(8) ? 400_000 : generator.below(40_000))
            try scratch.write("source/d\(number % 7)/f\(number)", String(decoding: bytes, as: UTF8.self))
        }
        var options = TreeReceiver.Options()
        options.batchFiles = 16
        let limits = FrameLimits(blockWindow: 1 << 20, nameWindow: 64)
        let sender = TreeSender(
            TreeWalk(try RootDirectory(path: scratch.source).openTree(.root)),
            compression: .off,
            limits: limits
        )
        let receiver = TreeReceiver(
            try RootDirectory(path: scratch.target).openTree(.root),
            options: options,
            limits: limits
        )
        let link = Link(sender: sender, receiver: receiver)
        try Self.run(
            link,
            &generator,
            losing: isLosing,
            toReceiver: { try receiver.received($0, sink: link.lanes[0].back) },
            toSender: { try sender.received($0) },
            senderProceeds: { try sender.proceed(sink: link.lanes[0].there) },
            receiverProceeds: { try receiver.proceed(sink: link.lanes[0].back) }
        )
        #expect(link.blocks.dropFirst().reduce(0, +) > 0, "all went over the first connection")
        for number in 0..<120 {
            let path = "/d\(number % 7)/f\(number)"
            #expect(
                FileManager.default.contentsEqual(atPath: scratch.source + path, andPath: scratch.target + path),
                "\(path), seed \(seed)"
            )
        }
    }

    /// What a joined connection does not carry ends the transfer.
    @Test func aJoinedConnectionCarriesBlocksAndCredit() throws {
        let sender = FileSender(
            source: MemorySource([1]),
            parameters: .forShare(oldSize: nil),
            compression: .off,
            limits: FrameLimits()
        )
        let receiver = FileReceiver(destination: MemoryDestination(), announcedSize: nil, limits: FrameLimits())
        let sink = MemorySink()
        sender.joined(1, sink: sink)
        receiver.joined(1, sink: sink)
        let block = Frame.block(codec: .stored, ids: Data(), lengths: [], payload: ByteBuffer(bytes: [1]))
        let (names, end) = (Frame.names(ids: Data(), lengths: []), Frame.end(digest: Data(), size: 0))
        for frame in [names, end, .credit(1), .wants(decided: 0, ids: Data())] {
            #expect(throws: FerryError.self) { try receiver.received(frame, from: 1, sink: sink) }
        }
        for frame in [names, end, block, .credit(1), .wants(decided: 0, ids: Data()), .finished()] {
            #expect(throws: FerryError.self) { try sender.received(frame, from: 1, sink: sink) }
        }
        // From a connection that was given up nothing counts.
        sender.lost(1)
        try sender.received(.credit(1), from: 1, sink: sink)
    }
}
