import CLinux
package import FerryCatalog
package import FerryTransport
package import FerryWire
package import Logging
package import NIOCore
package import NIOPosix
import Synchronization

/// What all sessions of one daemon share.
package final class Services: Sendable {
    let catalog: Catalog
    /// Runs what blocks on SQLite.
    let accounts: NIOThreadPool
    /// Runs what blocks on files, hashing and compression.
    let files: NIOThreadPool
    let sessions: SessionRegistry
    let penalties: Penalties
    let budget: MemoryBudget
    let roots: ShareRoots
    let claims: PushClaims
    let repositories: Repositories
    let tickets: Tickets
    let rates: UserRates
    private let closed = Atomic(0)
    private let forNew: Mutex<(limits: FrameLimits, deadlines: ConnectionDeadlines)>
    /// Program and version, as told to clients.
    let agent: String
    let log: Logger

    /// What this side announces to new connections; a session keeps what it announced.
    var limits: FrameLimits { self.forNew.withLock { $0.limits } }

    /// Of new connections.
    var deadlines: ConnectionDeadlines { self.forNew.withLock { $0.deadlines } }

    /// Parameters as the properties; `takeover` is the claims' silence.
    package init(
        catalog: Catalog,
        accounts: NIOThreadPool,
        files: NIOThreadPool,
        sessions: SessionRegistry,
        penalties: Penalties,
        budget: MemoryBudget,
        roots: ShareRoots,
        tickets: Tickets,
        limits: FrameLimits,
        deadlines: ConnectionDeadlines,
        takeover: TimeAmount = .seconds(5),
        agent: String,
        log: Logger
    ) {
        self.catalog = catalog
        self.accounts = accounts
        self.files = files
        self.sessions = sessions
        self.penalties = penalties
        self.budget = budget
        self.roots = roots
        self.claims = PushClaims(silence: takeover)
        self.repositories = Repositories(log: log)
        self.tickets = tickets
        self.rates = UserRates(catalog: catalog)
        self.forNew = Mutex((limits, deadlines))
        self.agent = agent
        self.log = log
    }

    /// Connections after whose end free memory is given back: with what each of them read into, 16 MiB at most stay.
    private static let closedPerReturn = 64

    /// Notes that a connection has ended. A crowd's memory is free then, but scattered (measured with 1000 connections that
    /// said two bytes each: 1.2 MB in use, 72 to 138 MB held, 5 MB once it was given back).
    func connectionClosed() {
        guard self.closed.add(1, ordering: .relaxed).newValue % Self.closedPerReturn == 0 else { return }
        self.files.submit { _ in ferry_give_back_memory() }
    }

    /// Has settings that were read again count for new connections and requests.
    func apply(_ settings: Settings) {
        self.sessions.setCaps(settings.caps)
        self.penalties.set(first: settings.firstPenalty, most: settings.longestPenalty)
        self.budget.setTotal(settings.limits.memory)
        self.tickets.setLimit(settings.limits.connectionsPerTransfer)
        self.roots.setReserve(UInt64(settings.limits.reserve))
        self.claims.setSilence(TimeAmount(settings.timeouts.takeover))
        self.forNew.withLock { $0 = (settings.frameLimits, settings.deadlines) }
    }
}
