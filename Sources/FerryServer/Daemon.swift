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
    private let state: StateDirectory
    private let agent: String
    private let version: String
    private let manager: ServiceManager
    private let log: Logger

    /// - Parameters:
    ///   - settings: checked.
    ///   - state: held, with its lock, as long as the daemon runs.
    ///   - agent: program and version, as clients are told.
    ///   - version: with the commit, as administrators are told.
    ///   - environment: of the process, for the service manager's socket.
    ///   - log: where events go.
    package init(
        settings: Settings,
        state: StateDirectory,
        agent: String,
        version: String,
        environment: [String: String],
        log: Logger
    ) {
        self.settings = settings
        self.state = state
        self.agent = agent
        self.version = version
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
        let certificate = try self.state.certificate(configured: self.settings.tls)
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
            tls: try TLSContexts.server(certificate),
            backlog: self.settings.backlog
        )
        let bound = try await listeners.bind(self.settings)
        let admin = try await AdminListener.start(
            state: self.state,
            executor: self.executor(services, certificate, bound),
            pool: accounts,
            group: group,
            logger: self.log
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
        let sweeper = PartialSweeper(services: services, age: self.settings.partials.age)
        let sweeping = Task { await sweeper.run() }
        try? await gracefulShutdown()
        sweeping.cancel()
        self.manager.stopping()
        self.log.info("stopping", metadata: ["connections": "\(services.sessions.count)"])
        for listener in bound { try? await listener.channel.close() }
        await self.drain(services.sessions, group)
        await sweeping.value
        await admin.stop()
        try await files.shutdownGracefully()
        try await accounts.shutdownGracefully()
        try await group.shutdownGracefully()
        try catalog.close()
        self.log.info("stopped")
    }

    private func executor(
        _ services: Services,
        _ certificate: ServerCertificate,
        _ listeners: [Listeners.Listener]
    ) -> AdminExecutor {
        let fingerprint = certificate.fingerprint.description
        let (version, started) = (self.version, ContinuousClock.now)
        return AdminExecutor(
            catalog: services.catalog,
            sessions: services.sessions,
            fingerprint: { fingerprint },
            status: {
                DaemonStatus(
                    version: version,
                    listeners: listeners.map(\.text),
                    port: listeners.lazy.compactMap(\.securePort).first,
                    sessions: services.sessions.count,
                    uptime: (ContinuousClock.now - started).components.seconds
                )
            }
        )
    }

    /// Lets running transfers finish until the deadline, then cuts them.
    private func drain(_ sessions: SessionRegistry, _ group: any EventLoopGroup) async {
        let empty = group.next().makePromise(of: Void.self)
        sessions.drain(empty)
        let cut = group.next().scheduleTask(in: TimeAmount(self.settings.timeouts.shutdown)) { sessions.cut() }
        let giveUp = group.next().scheduleTask(in: TimeAmount(self.settings.timeouts.shutdown) + .seconds(1)) {
            empty.succeed()
        }
        try? await empty.futureResult.get()
        cut.cancel()
        giveUp.cancel()
    }

    private func services(_ catalog: Catalog, accounts: NIOThreadPool, files: NIOThreadPool) -> Services {
        let (limits, timeouts) = (self.settings.limits, self.settings.timeouts)
        return Services(
            catalog: catalog,
            accounts: accounts,
            files: files,
            sessions: SessionRegistry(
                caps: .init(
                    total: limits.connections,
                    perAddress: limits.connectionsPerAddress,
                    anonymous: limits.unauthenticated
                )
            ),
            penalties: Penalties(
                first: TimeAmount(self.settings.penalties.first),
                most: min(TimeAmount(self.settings.penalties.maximum), TimeAmount(timeouts.handshake) - .seconds(1))
            ),
            budget: MemoryBudget(total: limits.memory),
            roots: ShareRoots(reserve: UInt64(limits.reserve)),
            limits: FrameLimits(blockWindow: limits.window),
            deadlines: ConnectionDeadlines(
                handshake: TimeAmount(timeouts.handshake),
                idle: TimeAmount(timeouts.idle),
                transfer: TimeAmount(timeouts.transfer),
                keepAlive: TimeAmount(timeouts.keepAlive)
            ),
            agent: self.agent,
            log: self.log
        )
    }
}
