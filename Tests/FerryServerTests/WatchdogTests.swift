import Dispatch
import FerryCatalog
import FerryServer
import FerryTestKit
import NIOCore
import NIOPosix
import Synchronization
import Testing

/// Rounds are driven by hand: no time passes.
@Suite(.timeLimit(.minutes(5))) struct WatchdogTests {
    private final class Events: Sendable {
        private let list = Mutex<[String]>([])
        var all: [String] { self.list.withLock { $0 } }
        func add(_ event: String) { self.list.withLock { $0.append(event) } }
    }

    /// A daemon's parts, and a watchdog over them.
    private final class Parts: Sendable {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 3)
        let files = NIOThreadPool(numberOfThreads: 2)
        let accounts = NIOThreadPool(numberOfThreads: 2)
        let directory: TemporaryDirectory
        let catalog: Catalog
        let events = Events()
        let log = LogLines()
        let watchdog: Watchdog

        init() throws {
            self.directory = try TemporaryDirectory()
            self.catalog = try Catalog(path: self.directory.path + "/catalog")
            self.files.start()
            self.accounts.start()
            let events = self.events
            self.watchdog = Watchdog(
                loops: Array(self.group.makeIterator()),
                files: self.files,
                accounts: self.accounts,
                catalog: self.catalog,
                log: self.log.logger,
                ping: { events.add("ping") }
            )
        }

        func stop() async throws {
            try await self.files.shutdownGracefully()
            try await self.accounts.shutdownGracefully()
            try await self.group.shutdownGracefully()
        }

        /// Lets everything that is not blocked run many times over, so that a round that left a part out would end.
        func letOthersRun(_ blocked: Part) async throws {
            for _ in 0..<50 {
                for (number, loop) in Array(self.group.makeIterator()).enumerated() where blocked != .loop(number) {
                    try await loop.submit {}.get()
                }
                if blocked != .files { try await self.files.runIfActive {} }
                if blocked != .accounts { try await self.accounts.runIfActive {} }
            }
        }
    }

    enum Part: Equatable, Sendable {
        case loop(Int)
        case files, accounts
    }

    @Test func aRoundThroughWhatLivesPings() async throws {
        let parts = try Parts()
        for _ in 0..<3 { await parts.watchdog.round() }
        #expect(parts.events.all == ["ping", "ping", "ping"])
        try parts.catalog.close()
        try await parts.stop()
    }

    @Test(arguments: [Part.loop(0), .loop(1), .loop(2), .files, .accounts])
    func aPartThatHangsHoldsThePing(_ part: Part) async throws {
        let parts = try Parts()
        let (gate, events) = (DispatchSemaphore(value: 0), parts.events)
        let isBlocked = parts.group.any().makePromise(of: Void.self)
        let entered = Atomic<Int>(0)
        let count = if case .loop = part { 1 } else { 2 }
        let block: @Sendable () -> Void = {
            if entered.add(1, ordering: .relaxed).newValue == count { isBlocked.succeed() }
            gate.wait()
            events.add("released")
        }
        switch part {
        case .loop(let number): Array(parts.group.makeIterator())[number].execute(block)
        case .files: for _ in 0..<2 { parts.files.submit { _ in block() } }
        case .accounts: for _ in 0..<2 { parts.accounts.submit { _ in block() } }
        }
        // A promise of the blocked loop would tell nobody; its thread is in `block` by then.
        while entered.load(ordering: .relaxed) < count { await Task.yield() }
        let round = Task { await parts.watchdog.round() }
        try await parts.letOthersRun(part)
        #expect(parts.events.all == [])
        for _ in 0..<count { gate.signal() }
        await round.value
        try await isBlocked.futureResult.get()
        await parts.watchdog.round()
        #expect(parts.events.all.filter { $0 == "ping" }.count == 2)
        #expect(parts.events.all.first == "released")
        try parts.catalog.close()
        try await parts.stop()
    }

    /// It really asks SQLite.
    @Test func accountsThatAnswerWithAnErrorPingNobody() async throws {
        let parts = try Parts()
        try parts.catalog.close()
        await parts.watchdog.round()
        #expect(parts.events.all == [])
        #expect(parts.log.lines(with: "error the watchdog found something broken").count == 1)
        try await parts.stop()
    }

    @Test(arguments: [
        (["WATCHDOG_USEC": "3000000"], Duration.milliseconds(1500)),
        (["WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "42"], .milliseconds(1500)),
        (["WATCHDOG_USEC": "3000000", "WATCHDOG_PID": ""], .milliseconds(1500)),
        (["WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "43"], nil), (["WATCHDOG_USEC": "0"], nil),
        (["WATCHDOG_USEC": "-5"], nil), (["WATCHDOG_USEC": "x"], nil), ([:], nil),
    ])
    func onlyWhomTheServiceManagerWatchesPings(_ environment: [String: String], _ interval: Duration?) {
        #expect(Watchdog.interval(environment: environment, process: 42) == interval)
    }
}
