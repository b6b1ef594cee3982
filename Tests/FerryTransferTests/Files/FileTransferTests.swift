import FerryChunking
import FerryErrors
import FerryProtocol
import FerryTestKit
import FerryTransfer
import FerryWire
import Testing

/// A ``FileSender`` and a ``FileReceiver`` against each other.
@Suite struct FileTransferTests {
    /// What the sender holds at most: its own limit, the segment being read, and what is left of the one before.
    private static let mostHeld = 8 << 20 + 2 << 20

    private static func size(_ generator: inout SeededGenerator) -> Int {
        switch Int.random(in: 0..<8, using: &generator) {
        case 0: 0
        case 1: 1
        case 2: Int.random(in: 2...4096, using: &generator)
        case 3: 1 << 20 + Int.random(in: -2...2, using: &generator)
        case 4: 1 << 20 * Int.random(in: 2...3, using: &generator) + Int.random(in: -1...1, using: &generator)
        case 5: Int.random(in: 4 << 20...12 << 20, using: &generator)
        default: Int.random(in: 1 << 16...2 << 20, using: &generator)
        }
    }

    @Test(arguments: [true, false]) func anyFileInAnyOrderOfEventsArrivesWhole(_ isRandomAccess: Bool) throws {
        let seed = UInt64.random(in: .min ... .max)
        print("anyFileInAnyOrderOfEventsArrivesWhole(\(isRandomAccess)): seed \(seed)")
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<24 {
            let bytes = generator.file(Self.size(&generator))
            let source = MemorySource(
                bytes,
                isStream: generator.oneIn(2),
                longestRead: generator.oneIn(2) ? .max : Int.random(in: 1000...300_000, using: &generator)
            )
            let destination = MemoryDestination(isRandomAccess: isRandomAccess)
            let pair = try TransferPair(
                source,
                destination,
                limits: FrameLimits(
                    blockWindow: Int.random(in: 1 << 20...5 << 20, using: &generator),
                    nameWindow: Int.random(in: 16...64, using: &generator)
                ),
                compression: Compression.allCases.randomElement(using: &generator) ?? .off,
                average: [16 << 10, 64 << 10, 256 << 10].randomElement(using: &generator)
            )
            try pair.run(&generator)
            #expect(destination.committed == bytes, "seed \(seed)")
            let (sent, received) = (pair.sender.summary, pair.receiver.summary)
            #expect(sent.digest == received.digest)
            #expect(sent.bytes == UInt64(bytes.count))
            #expect(received.bytes == sent.bytes)
            #expect(received.wireBytes == sent.wireBytes)
            #expect(received.savedBytes == sent.savedBytes)
            #expect(isRandomAccess || sent.savedBytes == 0)
        }
    }

    @Test(arguments: [1 << 20, 1 << 20 + 1, 5 << 18, 4 << 20]) func noBlockWindowIsTooSmall(_ window: Int) throws {
        var generator = SeededGenerator(seed: 1)
        let bytes = generator.bytes(6 << 20)
        let destination = MemoryDestination()
        try TransferPair(MemorySource(bytes), destination, limits: FrameLimits(blockWindow: window)).run()
        #expect(destination.committed == bytes)
    }

    @Test func theSmallestNameWindowIsEnough() throws {
        var generator = SeededGenerator(seed: 2)
        let bytes = generator.bytes(3 << 20)
        let destination = MemoryDestination()
        let limits = FrameLimits(nameWindow: 16)
        try TransferPair(MemorySource(bytes), destination, limits: limits, average: 16 << 10).run()
        #expect(destination.committed == bytes)
    }

    @Test func repeatsTravelOnce() throws {
        var generator = SeededGenerator(seed: 3)
        let part = generator.bytes(8 << 20)
        let destination = MemoryDestination()
        let pair = try TransferPair(MemorySource(part + part), destination)
        try pair.run()
        #expect(destination.committed == part + part)
        // Those still on their way when their repeats are named travel twice, and so do the chunks around the seam.
        #expect(pair.sender.summary.savedBytes > 6 << 20)
    }

    @Test func aFileOfZerosTravelsAsAFewBlocks() throws {
        let destination = MemoryDestination()
        let zeros = [UInt8](repeating: 0, count: 64 << 20)
        let pair = try TransferPair(MemorySource(zeros), destination)
        try pair.run()
        #expect(destination.committed == zeros)
        #expect(pair.sender.summary.wireBytes <= 9 << 20)
    }

