import FerryErrors
import FerryTransport
import NIOPosix

/// The connections of one command: one to each server, made when it is first needed and again after it was lost.
///
/// For one task at a time.
package final class Connections {
    private let agent: String
    /// Of all connections together.
    private let limiter: RateLimiter?
    private let onConnect: (ServerEntry, ClientConnection) -> Void
    private var connections: [String: ClientConnection] = [:]

    /// - Parameters:
    ///   - agent: program and version, for the daemon's log.
    ///   - rate: bytes per second, each way, of all connections together; nil for no limit.
    ///   - onConnect: told of each connection once it is logged in.
    package init(
        agent: String,
        rate: Int? = nil,
        onConnect: @escaping (ServerEntry, ClientConnection) -> Void = { _, _ in }
    ) {
        self.agent = agent
        self.limiter = rate.map { RateLimiter(rate: $0) }
        self.onConnect = onConnect
    }

    /// The open connection to a server, or a new one.
    ///
    /// - Parameter server: from the user's book.
    /// - Returns: A connection that was open a moment ago.
    /// - Throws: as ``ClientConnection/connect(to:agent:group:pool:limiter:deadlines:)`` does.
    package func connection(to server: ServerEntry) async throws -> ClientConnection {
        if let connection = self.connections[server.name], connection.isOpen { return connection }
        let connection = try await ClientConnection.connect(
            to: server.login,
            agent: self.agent,
            group: Threads.loop,
            pool: Threads.pool,
            limiter: self.limiter
        )
        self.connections[server.name] = connection
        self.onConnect(server, connection)
        return connection
    }

    /// Closes all of them.
    package func close() async {
        for connection in self.connections.values { await connection.close() }
        self.connections.removeAll()
    }
}

/// The program's threads for connections, started when the first one is made and never stopped.
private enum Threads {
    /// A client has few connections, and one operation at a time keeps both of these and two processors busy.
    static let loop = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    /// The second thread is for cancelling what the first is busy with.
    static let pool: NIOThreadPool = {
        let pool = NIOThreadPool(numberOfThreads: 2)
        pool.start()
        return pool
    }()
}
