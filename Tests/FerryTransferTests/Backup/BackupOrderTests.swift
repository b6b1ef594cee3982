import FerryChunking
import FerryErrors
import FerryFiles
import FerryObjects
import FerryProtocol
import FerryTestKit
import FerryTransfer
import FerryWire
import Foundation
import NIOCore
import Synchronization
import Testing

/// A repository takes a node only once it has what that points to: the order in which a backup names and sends.
@Suite struct BackupOrderTests {
    /// A receiver that holds a backup to the rules, and has what earlier ones sent.
    private final class Referee {
        private let limits = FrameLimits()
        private var machine: ReceiveMachine
        private var named: Set<ObjectKey> = []
        private(set) var here: [ObjectKey: [UInt8]]
        private(set) var sent: [ObjectKey] = []
        private(set) var root: ChunkID?

        init(_ here: [ObjectKey: [UInt8]]) {
            self.here = here
            self.machine = ReceiveMachine(limits: self.limits, announcedSize: nil, repeats: .resent, takesNodes: true)
        }

        /// Takes a frame and answers it.
        func received(_ frame: Frame) throws -> [Frame] {
            switch frame.body {
            case .names(let names):
                var wants: [ChunkID] = []
                let decided = try self.machine.namesReceived(names)
                for name in decided {
                    let key = ObjectKey(name.isNode ? .node : .data, name.id)
                    self.named.insert(key)
                    if self.here[key] != nil || self.machine.isWanted(name) {
                        self.machine.had(name)
                    } else {
                        try self.machine.lacked(name)
                        wants.append(name.id)
                    }
                }
                return [.wants(decided: decided.count, ids: ChunkID.pack(wants))]
            case .block(let block):
                try self.take(block, frame.payload)
                self.machine.credited(frame.payload.readableBytes)
                return [.credit(frame.payload.readableBytes)]
            case .commit(let commit):
                var end = WireEnd()
                (end.digest, end.size) = (commit.digest, commit.size)
                let digest = try self.machine.endReceived(end)
                let root = try #require(ChunkID(bytes: commit.root))
                #expect(self.here[ObjectKey(.node, root)] != nil)
                self.root = root
                return [
                    .finished(digest: ChunkID.pack([digest]), size: commit.size, snapshot: ChunkID.pack([root]))
                ]
            default:
                Issue.record("\(frame.body)")
                return []
            }
        }

        private func take(_ block: WireBlock, _ payload: ByteBuffer) throws {
            let deliveries = try self.machine.blockReceived(block, payload: payload.readableBytes)
            var rest = payload
            for delivery in deliveries {
                let read = rest.readBytes(length: delivery.length)
                let bytes = try #require(read)
                #expect(bytes.withUnsafeBytes { ChunkID(hashing: $0) } == delivery.id)
                let key = ObjectKey(block.nodes ? .node : .data, delivery.id)
                if block.nodes {
                    for ref in try Node(bytes).refs {
                        #expect(self.here[ref] != nil, "\(key) was sent before the \(ref)")
                        #expect(self.named.contains(ref), "\(key) was named before the \(ref)")
                    }
                }
                self.here[key] = bytes
                self.sent.append(key)
            }
        }
    }

    private static func sender(_ path: String, compression: Compression = .off) throws -> BackupSender {
        let real = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
        let walk = try BackupWalk([Array(real.utf8)], filter: TreeFilter(), staysOnFileSystem: false)
        return try BackupSender(
            .walk(walk, MetadataPolicy(), nil),
            average: 16 << 10,
            note: SnapshotNote(),
            compression: compression,
            limits: FrameLimits()
        )
    }

    /// Lets both sides work, in an order that chance decides.
    private static func run(
        _ sender: BackupSender,
        _ referee: Referee,
        _ generator: inout SeededGenerator
    ) throws {
        let sink = MemorySink()
        var answers = CircularBuffer<Frame>()
        var idle = 0
        while !sender.isFinished, idle < 1000 {
            idle += 1
            switch generator.below(3) {
            case 0:
                switch try sender.proceed(sink: sink) {
                case .more: idle = 0
                case .working where sink.frames.isEmpty && answers.isEmpty:
                    #expect(sink.awaitWake())
                    idle = 0
                default: break
                }
            case 1:
                if let frame = sink.frames.popFirst() {
                    answers.append(contentsOf: try referee.received(frame))
                    idle = 0
                }
            default:
                if let answer = answers.popFirst() {
                    try sender.received(answer)
                    idle = 0
                }
            }
        }
        #expect(sender.isFinished, "neither side had anything to do")
    }