    @Test func thePlainDigestIsThatOfTheWholeFile() throws {
        var generator = SeededGenerator(seed: 4)
        let bytes = generator.file(3 << 20)
        let pair = try TransferPair(MemorySource(bytes), MemoryDestination(), wantsSHA256: true)
        try pair.run()
        var digest = StreamDigest()
        bytes.withUnsafeBytes { digest.update($0) }
        #expect(pair.sender.summary.sha256 == digest.finalize())
    }

    @Test func aSenderThatIsNeverAnsweredHoldsNoMoreThanItsLimit() throws {
        var generator = SeededGenerator(seed: 5)
        let source = MemorySource(generator.bytes(32 << 20))
        let pair = try TransferPair(source, MemoryDestination())
        while try pair.proceed() {}
        #expect(source.readBytes <= Self.mostHeld)
        #expect(source.readBytes >= 8 << 20)
    }

    @Test func aSenderWhoseBlocksAreNotCreditedHoldsNoMoreThanItsLimit() throws {
        var generator = SeededGenerator(seed: 6)
        let source = MemorySource(generator.bytes(32 << 20))
        let pair = try TransferPair(source, MemoryDestination(), limits: FrameLimits(blockWindow: 2 << 20))
        let oldest = try Self.decide(pair, wanting: { _ in true })
        #expect(source.readBytes - oldest <= Self.mostHeld)
    }

    /// Each chunk keeps its segment in memory: one wanted chunk in ten must not keep ten times its own bytes.
    @Test func fewWantedChunksAmongManyHoldABoundedNumberOfSegments() throws {
        var generator = SeededGenerator(seed: 7)
        let source = MemorySource(generator.bytes(64 << 20))
        let pair = try TransferPair(
            source,
            MemoryDestination(),
            limits: FrameLimits(blockWindow: 1 << 20),
            average: 64 << 10
        )
        let oldest = try Self.decide(pair, wanting: { $0.isMultiple(of: 20) })
        // Eight segments of 2 MiB, and the one that the oldest lies in.
        #expect((12 << 20...18 << 20).contains(source.readBytes - oldest))
    }

    /// Answers names without ever crediting a block, until the sender waits.
    ///
    /// - Returns: where in the file the oldest chunk lies that is wanted and not sent.
    private static func decide(_ pair: TransferPair, wanting isWanted: (Int) -> Bool) throws -> Int {
        var (number, offset) = (0, 0)
        var unsent: [Int] = []
        while true {
            while try pair.proceed() {}
            guard let frame = pair.toReceiver.frames.popFirst() else { return try #require(unsent.first) }
            switch frame.body {
            case .names(let names):
                var wanted: [ChunkID] = []
                for (id, length) in zip(try ChunkID.unpack(names.ids), names.lengths) {
                    if isWanted(number) {
                        wanted.append(id)
                        unsent.append(offset)
                    }
                    number += 1
                    offset += Int(length)
                }
                try pair.sender.received(.wants(decided: names.lengths.count, ids: ChunkID.pack(wanted)))
            case .block(let block): unsent.removeFirst(block.lengths.count)
            default: break
            }
        }
    }

    @Test func aChunkThatReadsBackDifferentlyIsSentAgain() throws {
        var generator = SeededGenerator(seed: 8)
        let part = generator.bytes(12 << 20)
        let destination = MemoryDestination()
        let pair = try TransferPair(MemorySource(part + part), destination, average: 64 << 10)
        // Up to where the first half has arrived and the second is not named yet.
        while pair.receiver.summary.bytes < 8 << 20 {
            _ = try pair.proceed()
            try pair.deliverToReceiver()
            try pair.deliverToSender()
        }
        let wantedBefore = pair.wanted.count
        let firstHalf = Set(pair.wanted)
        for offset in stride(from: 0, to: 8 << 20, by: 1000) { destination.bytes[offset] ^= 1 }
        try pair.run()
        #expect(!firstHalf.isDisjoint(with: pair.wanted[wantedBefore...]))
        // What changed beneath the receiver is not its to notice; the repeats are right.
        #expect(try #require(destination.committed)[(12 << 20)...].elementsEqual(part))
    }
}
