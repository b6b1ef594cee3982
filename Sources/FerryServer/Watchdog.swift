package import FerryCatalog
package import Logging
package import NIOCore
package import NIOPosix

/// Tells the service manager that the daemon lives, as long as every part of it answers: each event loop, the threads for
/// files, and the accounts in SQLite. A part that does not come back holds the round, and with it the message.
package struct Watchdog: Sendable {
    private let loops: [any EventLoop]
    private let files: NIOThreadPool
    private let accounts: NIOThreadPool
    private let catalog: Catalog
    private let log: Logger
    private let ping: @Sendable () -> Void

    /// - Parameters:
    ///   - loops: all of the daemon's.
    ///   - files: the threads for files; a round waits its turn behind what they are asked to do.
    ///   - accounts: the threads for the catalog.
    ///   - catalog: is asked something.
    ///   - log: told of a part that answers with an error.
    ///   - ping: sends the message.
    package init(
        loops: [any EventLoop],
        files: NIOThreadPool,
        accounts: NIOThreadPool,
        catalog: Catalog,
        log: Logger,
        ping: @escaping @Sendable () -> Void
    ) {
        self.loops = loops
        self.files = files
        self.accounts = accounts
        self.catalog = catalog
        self.log = log
        self.ping = ping
    }

    /// How often to ping: half of what the service manager waits.
    ///
    /// - Parameters:
    ///   - environment: of the process; sd_watchdog_enabled(3) says what the variables mean.
    ///   - process: this one's id.
    /// - Returns: nil if nobody waits for this process.
    package static func interval(environment: [String: String], process: Int32) -> Duration? {
        guard let limit = environment["WATCHDOG_USEC"].flatMap({ Int64($0) }), limit > 0 else { return nil }
        if let meant = environment["WATCHDOG_PID"], !meant.isEmpty, meant != "\(process)" { return nil }
        return .microseconds(max(1, limit / 2))
    }

    /// Goes through every part once, and pings if all have answered.
    package func round() async {
        do {
            for loop in self.loops { try await loop.submit {}.get() }
            try await self.files.runIfActive {}
            try await self.accounts.runIfActive { try self.catalog.probe() }
        } catch is CancellationError {
            return
        } catch {
            return self.log.error("the watchdog found something broken", metadata: ["error": "\(error)"])
        }
        self.ping()
    }

    /// Pings until the task is cancelled; one round at a time.
    func run(every interval: Duration) async {
        repeat { await self.round() } while (try? await Task.sleep(for: interval)) != nil
    }
}