    @Test func nothingGoesBeforeWhatItPointsTo() throws {
        var generator = SeededGenerator(seed: Soak.seed(#function))
        for _ in 0..<Soak.count(5, soak: 100) {
            let directory = try TemporaryDirectory()
            let tree = directory.path + "/tree"
            TreeFixture.make(tree, entries: 400, &generator)
            // Long recipes, whose nodes come while others' data are wanted.
            for number in 0..<2 { TreeFixture.write("\(tree)/recipe-\(number)", generator.bytes(4 << 20)) }
            let first = Referee([:])
            try Self.run(try Self.sender(tree), first, &generator)
            #expect(first.sent.contains { $0.kind == .node } && first.sent.contains { $0.kind == .data })
            #expect(Set(first.sent).count == first.sent.count, "something was sent twice")

            // The second time only what has changed.
            TreeFixture.write(tree + "/recipe-1", generator.bytes(100_000))
            TreeFixture.write(tree + "/new", generator.bytes(10_000))
            let second = Referee(first.here)
            try Self.run(try Self.sender(tree), second, &generator)
            #expect(second.sent.count < first.sent.count / 4 && second.root != first.root)
            let third = Referee(second.here)
            try Self.run(try Self.sender(tree), third, &generator)
            // Nothing of the tree; what leads to it belongs to the machine, where other things happen.
            let levels = tree.split(separator: "/").count
            #expect(third.sent.allSatisfy { $0.kind == .node } && third.sent.count <= levels)
            try Process.run(URL(fileURLWithPath: "/bin/chmod"), arguments: ["-R", "u+rwx", tree]).waitUntilExit()
        }
    }

    /// The same chunks many times over, within files and as files.
    @Test func whatIsWantedIsSentOnce() throws {
        var generator = SeededGenerator(seed: Soak.seed(#function))
        let directory = try TemporaryDirectory()
        let tree = directory.path + "/tree"
        let content = generator.bytes(3 << 20)
        try FileManager.default.createDirectory(atPath: tree, withIntermediateDirectories: true)
        for number in 0..<20 {
            TreeFixture.write("\(tree)/large-\(number)", content)
            TreeFixture.write("\(tree)/small-\(number)", Array(content.prefix(1000)))
        }
        let referee = Referee([:])
        try Self.run(try Self.sender(tree), referee, &generator)
        #expect(Set(referee.sent).count == referee.sent.count)
        let bytes = referee.here.reduce(0) { $0 + ($1.key.kind == .data ? $1.value.count : 0) }
        #expect((3 << 20..<3 << 20 + 2000).contains(bytes), "\(bytes)")
    }

    /// Gives some bytes, and nothing more until it is told to end.
    private final class PausingSource: ByteSource {
        private let bytes: MemorySource
        private let length: Int
        private let paused: @Sendable () -> Void
        private let mayEnd = DispatchSemaphore(value: 0)
        private let isPausing = Atomic(false)

        init(_ bytes: [UInt8], paused: @escaping @Sendable () -> Void) {
            (self.bytes, self.length, self.paused) = (MemorySource(bytes, isStream: true), bytes.count, paused)
        }

        var knownSize: Int64? { nil }
        var pauses: Bool { self.isPausing.load(ordering: .acquiring) }
        func end() { self.mayEnd.signal() }

        func read(into buffer: UnsafeMutableRawBufferPointer) throws(FerryError) -> Int {
            guard self.bytes.readBytes == self.length else { return try self.bytes.read(into: buffer) }
            self.isPausing.store(true, ordering: .releasing)
            self.paused()
            self.mayEnd.wait()
            self.mayEnd.signal()
            return 0
        }
    }

    /// A stream may pause for as long as it likes: what came before is named and sent meanwhile.
    @Test func aStreamThatPauses() throws {
        var generator = SeededGenerator(seed: Soak.seed(#function))
        let sink = MemorySink()
        let source = PausingSource(generator.bytes(8 << 20)) { sink.wake() }
        let sender = try BackupSender(
            .stream(source, name: Array("dump".utf8), modified: Timestamp(seconds: 1, nanoseconds: 0)),
            average: 16 << 10,
            note: SnapshotNote(),
            compression: .off,
            limits: FrameLimits()
        )
        let referee = Referee([:])
        var answers: [Frame] = []
        while true {
            // What was read before it paused is there to be taken.
            let pauses = source.pauses
            let progress = try sender.proceed(sink: sink)
            // The answers come late, when there is nothing else to do.
            while progress != .more, let frame = sink.frames.popFirst() { answers += try referee.received(frame) }
            if progress == .more { continue }
            if answers.isEmpty {
                if pauses { break }
                #expect(sink.awaitWake())
            }
            for answer in answers { try sender.received(answer) }
            answers = []
        }
        let bytes = referee.here.reduce(0) { $0 + $1.value.count }
        // A segment, and a block that may still grow.
        #expect(bytes > 5 << 20, "\(bytes)")
        source.end()
        try Self.run(sender, referee, &generator)
        #expect(referee.root != nil && referee.here.reduce(0) { $0 + $1.value.count } > 8 << 20)
    }
}
