import FerryErrors
import FerryFiles
import FerryProtocol
import FerryTestKit
import FerryTransfer
import FerryWire
import Foundation
import NIOCore
import Testing

/// A sender and a receiver of a tree in one thread, with the frames between them in memory.
final class TreePair {
    let sender: TreeSender
    let receiver: TreeReceiver
    let toReceiver = MemorySink()
    let toSender = MemorySink()
    private(set) var isFinished = false
    /// Whether the receiver gets several frames before it proceeds, as it does when they come together.
    var isEager = false
    /// Bytes that each frame to the sender counts as queued until it has come, as on a connection.
    var queuedFrame = 0 {
        didSet { self.toSender.frameBytes = self.queuedFrame }
    }
    private(set) var longestQueue = 0
    private let failures = Failures()

    // SAFETY: used by the test's thread only.
    private final class Failures: @unchecked Sendable {
        var paths: [String] = []
        var changes: [TreeChange] = []
        var skipped: [String] = []
    }

    init(
        _ source: String,
        _ target: String,
        options: TreeReceiver.Options = TreeReceiver.Options(),
        limits: FrameLimits = FrameLimits(),
        filter: TreeFilter = TreeFilter(),
        sourceMetadata: MetadataPolicy? = nil,
        sourceCalls: SystemCalls = .real,
        targetCalls: SystemCalls = .real,
        writers: Int = 2
    ) throws {
        var options = options
        options.writers = writers
        let failures = self.failures
        let onEvent: TreeEvents = { event in
            if case .failed(let path, let error) = event {
                failures.paths.append("\(Escaping.escape(path)): \(error.code.rawValue)")
            }
            if case .changed(let change) = event { failures.changes.append(change) }
            if case .skipped(let path) = event { failures.skipped.append(Escaping.escape(path)) }
        }
        self.sender = TreeSender(
            TreeWalk(
                try RootDirectory(path: source, calls: sourceCalls).openTree(.root),
                filter: filter,
                tellsLeftOut: options.deletes
            ),
            compression: .auto,
            limits: limits,
            metadata: sourceMetadata ?? options.metadata
        )
        self.receiver = TreeReceiver(
            try RootDirectory(path: target, calls: targetCalls).openTree(.root),
            options: options,
            limits: limits,
            onEvent: onEvent
        )
    }

    /// What could not be transferred: path and reason, sorted.
    var failedPaths: [String] { self.failures.paths.sorted() }

    /// What was left out because of its kind, sorted.
    var skipped: [String] { self.failures.skipped.sorted() }

    /// What was reported, sorted.
    var changes: [String] {
        self.failures.changes.map { "\($0.kind) \(Escaping.escape($0.path)) \($0.reasons.rawValue)" }.sorted()
    }

    /// Paths that were removed, sorted.
    var deleted: [String] {
        self.failures.changes.filter { $0.kind == .deleted }.map { Escaping.escape($0.path) }.sorted()
    }

    /// Runs to the end in an order that chance decides; a side that throws is told so, as it would be.
    func run(_ generator: inout SeededGenerator) throws {
        do {
            try self.move(&generator)
        } catch let error as FerryError {
            self.receiver.abandoned(error)
            throw error
        }
    }

    /// Runs until so many bytes have come, and ends as if the link had broken.
    func cut(after bytes: UInt64, _ generator: inout SeededGenerator) throws {
        try self.move(&generator, until: bytes)
        self.receiver.abandoned(FerryError(.connection, "cut"))
    }

    private func move(_ generator: inout SeededGenerator, until bytes: UInt64 = .max) throws {
        while !self.isFinished, self.receiver.summary.bytes < bytes {
            var isMoving = false
            for _ in 0..<generator.below(5) { isMoving = try self.senderProceeds() || isMoving }
            for _ in 0..<generator.below(7) { isMoving = try self.deliver() || isMoving }
            for _ in 0..<generator.below(7) { isMoving = try self.answer() || isMoving }
            guard !isMoving, !self.isFinished else { continue }
            if try self.deliver() || self.answer() || self.senderProceeds() || self.isFinished { continue }
            try #require(self.toSender.awaitWake(), "both sides wait")
            try self.receiverProceeds()
        }
    }

    private func senderProceeds() throws -> Bool {
        let before = self.toReceiver.frames.count
        let progress = try self.sender.proceed(sink: self.toReceiver)
        for frame in self.toReceiver.frames.dropFirst(before) { _ = try frame.encoded() }
        self.isFinished = progress == .finished
        return progress == .more || self.toReceiver.frames.count > before
    }

    private func deliver() throws -> Bool {
        guard let frame = self.toReceiver.frames.popFirst() else { return false }
        try self.receiver.received(frame, sink: self.toSender)
        while self.isEager, let frame = self.toReceiver.frames.popFirst() {
            try self.receiver.received(frame, sink: self.toSender)
        }
        try self.receiverProceeds()
        return true
    }

    private func receiverProceeds() throws {
        repeat {
            self.longestQueue = max(self.longestQueue, self.toSender.queuedBytes)
        } while try self.receiver.proceed(sink: self.toSender) == .more
        self.longestQueue = max(self.longestQueue, self.toSender.queuedBytes)
    }

    private func answer() throws -> Bool {
        guard let frame = self.toSender.frames.popFirst() else { return false }
        _ = try frame.encoded()
        try self.sender.received(frame)
        self.toSender.queuedBytes -= self.queuedFrame
        if self.queuedFrame > 0 { try self.receiverProceeds() }
        return true
    }
}

/// A directory of a test with a source and a target in it.
final class TreeScratch {
    let path: String
    var source: String { self.path + "/source" }
    var target: String { self.path + "/target" }

    init() throws {
        self.path = NSTemporaryDirectory() + "ferry-tree-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: self.target, withIntermediateDirectories: true)
    }

    deinit {
        // Directories without a right to write are part of what is tested.
        try? Process.run(URL(fileURLWithPath: "/bin/chmod"), arguments: ["-R", "u+rwx", self.path]).waitUntilExit()
        // Its paths may be longer than the kernel takes.
        try? Process.run(URL(fileURLWithPath: "/bin/rm"), arguments: ["-rf", self.path]).waitUntilExit()
    }

    func makeSource() throws {
        try FileManager.default.createDirectory(atPath: self.source, withIntermediateDirectories: true)
    }

    func write(_ path: String, _ text: String) throws { TreeFixture.write(try self.place(path), Array(text.utf8)) }

    /// The path of a file, the directory of which is made.
    func place(_ path: String) throws -> String {
        let url = URL(fileURLWithPath: self.path + "/" + path)
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        return url.path
    }

    func read(_ path: String) -> String? { try? String(contentsOfFile: self.path + "/" + path, encoding: .utf8) }
}
