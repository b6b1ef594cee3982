package import FerryCatalog
package import FerryTransport
package import FerryWire
package import Logging
package import NIOPosix

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
    /// What this side announces.
    let limits: FrameLimits
    let deadlines: ConnectionDeadlines
    /// Program and version, as told to clients.
    let agent: String
    let log: Logger

    /// Parameters as the properties.
    package init(
        catalog: Catalog,
        accounts: NIOThreadPool,
        files: NIOThreadPool,
        sessions: SessionRegistry,
        penalties: Penalties,
        budget: MemoryBudget,
        roots: ShareRoots,
        limits: FrameLimits,
        deadlines: ConnectionDeadlines,
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
        self.limits = limits
        self.deadlines = deadlines
        self.agent = agent
        self.log = log
    }
}
