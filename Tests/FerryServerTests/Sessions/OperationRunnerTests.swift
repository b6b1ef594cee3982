import Dispatch
import FerryErrors
import FerryProtocol
import FerryTestKit
import FerryTransport
import FerryWire
import NIOCore
import NIOPosix
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(5))) struct OperationRunnerTests {
    /// An operation made of closures, which checks how it is called.
    private final class Scripted: FrameOperation {
        let calls: Calls
        private let proceedNext: (Calls) throws(FerryError) -> Progress
        private let isRefusable: Bool

        init(
            _ calls: Calls,
            isRefusable: Bool = false,
            proceed: @escaping (Calls) throws(FerryError) -> Progress = { _ in .waiting }
        ) {
            self.calls = calls
            self.isRefusable = isRefusable
            self.proceedNext = proceed
        }

        var summary: TransferSummary { TransferSummary() }
        var canBeRefused: Bool { self.isRefusable }

        func received(_ frame: Frame, sink: any FrameSink) throws(FerryError) {
            self.calls.enter()
            self.calls.frames.add(1, ordering: .relaxed)
            self.calls.leave()
        }

        func proceed(sink: any FrameSink) throws(FerryError) -> Progress {
            self.calls.enter()
            defer { self.calls.leave() }
            return try self.proceedNext(self.calls)
        }

        func abandoned(_ error: FerryError) { self.calls.abandon() }
    }

    /// What happened to an operation; shared with the test.
    private final class Calls: Sendable {
        let frames = Atomic<Int>(0)
        let pieces = Atomic<Int>(0)
        let abandoned = Atomic<Int>(0)
        let completed = Atomic<Int>(0)
        /// Calls that came at once, or after the end.
        let wrong = Atomic<Int>(0)
        private let isInside = Atomic<Bool>(false)

        func enter() {
            if self.isInside.exchange(true, ordering: .sequentiallyConsistent) { self.wrong.add(1, ordering: .relaxed) }
            if self.abandoned.load(ordering: .sequentiallyConsistent) > 0 { self.wrong.add(1, ordering: .relaxed) }
        }

        func leave() { self.isInside.store(false, ordering: .sequentiallyConsistent) }

        func abandon() {
            self.enter()
            self.abandoned.add(1, ordering: .sequentiallyConsistent)
            self.leave()
        }
    }

    /// Runs `body` with a connection and a pool.
    private static func withPair(
        threads: Int = 2,
        _ body: (SocketPair, NIOThreadPool) async throws -> Void
    ) async throws {
        let pair = try await SocketPair.make()
        let pool = NIOThreadPool(numberOfThreads: threads)
        pool.start()
        let result: Result<Void, any Error>
        do { result = .success(try await body(pair, pool)) } catch { result = .failure(error) }
        await pair.close()
        try await pool.shutdownGracefully()
        try result.get()
    }

    private static func outcome(
        of operation: sending Scripted,
        _ pair: SocketPair,
        _ pool: NIOThreadPool,
        _ start: (OperationRunner) -> Void = { $0.wake() }
    ) async throws -> Outcome {
        let ended = pair.connection.channel.eventLoop.makePromise(of: Outcome.self)
        let runner = OperationRunner(operation: operation, connection: pair.connection, pool: pool) {
            ended.succeed($0)
        }
        start(runner)
        return try await ended.futureResult.get()
    }

    /// A transfer that waits for memory: what arrives meanwhile must not start it.
    @Test(arguments: [true, false])
    func aHeldOperationDoesNothingUntilItIsStarted(_ isStarted: Bool) async throws {
        try await Self.withPair { pair, pool in
            let calls = Calls()
            let ended = pair.connection.channel.eventLoop.makePromise(of: Outcome.self)
            let runner = OperationRunner(
                operation: Scripted(calls) { _ in .finished },
                connection: pair.connection,
                pool: pool,
                isHeld: true
            ) { ended.succeed($0) }
            runner.wake()
            // Nothing is kept for it either.
            #expect(!runner.deliver(.credit(1)))
            // Whatever was scheduled has run once a later piece of work has, on every thread of the pool.
            for _ in 0..<64 { try await pool.runIfActive {} }
            #expect(calls.frames.load(ordering: .relaxed) == 0)
            if isStarted { runner.start() } else { runner.cancel(FerryError(.connection, "gone")) }
            let outcome = try await ended.futureResult.get()
            if case .finished = outcome { #expect(isStarted) } else { #expect(!isStarted) }
            #expect(calls.frames.load(ordering: .relaxed) == 0)
        }
    }

    @Test func anOperationThatFinishes() async throws {
        try await Self.withPair { pair, pool in
            let calls = Calls()
            let outcome = try await Self.outcome(of: Scripted(calls) { _ in .finished }, pair, pool)
            guard case .finished = outcome else { throw FerryError(.internalError, "\(outcome)") }
            #expect(calls.abandoned.load(ordering: .relaxed) == 0)
        }
    }

    @Test func aRefusalIsOneOnlyWhereItMayBeAndTheReasonDoesNotEndTheConnection() async throws {
        let cases: [(code: FerryError.Code, isRefusable: Bool, isRefused: Bool)] = [
            (.notFound, true, true), (.notFound, false, false), (.noSpace, true, true), (.violation, true, false),
            (.limit, true, false), (.shuttingDown, true, false),
        ]
        try await Self.withPair { pair, pool in
            for (code, isRefusable, isRefused) in cases {
                let calls = Calls()
                let operation = Scripted(calls, isRefusable: isRefusable) { _ throws(FerryError) in
                    throw FerryError(code, "no")
                }
                switch try await Self.outcome(of: operation, pair, pool) {
                case .finished: Issue.record("it has not finished")
                case .refused(let error): #expect(isRefused && error.code == code)
                case .failed(let error, _): #expect(!isRefused && error.code == code)
                }
                #expect(calls.abandoned.load(ordering: .relaxed) == 1)
            }
        }
    }

    @Test func cancelledBeforeItBegan() async throws {
        try await Self.withPair { pair, pool in
            let calls = Calls()
            let operation = Scripted(calls, isRefusable: true) { calls in
                calls.wrong.add(1, ordering: .relaxed)
                return .finished
            }
            let outcome = try await Self.outcome(of: operation, pair, pool) { runner in
                runner.cancel(FerryError(.cancelled, "cancelled"))
            }
            // Nobody knows what the peer makes of the request, so that the connection cannot go on.
            guard case .failed(let error, _) = outcome else { throw FerryError(.internalError, "\(outcome)") }
            #expect(error.code == .cancelled)
            #expect(calls.wrong.load(ordering: .relaxed) == 0)
            #expect(calls.abandoned.load(ordering: .relaxed) == 1)
        }
    }

    @Test func cancelledWhileAPieceIsBeingDone() async throws {
        try await Self.withPair { pair, pool in
            let calls = Calls()
            let (isInside, mayGo) = (
                pair.connection.channel.eventLoop.makePromise(of: Void.self), DispatchSemaphore(value: 0)
            )
            let operation = Scripted(calls) { calls in
                if calls.pieces.add(1, ordering: .relaxed).oldValue == 0 {
                    isInside.succeed()
                    mayGo.wait()
                }
                // It would never end by itself.
                return .more
            }
            let ended = pair.connection.channel.eventLoop.makePromise(of: Outcome.self)
            let runner = OperationRunner(operation: operation, connection: pair.connection, pool: pool) {
                ended.succeed($0)
            }
            runner.wake()
            try await isInside.futureResult.get()
            runner.cancel(FerryError(.cancelled, "cancelled"))
            runner.wake()
            mayGo.signal()
            guard case .failed = try await ended.futureResult.get() else {
                throw FerryError(.internalError, "not failed")
            }
            #expect(calls.wrong.load(ordering: .relaxed) == 0)
            #expect(calls.abandoned.load(ordering: .relaxed) == 1)
        }
    }

    /// With one thread, one that always has more to do lets the other in.
    @Test func nobodyKeepsTheThread() async throws {
        try await Self.withPair(threads: 1) { pair, pool in
            let other = Calls()
            let ended = pair.connection.channel.eventLoop.makePromise(of: Outcome.self)
            let endless = Scripted(Calls()) { _ in other.completed.load(ordering: .relaxed) > 0 ? .finished : .more }
            let runner = OperationRunner(operation: endless, connection: pair.connection, pool: pool) {
                ended.succeed($0)
            }
            runner.wake()
            _ = try await Self.outcome(of: Scripted(other) { _ in .finished }, pair, pool)
            other.completed.add(1, ordering: .relaxed)
            _ = try await ended.futureResult.get()
        }
    }

    /// More than the inbox holds stops the reading; when the operation takes it, or ends, reading goes on.
    @Test(arguments: [false, true]) func aFullInboxStopsReadingUntilItIsTaken(_ endsAtOnce: Bool) async throws {
        try await Self.withPair { pair, pool in
            let calls = Calls()
            let mayGo = DispatchSemaphore(value: 0)
            let isInside = pair.connection.channel.eventLoop.makePromise(of: Void.self)
            let operation = Scripted(calls) { calls in
                isInside.succeed()
                if calls.frames.load(ordering: .relaxed) == 0 { mayGo.wait() }
                return endsAtOnce || calls.frames.load(ordering: .relaxed) == 20 ? .finished : .waiting
            }
            let ended = pair.connection.channel.eventLoop.makePromise(of: Outcome.self)
            let runner = OperationRunner(operation: operation, connection: pair.connection, pool: pool) {
                ended.succeed($0)
            }
            pair.receiver.forward { runner.deliver($0) }
            runner.wake()
            try await isInside.futureResult.get()
            var bytes = ByteBuffer()
            let payload = ByteBuffer(repeating: 1, count: 1 << 20)
            for _ in 0..<20 { bytes.writeImmutableBuffer(try Frame(.credit(.init()), payload: payload).encoded()) }
            pair.client.sendInVain(bytes)
            await pair.receiver.arrived(6)
            // What was read before the pause may still come, but not all: 20 MiB are more than that and the kernel hold.
            mayGo.signal()
            _ = try await ended.futureResult.get()
            await pair.receiver.arrived(20)
            #expect(calls.wrong.load(ordering: .relaxed) == 0)
        }
    }

    /// A header counts with all its bytes, also those in fields that nobody knows.
    @Test func largeHeadersFillTheInboxToo() async throws {
        try await Self.withPair { pair, pool in
            let mayGo = DispatchSemaphore(value: 0)
            let isInside = pair.connection.channel.eventLoop.makePromise(of: Void.self)
            let operation = Scripted(Calls()) { calls in
                isInside.succeed()
                if calls.frames.load(ordering: .relaxed) == 0 { mayGo.wait() }
                return calls.frames.load(ordering: .relaxed) == 1000 ? .finished : .waiting
            }
            let ended = pair.connection.channel.eventLoop.makePromise(of: Outcome.self)
            let runner = OperationRunner(operation: operation, connection: pair.connection, pool: pool) {
                ended.succeed($0)
            }
            pair.receiver.forward { runner.deliver($0) }
            runner.wake()
            try await isInside.futureResult.get()
            var bytes = ByteBuffer()
            // Field 27 of the header, a credit, which holds field 15 with 60,000 bytes.
            let filling = [UInt8](repeating: 0, count: 60_000)
            let field: [UInt8] = [0xDA, 0x01, 0xE4, 0xD4, 0x03, 0x7A, 0xE0, 0xD4, 0x03] + filling
            for _ in 0..<1000 {
                bytes.writeInteger(UInt32(field.count))
                bytes.writeInteger(UInt32(0))
                bytes.writeBytes(field)
            }
            pair.client.sendInVain(bytes)
            await pair.receiver.arrived(20)
            let queue = pair.connection.channel.eventLoop
            // Once the pause is in force, everything that was read has been told.
            try await queue.submit {}.get()
            #expect(pair.receiver.frames.count < 110)
            mayGo.signal()
            _ = try await ended.futureResult.get()
        }
    }

    /// Frames, wakes, cancels and ends from many threads at once: one completion, no call at once or after the end.
    @Test func anyOrderOfEvents() async throws {
        let seed = UInt64.random(in: .min ... .max)
        print("OperationRunnerTests.anyOrderOfEvents: seed \(seed)")
        var generator = SeededGenerator(seed: seed)
        try await Self.withPair(threads: 3) { pair, pool in
            for _ in 0..<200 {
                let calls = Calls()
                let last = Int.random(in: 1...40, using: &generator)
                let fails = generator.oneIn(3)
                let box = Steps(last: last, fails: fails)
                let ended = pair.connection.channel.eventLoop.makePromise(of: Void.self)
                let runner = OperationRunner(
                    operation: Scripted(calls) { _ throws(FerryError) in try box.next() },
                    connection: pair.connection,
                    pool: pool
                ) { _ in
                    calls.completed.add(1, ordering: .relaxed)
                    ended.succeed()
                }
                let events = (0..<30).map { _ in Int.random(in: 0..<20, using: &generator) }
                await withTaskGroup { group in
                    for event in events {
                        group.addTask {
                            switch event {
                            case 0: runner.cancel(FerryError(.cancelled, "cancelled"))
                            case 1..<10: runner.deliver(.credit(1))
                            default: runner.wake()
                            }
                        }
                    }
                }
                runner.cancel(FerryError(.cancelled, "cancelled"))
                try await ended.futureResult.get()
                // Whoever still runs has seen the end by now, or sees it before it touches the operation.
                await withCheckedContinuation { done in pool.submit { _ in done.resume() } }
                #expect(calls.completed.load(ordering: .relaxed) == 1, "seed \(seed)")
                #expect(calls.wrong.load(ordering: .relaxed) == 0, "seed \(seed)")
                #expect(calls.abandoned.load(ordering: .relaxed) <= 1, "seed \(seed)")
            }
        }
    }

    /// Says `more` or `waiting` in turn, and in the end that it is finished, or fails.
    private final class Steps: Sendable {
        private let count = Atomic<Int>(0)
        private let last: Int
        private let fails: Bool

        init(last: Int, fails: Bool) {
            self.last = last
            self.fails = fails
        }

        func next() throws(FerryError) -> Progress {
            let number = self.count.add(1, ordering: .relaxed).newValue
            if number < self.last { return number.isMultiple(of: 3) ? .waiting : .more }
            if self.fails { throw FerryError(.inputOutput, "no") }
            return .finished
        }
    }

    @Test func nothingOutlivesItsConnection() async throws {
        weak var weakRunner: OperationRunner?
        weak var weakConnection: FrameConnection?
        weak var weakReceiver: RecordingReceiver?
        let pool = NIOThreadPool(numberOfThreads: 1)
        pool.start()
        do {
            let pair = try await SocketPair.make()
            (weakConnection, weakReceiver) = (pair.connection, pair.receiver)
            let ended = pair.connection.channel.eventLoop.makePromise(of: Void.self)
            let runner = OperationRunner(
                operation: Scripted(Calls()),
                connection: pair.connection,
                pool: pool
            ) { _ in ended.succeed() }
            weakRunner = runner
            pair.receiver.forward(to: { runner.deliver($0) }, drained: { runner.wake() })
            runner.wake()
            try await pair.client.send(.credit(1))
            await pair.receiver.arrived(1)
            await pair.close()
            runner.cancel(FerryError(.connection, "gone"))
            try await ended.futureResult.get()
        }
        try await pool.shutdownGracefully()
        // The loop lets go of the channel's handlers a few turns after it has closed.
        for _ in 0..<100_000 where weakRunner != nil || weakConnection != nil || weakReceiver != nil {
            await Task.yield()
        }
        #expect(weakRunner == nil)
        #expect(weakConnection == nil)
        #expect(weakReceiver == nil)
    }
}
