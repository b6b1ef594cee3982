import FerryChunking
import FerryErrors
import FerryFiles
import FerryProtocol
import FerryTestKit
import FerryTransfer
import Foundation
import Synchronization
import Testing

/// A push that was cut neither reads nor hashes again what it had named; and only the same version of a file is believed.
@Suite struct RememberedNamesTests {
    private let directory: TemporaryDirectory
    private let cache: String
    private let path: String
    private let content: [UInt8]
    private let chunks = 64
    private let later = Timestamp(seconds: Timestamp.now.seconds + 60)

    init() throws {
        self.directory = try TemporaryDirectory()
        self.cache = self.directory.path + "/cache/names"
        self.path = self.directory.path + "/file"
        var generator = SeededGenerator(seed: 91)
        self.content = generator.bytes(16 << 20)
        try Data(self.content).write(to: URL(fileURLWithPath: self.path))
    }

    private func names(
        of path: String? = nil,
        average: Int? = nil,
        now: Timestamp? = nil,
        calls: SystemCalls = .real
    ) throws -> RememberedNames? {
        try RememberedNames(
            in: self.cache,
            of: SourceFile(local: path ?? self.path),
            parameters: average.map { try GearChunker.Parameters(average: $0) } ?? .forShare(oldSize: nil),
            now: now ?? self.later,
            calls: calls
        )
    }

    private func all(_ names: RememberedNames?) -> [RememberedNames.Name] {
        var all: [RememberedNames.Name] = []
        while let batch = names?.next() { all += batch }
        return all
    }

    /// What a journal of the file says after names in batches of four.
    private func journal(_ written: [RememberedNames.Name]) throws -> String {
        let names = try #require(try self.names())
        #expect(names.next() == nil)
        for start in stride(from: 0, to: written.count, by: 4) {
            names.append(Array(written[start..<min(start + 4, written.count)]))
        }
        let name = try #require(try FileManager.default.contentsOfDirectory(atPath: self.cache).first)
        return self.cache + "/" + name
    }

    private var written: [RememberedNames.Name] {
        (0..<self.chunks).map { number in
            let length = self.content.count / self.chunks
            let bytes = self.content[(number * length)..<((number + 1) * length)]
            return .init(
                id: bytes.withUnsafeBytes { ChunkID(hashing: $0) },
                length: length,
                isHole: number.isMultiple(of: 7)
            )
        }
    }

    /// Pushes the file to who has `kept` of it.
    ///
    /// - Returns: what has arrived, and how often the source was read.
    private func push(
        kept: [UInt8] = [],
        stopAt limit: UInt64 = .max,
        remembering: Bool = true,
        calls: SystemCalls = .real
    ) throws -> (bytes: [UInt8], isWhole: Bool, reads: Int, saved: UInt64) {
        let reads = Mutex(0)
        let counting = SystemCalls { name, _ in
            if name == .pread { reads.withLock { $0 += 1 } }
            return .proceed
        }
        let source = try SourceFile(local: self.path, calls: counting)
        let names =
            remembering
            ? RememberedNames(
                in: self.cache,
                of: source,
                parameters: .forShare(oldSize: nil),
                now: self.later,
                calls: calls
            ) : nil
        let destination = MemoryDestination(kept: kept)
        let pair = try TransferPair(source, destination, names: names)
        // So that chunks are long.
        pair.toReceiver.drainRate = 1e9
        if limit == .max {
            try pair.run()
        } else {
            while pair.receiver.summary.bytes < limit {
                while try pair.proceed() {}
                while !pair.toReceiver.frames.isEmpty, pair.receiver.summary.bytes < limit {
                    try pair.deliverToReceiver()
                }
                while !pair.toSender.frames.isEmpty { try pair.deliverToSender() }
            }
        }
        let saved = pair.sender.summary.savedBytes
        return (destination.committed ?? destination.bytes, pair.isFinished, reads.withLock { $0 }, saved)
    }

    private var journals: [String] { (try? FileManager.default.contentsOfDirectory(atPath: self.cache)) ?? [] }

    @Test func whatWasNamedIsNotReadAgain() throws {
        let first = try self.push(stopAt: 15 << 20)
        #expect(!first.isWhole && self.journals.count == 1)
        let second = try self.push(kept: first.bytes)
        #expect(second.bytes == self.content && second.isWhole && second.saved >= 15 << 20)
        // Of 16 reads of 1 MiB, and one that finds the end; the last MiB is named and read chunk by chunk.
        #expect(first.reads >= 15 && second.reads <= 5, "\(first.reads) reads, then \(second.reads)")
        #expect(self.journals.isEmpty)
    }

    /// Another receiver lacks it, or what was kept is gone: it is read after all.
    @Test func whatIsLackedAfterAllIsReadAndChecked() throws {
        _ = try self.push(stopAt: 12 << 20)
        let second = try self.push()
        #expect(second.bytes == self.content && second.isWhole && second.saved == 0)
    }

