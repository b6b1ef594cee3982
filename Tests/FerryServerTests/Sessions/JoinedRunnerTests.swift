import FerryErrors
import FerryProtocol
import FerryTransport
import FerryWire
import NIOCore
import NIOPosix
import Synchronization
import Testing

/// What an ``OperationRunner`` tells of connections that join its operation.
@Suite(.timeLimit(.minutes(5))) struct JoinedRunnerTests {
    private final class Story: Sendable {
        private let lines = Mutex<[String]>([])
        var text: [String] { self.lines.withLock { $0 } }
        func add(_ line: String) { self.lines.withLock { $0.append(line) } }
    }

    private final class Told: FrameOperation, JoinableTransfer {
        private let story: Story
        private var isFinished = false
        let summary = TransferSummary()
        let canBeRefused = false
        var joinable: (any JoinableTransfer)? { self }

        init(_ story: Story) { self.story = story }

        func received(_ frame: Frame, sink: any FrameSink) throws(FerryError) { self.isFinished = true }
        func proceed(sink: any FrameSink) throws(FerryError) -> FerryProtocol.Progress {
            self.isFinished ? .finished : .waiting
        }
        func abandoned(_ error: FerryError) { self.story.add("abandoned") }

        func joined(_ number: Int, sink: any FrameSink) { self.story.add("joined \(number)") }
        func received(_ frame: Frame, from number: Int, sink: any FrameSink) throws(FerryError) {
            if case .finished = frame.body { throw FerryError(.violation, "not here") }
            self.story.add("frame \(number)")
        }
        func lost(_ number: Int) { self.story.add("lost \(number)") }
    }

    @Test(arguments: [false, true]) func whatHappensIsToldInOrderAndTheEndToThoseThatAreLeft(
        failing isFailing: Bool
    ) async throws {
        let pool = NIOThreadPool(numberOfThreads: 2)
        pool.start()
        let story = Story()
        let pairs = [try await SocketPair.make(), try await SocketPair.make(), try await SocketPair.make()]
        let connections = pairs.map(\.connection)
        let ended = Story()
        let runner: OperationRunner = await withCheckedContinuation { done in
            let runner = Mutex<OperationRunner?>(nil)
            let made = OperationRunner(operation: Told(story), connection: connections[0], pool: pool) { _ in
                if let runner = runner.withLock({ $0 }) { done.resume(returning: runner) }
            }
            runner.withLock { $0 = made }
            for number in [1, 2] {
                #expect(made.join(number, connections[number]) { ended.add("\(number)") })
            }
            made.deliver(.credit(1), from: 1, on: connections[1])
            made.lost(1)
            // Nobody is lost twice.
            made.lost(1)
            made.deliver(.credit(1), from: 2, on: connections[2])
            if isFailing { made.deliver(.finished(), from: 2, on: connections[2]) } else { made.deliver(.finished()) }
        }
        #expect(
            story.text == ["joined 1", "joined 2", "frame 1", "lost 1", "frame 2"] + (isFailing ? ["abandoned"] : [])
        )
        #expect(ended.text == ["2"])
        #expect(!runner.join(3, connections[1]) { ended.add("3") })
        runner.lost(2)
        runner.deliver(.credit(1), from: 2, on: connections[2])
        #expect(ended.text == ["2"])
        try await pool.shutdownGracefully()
        for pair in pairs { await pair.close() }
    }
}
