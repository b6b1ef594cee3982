import FerryChunking
import FerryErrors
import FerryFiles
import FerryProtocol
import FerryTestKit
import FerryTransfer
import FerryWire
import Foundation
import Testing

/// What the receiver has already does not travel: of an old version, of a transfer that was cut, or of both.
@Suite final class DeltaTests {
    private let directory: String

    init() throws {
        self.directory = NSTemporaryDirectory() + "ferry-delta-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: self.directory, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: self.directory) }

    private func file(_ bytes: [UInt8]) throws -> SourceFile {
        let path = self.directory + "/\(UUID().uuidString)"
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        return try SourceFile(local: path)
    }

    /// Transfers `new` to a receiver that has `old` and what was `kept`.
    ///
    /// - Returns: bytes that travelled.
    private func transfer(
        _ new: [UInt8],
        over old: SourceFile?,
        kept: [UInt8] = [],
        average: Int? = 16 << 10
    ) throws -> UInt64 {
        let destination = MemoryDestination(kept: kept)
        let pair = try TransferPair(MemorySource(new), destination, average: average, old: old)
        try pair.run()
        #expect(destination.committed == new)
        let (sent, received) = (pair.sender.summary, pair.receiver.summary)
        #expect(sent.bytes == UInt64(new.count) && received.bytes == sent.bytes)
        #expect(sent.savedBytes == received.savedBytes && sent.wireBytes == received.wireBytes)
        #expect(sent.savedBytes + sent.wireBytes == UInt64(new.count))
        return sent.wireBytes
    }

    private func random(_ count: Int, _ seed: UInt64) -> [UInt8] {
        var generator = SeededGenerator(seed: seed)
        return generator.bytes(count)
    }

    // MARK: Old versions

    @Test func theSameFileSendsNothing() throws {
        let bytes = self.random(3 << 20, 1)
        #expect(try self.transfer(bytes, over: self.file(bytes)) == 0)
    }

    @Test func anInsertionNearTheFrontSendsLittle() throws {
        let old = self.random(8 << 20, 2)
        let new = old[..<1000] + self.random(104, 3) + old[1000...]
        #expect(try self.transfer(Array(new), over: self.file(old)) < 64 << 10)
    }

    /// The search goes further ahead the longer nothing is found.
    @Test func aLargeDeletionIsPassedAtAFewPercentOfIt() throws {
        let old = self.random(64 << 20, 4)
        let new = Array(old[(40 << 20)...])
        #expect(try self.transfer(new, over: self.file(old)) < 4 << 20)
    }

    @Test func aLargeInsertionSendsItselfAndLittleMore() throws {
        let old = self.random(12 << 20, 5)
        let new = old[..<(4 << 20)] + self.random(16 << 20, 6) + old[(4 << 20)...]
        let sent = try self.transfer(Array(new), over: self.file(old))
        #expect(sent >= 16 << 20 && sent < 17 << 20)
    }

    @Test func blocksThatChangePlaceAreFound() throws {
        let old = self.random(16 << 20, 7)
        let new = old[(12 << 20)...] + old[(4 << 20)..<(12 << 20)] + old[..<(4 << 20)]
        #expect(try self.transfer(Array(new), over: self.file(old)) < 2 << 20)
    }

    /// What stood where something else is now may stand elsewhere: it is remembered though nobody searched for it.
    @Test func aBlockThatIsReplacedIsFoundFurtherOn() throws {
        let old = self.random(16 << 20, 33)
        var new = old
        let block = 256 << 10
        new.replaceSubrange((4 << 20)..<(4 << 20) + block, with: self.random(block, 34))
        new.replaceSubrange((12 << 20)..<(12 << 20) + block, with: old[(4 << 20)..<(4 << 20) + block])
        let sent = try self.transfer(new, over: self.file(old))
        #expect(sent >= block && sent < block + (160 << 10))
    }

    /// What is found is written from where it was read, if it lies within its page as it will in the file; where it does not,
    /// because something was inserted, it is read again to where it does.
    @Test(arguments: [0, 100, 4096, 5000]) func anInsertionBeforeALongRunIsPassed(_ inserted: Int) throws {
        let old = self.random(72 << 20, 35)
        let new = old[..<(33 << 20)] + self.random(inserted, 36) + old[(33 << 20)...]
        #expect(try self.transfer(Array(new), over: self.file(old)) < inserted + (96 << 10))
    }

    @Test func anUnrelatedOldVersionCostsNothingButTheSearch() throws {
        let new = self.random(4 << 20, 8)
        #expect(try self.transfer(new, over: self.file(self.random(6 << 20, 9))) == UInt64(new.count))
    }

    @Test func anOldVersionIsOfNoUseToEvenCuts() throws {
        let bytes = self.random(1 << 20, 10)
        #expect(try self.transfer(bytes, over: self.file(bytes), average: nil) == UInt64(bytes.count))
    }

    @Test func randomEdits() throws {
        let seed = UInt64.random(in: .min ... .max)
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<Soak.count(30, soak: 3000) {
            let old = self.random(Int.random(in: 0..<4 << 20, using: &generator), generator.next())
            var new = old
            for _ in 0..<Int.random(in: 0...6, using: &generator) {
                let start = Int.random(in: 0...new.count, using: &generator)
                let end = min(new.count, start + Int.random(in: 0...200_000, using: &generator))
                let fresh = self.random(Int.random(in: 0...200_000, using: &generator), generator.next())
                switch Int.random(in: 0...3, using: &generator) {
                case 0: new.replaceSubrange(start..<end, with: fresh)
                case 1: new.insert(contentsOf: fresh, at: start)
                case 2: new.removeSubrange(start..<end)
                default: new.insert(contentsOf: new[start..<end], at: Int.random(in: 0...new.count, using: &generator))
                }
            }
            var kept = Array(new.prefix(Int.random(in: 0...new.count, using: &generator)))
            for _ in 0..<Int.random(in: 0...3, using: &generator) where !kept.isEmpty {
                kept[Int.random(in: 0..<kept.count, using: &generator)] ^= 1
            }
            let average = (16 << 10) << Int.random(in: 0...4, using: &generator)
            let destination = MemoryDestination(kept: kept)
            let pair = try TransferPair(
                MemorySource(new),
                destination,
                average: generator.oneIn(4) ? nil : average,
                old: generator.oneIn(3) ? nil : self.file(old),
                decidesAhead: generator.oneIn(2)
            )
            try pair.run(&generator)
            #expect(destination.committed == new, "seed \(seed)")
        }
    }

    /// However many names are open at once, each answer fits a header, and no piece of work is long.
    @Test func manySmallNamesAreDecidedInSeveralAnswers() throws {
        let receiver = FileReceiver(
            destination: MemoryDestination(),
            announcedSize: nil,
            old: try self.file(self.random(32 << 20, 30)),
            limits: FrameLimits()
        )
        let sink = MemorySink()
        for frame in 0..<4 {
            let ids = (0..<1024).map { number in
                withUnsafeBytes(of: frame << 16 | number) { ChunkID(hashing: $0) }
            }
            let lengths = [UInt32](repeating: 1 << 10, count: 1024)
            try receiver.received(.names(ids: ChunkID.pack(ids), lengths: lengths, average: 16 << 10), sink: sink)
        }
        while try receiver.proceed(sink: sink) == .more {}
        var decided = 0
        for frame in sink.frames {
            _ = try frame.encoded()
            if case .wants(let wants) = frame.body { decided += Int(wants.decided) }
        }
        #expect(decided == 4096 && sink.frames.count > 4)
    }

    /// Each that rests has read ahead and waits; none may keep a thread that another one needs. Only the long count comes to
    /// more than the system gives a process (255).
    @Test func manyThatRestKeepNobodyFromGoingOn() throws {
        let bytes = self.random(4 << 20, 31)
        let old = try self.file(bytes)
        var resting: [FileReceiver] = []
        for _ in 0..<Soak.count(8, soak: 300) {
            let receiver = FileReceiver(
                destination: MemoryDestination(),
                announcedSize: nil,
                old: old,
                limits: FrameLimits()
            )
            let sink = MemorySink()
            let name = ChunkID.pack([bytes.prefix(20_000).withUnsafeBytes { ChunkID(hashing: $0) }])
            try receiver.received(.names(ids: name, lengths: [20_000], average: 16 << 10), sink: sink)
            _ = try receiver.proceed(sink: sink)
            resting.append(receiver)
        }
        #expect(try self.transfer(bytes, over: old) == 0)
        withExtendedLifetime(resting) {}
    }

    // MARK: The old version changes meanwhile

    @Test(arguments: [0, 1 << 20]) func anOldVersionThatIsTruncatedMeanwhileIsNotBelieved(_ size: Int) throws {
        let bytes = self.random(24 << 20, 11)
        let path = self.directory + "/truncated"
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        // In reverse order of its MiBs, so that much is looked up where it lay and no longer lies.
        let new = stride(from: 23, through: 0, by: -1).flatMap { bytes[($0 << 20)..<(($0 + 1) << 20)] }
        let destination = MemoryDestination()
        let pair = try TransferPair(MemorySource(new), destination, average: 16 << 10, old: SourceFile(local: path))
        var steps = 0
        while !pair.isFinished {
            _ = try pair.proceed()
            while !pair.toReceiver.frames.isEmpty { try pair.deliverToReceiver() }
            while !pair.toSender.frames.isEmpty { try pair.deliverToSender() }
            steps += 1
            if steps == 40 { #expect(truncate(path, off_t(size)) == 0) }
        }
        #expect(destination.committed == new)
        #expect(pair.sender.summary.wireBytes > 0)
    }

    @Test func anOldVersionThatIsOverwrittenMeanwhileIsNotBelieved() throws {
        let bytes = self.random(8 << 20, 12)
        let path = self.directory + "/overwritten"
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        let old = try SourceFile(local: path)
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try handle.write(contentsOf: Data(repeating: 0, count: 5 << 20))
        let sent = try self.transfer(bytes, over: old)
        #expect(sent >= 5 << 20 && sent < 6 << 20)
    }

    // MARK: Transfers that were cut

    @Test(arguments: [nil, 16 << 10] as [Int?]) func whatIsInPlaceIsNeitherSentNorWritten(_ average: Int?) throws {
        let bytes = self.random(4 << 20, 13)
        let destination = MemoryDestination(kept: Array(bytes.prefix(3 << 20)))
        let pair = try TransferPair(MemorySource(bytes), destination, average: average)
        try pair.run()
        #expect(destination.committed == bytes)
        #expect(destination.written < (1 << 20) + (64 << 10))
        #expect(pair.sender.summary.savedBytes > (3 << 20) - (64 << 10))
    }

    @Test func blocksThatBecameZerosAreSentAgain() throws {
        let bytes = self.random(4 << 20, 14)
        var kept = Array(bytes.prefix(3 << 20))
        kept.replaceSubrange((1 << 20)..<(2 << 20), with: repeatElement(0, count: 1 << 20))
        let sent = try self.transfer(bytes, over: nil, kept: kept, average: nil)
        #expect(sent == 2 << 20)
    }

    @Test func whatIsKeptOfALongerOrAnotherFileDoesNoHarm() throws {
        let bytes = self.random(1 << 20, 15)
        #expect(try self.transfer(bytes, over: nil, kept: bytes + self.random(1 << 20, 16), average: nil) == 0)
        let other = self.random(2 << 20, 17)
        #expect(try self.transfer(bytes, over: nil, kept: other, average: nil) == UInt64(bytes.count))
    }

    @Test func anOldVersionHelpsWhereAResumedTransferGoesOn() throws {
        let old = self.random(80 << 20, 18)
        var new = old
        new.replaceSubrange((50 << 20)..<(51 << 20), with: self.random(1 << 20, 19))
        let sent = try self.transfer(new, over: self.file(old), kept: Array(new.prefix(48 << 20)))
        #expect(sent < 3 << 19)
    }

    // MARK: Reasons

    @Test(arguments: [FerryError.Code.connection, .timeout, .noSpace, .shuttingDown, .cancelled])
    func whatWasWrittenIsKept(_ code: FerryError.Code) throws {
        let destination = MemoryDestination()
        let pair = try TransferPair(MemorySource(self.random(1 << 20, 20)), destination)
        pair.receiver.abandoned(FerryError(code, "test"))
        #expect(destination.isKept && !destination.isDiscarded)
    }

    @Test(arguments: [FerryError.Code.integrity, .inputOutput, .tooLarge]) func whatMayBeWrongIsNotKept(
        _ code: FerryError.Code
    ) throws {
        let destination = MemoryDestination()
        let pair = try TransferPair(MemorySource(self.random(1 << 20, 21)), destination)
        pair.receiver.abandoned(FerryError(code, "test"))
        #expect(destination.isDiscarded)
    }
}