    @Test func bytesThatNoLongerHaveTheirNameAreNotSent() throws {
        _ = try self.journal(self.written.reversed())
        let error = #expect(throws: FerryError.self) { try self.push() }
        #expect(error?.code == .sourceChanged)
        #expect(self.journals.isEmpty)
        let again = try self.push()
        #expect(again.bytes == self.content && again.isWhole)
    }

    @Test func onlyTheSameVersionCounts() throws {
        let written = self.written
        let path = try self.journal(written)
        #expect(try self.all(self.names()) == written)
        #expect(try self.all(self.names()) == written)
        // Another way of cutting.
        #expect(try self.all(self.names(average: 16 << 10)).isEmpty)
        #expect(try self.all(self.names()).isEmpty)
        _ = try self.journal(written)
        // The same bytes, written again.
        let handle = try #require(FileHandle(forWritingAtPath: self.path))
        try handle.write(contentsOf: self.content.prefix(1))
        try handle.close()
        #expect(try self.all(self.names()).isEmpty)
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)).count < 100)
    }

    @Test func aFileThatChangedJustNowIsNotRemembered() throws {
        let changed = try SourceFile(local: self.path).info.changed.seconds
        #expect(try self.names(now: Timestamp(seconds: changed + 2, nanoseconds: 999_999_999)) == nil)
        #expect(try self.names(now: Timestamp(seconds: .min)) == nil)
        #expect(self.journals.isEmpty)
        #expect(try self.names(now: Timestamp(seconds: changed + 3)) != nil)
    }

    @Test func aSmallFileIsNot() throws {
        try Data(self.content.dropLast()).write(to: URL(fileURLWithPath: self.path))
        #expect(try self.names() == nil)
    }

    @Test func onlyOneProcessRemembers() throws {
        let names = try self.names()
        #expect(names != nil)
        #expect(try self.names() == nil)
        withExtendedLifetime(names) {}
    }

    /// A cut or a flipped bit at any byte: what is believed is what was written before it, in whole batches.
    @Test func damageCostsOnlyWhatLiesBehindIt() throws {
        let written = self.written
        let path = try self.journal(written)
        let journal = try Data(contentsOf: URL(fileURLWithPath: path))
        let (head, batch) = (60, 4 + 4 * 36 + 32)
        #expect(journal.count == head + 16 * batch && journal.starts(with: "ferryna1".utf8))
        for place in 0..<journal.count {
            var damaged = journal
            if place.isMultiple(of: 2) {
                damaged.removeLast(journal.count - place)
            } else {
                damaged[place] ^= 1 << (place % 8)
            }
            try damaged.write(to: URL(fileURLWithPath: path))
            let whole = place < head ? 0 : (place - head) / batch
            #expect(try self.all(self.names()) == Array(written.prefix(4 * whole)), "at \(place)")
        }
    }

    /// What is appended behind damage counts.
    @Test func afterDamageItGoesOn() throws {
        let written = self.written
        let path = try self.journal(written)
        let journal = try Data(contentsOf: URL(fileURLWithPath: path))
        try journal.dropLast(50).write(to: URL(fileURLWithPath: path))
        let names = try #require(try self.names())
        let before = self.all(names)
        #expect(before == Array(written.dropLast(4)))
        names.append(Array(written.suffix(4)))
        withExtendedLifetime(names) {}
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == journal)
    }

    @Test func oldOnesAreRemoved() throws {
        try FileManager.default.createDirectory(atPath: self.cache, withIntermediateDirectories: true)
        for (name, days) in [("old", 8), ("new", 6)] {
            let path = self.cache + "/" + name
            try Data().write(to: URL(fileURLWithPath: path))
            let date = Date(timeIntervalSinceNow: -Double(days) * 86_400)
            try FileManager.default.setAttributes([.modificationDate: date], ofItemAtPath: path)
        }
        let names = try self.names()
        #expect(names != nil)
        #expect(self.journals.contains("new") && !self.journals.contains("old"))
    }

    /// Each call of the journal fails in its turn: the file arrives all the same.
    @Test(arguments: [ENOSPC, EIO]) func whateverFailsCostsOnlyTime(_ code: Int32) throws {
        var failed = 0
        for turn in 0... {
            let calls = Mutex(0)
            let failing = SystemCalls { _, _ in
                calls.withLock { number in
                    defer { number += 1 }
                    return number == turn ? .fail(code) : .proceed
                }
            }
            let first = try self.push(stopAt: 12 << 20, calls: failing)
            let second = try self.push(kept: first.bytes)
            #expect(second.bytes == self.content && second.isWhole, "call \(turn)")
            if calls.withLock({ $0 }) <= turn { break }
            failed += 1
        }
        #expect(failed > 10)
    }
}
