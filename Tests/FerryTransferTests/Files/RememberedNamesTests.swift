import FerryChunking
import FerryErrors
import FerryFiles
import FerryProtocol
import FerryTestKit
import FerryTransfer
import FerryWire
import Foundation
import Glibc
import Synchronization
import Testing

/// A push that was cut neither reads nor hashes again what it had named; and only the same version of a file is believed.
@Suite struct RememberedNamesTests {
    private let directory: TemporaryDirectory
    private let cache: String
    private let path: String
    private let content: [UInt8]
    private let chunks = 64
    private let later = Timestamp(seconds: Timestamp.now.seconds + 600)

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
            onAnyFileSystem: true,
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

    /// A push of the file whose names are remembered, over a link that is fast, so that chunks are long.
    private func pair(
        _ destination: MemoryDestination,
        source calls: SystemCalls = .real,
        journal: SystemCalls = .real
    ) throws -> TransferPair {
        let source = try SourceFile(local: self.path, calls: calls)
        let names = RememberedNames(
            in: self.cache,
            of: source,
            parameters: .forShare(oldSize: nil),
            now: self.later,
            onAnyFileSystem: true,
            calls: journal
        )
        let pair = try TransferPair(source, destination, names: names)
        pair.toReceiver.drainRate = 1e9
        return pair
    }

    /// Pushes the file to who has `kept` of it.
    ///
    /// - Returns: what has arrived, and how often the source was read.
    private func push(
        kept: [UInt8] = [],
        stopAt limit: UInt64 = .max,
        calls: SystemCalls = .real
    ) throws -> (bytes: [UInt8], isWhole: Bool, reads: Int, saved: UInt64) {
        let reads = Mutex(0)
        let counting = SystemCalls { name, _ in
            if name == .pread { reads.withLock { $0 += 1 } }
            return .proceed
        }
        let destination = MemoryDestination(kept: kept)
        let pair = try self.pair(destination, source: counting, journal: calls)
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
        // The same bytes, written again, until the kernel's clock has moved on: its tick is milliseconds.
        let before = try SourceFile(local: self.path).info.changed
        repeat {
            let handle = try #require(FileHandle(forWritingAtPath: self.path))
            try handle.write(contentsOf: self.content.prefix(1))
            try handle.close()
        } while try SourceFile(local: self.path).info.changed == before
        #expect(try self.all(self.names()).isEmpty)
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)).count < 100)
    }

    @Test func aFileThatChangedJustNowIsNotRemembered() throws {
        let changed = try SourceFile(local: self.path).info.changed.seconds
        #expect(
            try self.names(now: Timestamp(seconds: changed + RememberedNames.margin, nanoseconds: 999_999_999)) == nil
        )
        #expect(try self.names(now: Timestamp(seconds: .min)) == nil)
        #expect(self.journals.isEmpty)
        #expect(try self.names(now: Timestamp(seconds: changed + RememberedNames.margin + 1)) != nil)
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
        let (head, batch) = (97, 4 + 4 * 36 + 32)
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

    /// What others may have written is neither believed nor written to.
    @Test func whatIsNotTheUsersOwnIsNoJournal() throws {
        let path = try self.journal(self.written)
        let content = try Data(contentsOf: URL(fileURLWithPath: path))
        // Another name of it somewhere else, rights of others, a link, a directory that is a link or that others may write to.
        let other = self.directory.path + "/other"
        #expect(link(path, other) == 0)
        #expect(try self.names() == nil)
        #expect(unlink(other) == 0 && chmod(path, 0o622) == 0)
        #expect(try self.names() == nil)
        #expect(chmod(path, 0o600) == 0 && rename(path, other) == 0 && symlink(other, path) == 0)
        #expect(try self.names() == nil)
        #expect(unlink(path) == 0 && rename(other, path) == 0 && chmod(self.cache, 0o777) == 0)
        #expect(try self.names() == nil)
        #expect(chmod(self.cache, 0o700) == 0 && rename(self.cache, other) == 0 && symlink(other, self.cache) == 0)
        #expect(try self.names() == nil)
        #expect(unlink(self.cache) == 0 && rename(other, self.cache) == 0)
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == content)
        #expect(try self.all(self.names()) == self.written)
    }

    /// A journal of another start of the machine does not count.
    @Test func aPowerCutForgets() throws {
        let path = try self.journal(self.written)
        var content = try Data(contentsOf: URL(fileURLWithPath: path))
        content[96 - 30] ^= 1
        try content.write(to: URL(fileURLWithPath: path))
        #expect(chmod(path, 0o600) == 0)
        #expect(try self.all(self.names()).isEmpty)
    }

    @Test(arguments: [(FerryError.Code.connection, true), (.integrity, false), (.sourceChanged, false)])
    func whatMayBeWrongIsForgotten(_ code: FerryError.Code, _ isKept: Bool) throws {
        let pair = try self.pair(MemoryDestination())
        while try pair.proceed() {}
        pair.sender.abandoned(FerryError(code, "cut"))
        #expect(self.journals.isEmpty != isKept)
    }

    /// On a link that takes no block, shorter chunks are tried.
    @Test func namesOfWhatNeverArrivesAreForgotten() throws {
        _ = try self.push(stopAt: 12 << 20)
        let pair = try self.pair(MemoryDestination())
        while try pair.proceed() {}
        while !pair.toReceiver.frames.isEmpty { try pair.deliverToReceiver() }
        while let frame = pair.toSender.frames.first {
            let isWants = if case .wants = frame.body { true } else { false }
            guard isWants else { break }
            try pair.deliverToSender()
        }
        while try pair.proceed() {}
        pair.sender.abandoned(FerryError(.connection, "cut"))
        #expect(self.journals.isEmpty)
    }

    @Test func oldOnesAreRemoved() throws {
        try FileManager.default.createDirectory(atPath: self.cache, withIntermediateDirectories: true)
        for (name, days) in [("0-1", 8), ("0-2", 6), ("0-3", 9), ("letter", 900)] {
            let path = self.cache + "/" + name
            try Data().write(to: URL(fileURLWithPath: path))
            let date = Date(timeIntervalSinceNow: -Double(days) * 86_400)
            try FileManager.default.setAttributes([.modificationDate: date], ofItemAtPath: path)
        }
        // Another process has it.
        let held = open(self.cache + "/0-3", O_RDWR)
        defer { close(held) }
        #expect(flock(held, LOCK_EX) == 0)
        let names = try self.names()
        #expect(names != nil)
        #expect(self.journals.filter { $0.count < 7 }.sorted() == ["0-2", "0-3", "letter"])
    }

    /// Each call of the journal fails in its turn: the file arrives all the same.
    @Test(arguments: [ENOSPC, EIO]) func whateverFailsCostsOnlyTime(_ code: Int32) throws {
        var failed = 0
        for turn in 0... {
            let faults = FailingCalls(nil, turn...turn, code)
            let first = try self.push(stopAt: 12 << 20, calls: faults.calls)
            let second = try self.push(kept: first.bytes)
            #expect(second.bytes == self.content && second.isWhole, "call \(turn)")
            if faults.counted <= turn { break }
            failed += 1
        }
        #expect(failed > 10)
    }
}
