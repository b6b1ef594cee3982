import FerryCatalog
import FerryErrors
import FerryFiles
import FerryTransport
import FerryWire
package import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import UnixSignals

/// The daemon as one service: it binds, serves until told to stop, and ends its transfers within a deadline.
package struct Daemon: Service {
    private let settings: Settings
    private let source: ConfigurationSource?
    private let state: StateDirectory
    private let agent: String
    private let version: String
    private let environment: [String: String]
    private let manager: ServiceManager
    private let log: Logger

    /// - Parameters:
    ///   - settings: checked.
    ///   - source: where they are read again on SIGHUP; without it the signal is left alone.
    ///   - state: held, with its lock, as long as the daemon runs.
    ///   - agent: program and version, as clients are told.
    ///   - version: with the commit, as administrators are told.
    ///   - environment: of the process, for the service manager's socket.
    ///   - log: where events go.
    package init(
        settings: Settings,
        source: ConfigurationSource? = nil,
        state: StateDirectory,
        agent: String,
        version: String,
        environment: [String: String],
        log: Logger
    ) {
        self.settings = settings
        self.source = source
        self.state = state
        self.agent = agent
        self.version = version
        self.environment = environment
        self.manager = ServiceManager(environment: environment, log: log)
        self.log = log
    }

    /// Serves until SIGTERM or SIGINT.
    ///
    /// - Throws: what keeps it from serving.
    package func serve() async throws {
        let group = ServiceGroup(
            configuration: .init(
                services: [.init(service: self, successTerminationBehavior: .gracefullyShutdownGroup)],
                gracefulShutdownSignals: [.sigterm, .sigint],
                logger: Logger(label: "lifecycle") { _ in SwiftLogNoOpLogHandler() }
            )
        )
        try await group.run()
    }

    @concurrent
    package func run() async throws {
        try RootDirectory.probe()
        let catalog = try self.state.openCatalog()
        let identity = try ServerIdentity(try self.state.certificate(configured: self.settings.tls))
        let group = MultiThreadedEventLoopGroup(numberOfThreads: System.coreCount)
        let files = NIOThreadPool(numberOfThreads: self.settings.threads.fileThreads(cores: System.coreCount))
        // SQLite serves one writer at a time anyway; a second thread lets a look-up pass a write.
        let accounts = NIOThreadPool(numberOfThreads: 2)
        files.start()
        accounts.start()
        let services = self.services(catalog, accounts: accounts, files: files)
        let listeners = Listeners(
            services: services,
            group: group,
            identity: identity,
            backlog: self.settings.backlog
        )
        let bound = try await listeners.bind(self.settings)
        let reloader = Reloader(
            self.settings,
            source: self.source,
            state: self.state,
            services: services,
            identity: identity,
            listeners: bound,
            manager: self.manager
        )
        let watchdog = Watchdog(
            loops: Array(group.makeIterator()),
            files: files,
            accounts: accounts,
            catalog: catalog,
            log: self.log,
            ping: { self.manager.alive() }
        )
        // Before it is ready: from then on the signal must not end the process.
        let hangUps = self.source == nil ? nil : await UnixSignalsSequence(trapping: .sighup)
        let admin = try await AdminListener.start(
            state: self.state,
            executor: self.executor(services, identity, reloader, bound),
            pool: accounts,
            longPool: files,
            group: group,
            logger: self.log,
            deadline: { TimeAmount(reloader.settings.timeouts.admin) }
        )
        for listener in bound { self.log.info("listening", metadata: ["address": "\(listener.text)"]) }
        self.manager.ready()
        self.log.info("ready", metadata: ["state": "\(self.state.paths.root)"])
        if try catalog.users().isEmpty {
            self.log.notice(
                "nobody can log in; next: ferryd share add NAME DIRECTORY, then ferryd user add USER --grant NAME=read,write",
                metadata: ["state": "\(self.state.paths.root)"]
            )
        }
        let sweeper = PartialSweeper(services: services) { reloader.settings.partials.age }
        let sweeping = Task { await sweeper.run() }
        await self.untilStopped(reloader, hangUps, watchdog, accounts)
        sweeping.cancel()
        self.manager.stopping()
        self.log.info("stopping", metadata: ["connections": "\(services.sessions.count)"])
        for listener in bound { try? await listener.channel.close() }
        await self.drain(services.sessions, group, reloader.settings.timeouts.shutdown)
        await sweeping.value
        await admin.stop()
        try await files.shutdownGracefully()
        try await accounts.shutdownGracefully()
        try await group.shutdownGracefully()
        services.repositories.closeAll()
        try catalog.close()
        self.log.info("stopped")
    }

    /// Reloads when told to and pings the service manager, until the daemon is told to stop.
    private func untilStopped(
        _ reloader: Reloader,
        _ hangUps: UnixSignalsSequence?,
        _ watchdog: Watchdog,
        _ pool: NIOThreadPool
    ) async {
        await withTaskGroup { tasks in
            if let hangUps {
                tasks.addTask {
                    // What went wrong is in the log, and changes nothing.
                    for await _ in hangUps { _ = try? await pool.runIfActive { try reloader.reload() } }
                }
            }
            let process = LocalSystem.process
            if let interval = Watchdog.interval(environment: self.environment, process: process) {
                tasks.addTask { await watchdog.run(every: interval) }
            }
            try? await gracefulShutdown()
            tasks.cancelAll()
        }
    }

    private func executor(
        _ services: Services,
        _ identity: ServerIdentity,
        _ reloader: Reloader,
        _ listeners: [Listeners.Listener]
    ) -> AdminExecutor {
        let (version, started) = (self.version, ContinuousClock.now)
        return AdminExecutor(
            catalog: services.catalog,
            sessions: services.sessions,
            rates: services.rates,
            repositories: services.repositories,
            fingerprint: { identity.fingerprint },
            status: {
                DaemonStatus(
                    version: version,
                    listeners: services.sessions.isClosing ? [] : listeners.map(\.text),
                    port: listeners.lazy.compactMap(\.securePort).first,
                    sessions: services.sessions.count,
                    uptime: (ContinuousClock.now - started).components.seconds,
                    stopping: services.sessions.isClosing
                )
            },
            reload: { try reloader.reload() }
        )
    }

    /// Lets running transfers finish until the deadline, then cuts them.
    private func drain(_ sessions: SessionRegistry, _ group: any EventLoopGroup, _ limit: Duration) async {
        let empty = group.next().makePromise(of: Void.self)
        sessions.drain(empty)
        let cut = group.next().scheduleTask(in: TimeAmount(limit)) { sessions.cut() }
        let giveUp = group.next().scheduleTask(in: TimeAmount(limit) + .seconds(1)) {
            empty.succeed()
        }
        try? await empty.futureResult.get()
        cut.cancel()
        giveUp.cancel()
    }

    private func services(_ catalog: Catalog, accounts: NIOThreadPool, files: NIOThreadPool) -> Services {
        Services(
            catalog: catalog,
            accounts: accounts,
            files: files,
            sessions: SessionRegistry(caps: self.settings.caps),
            penalties: Penalties(first: self.settings.firstPenalty, most: self.settings.longestPenalty),
            budget: MemoryBudget(total: self.settings.limits.memory),
            roots: ShareRoots(reserve: UInt64(self.settings.limits.reserve)),
            tickets: Tickets(limit: self.settings.limits.connectionsPerTransfer),
            limits: self.settings.frameLimits,
            deadlines: self.settings.deadlines,
            takeover: TimeAmount(self.settings.timeouts.takeover),
            agent: self.agent,
            log: self.log
        )
    }
}
