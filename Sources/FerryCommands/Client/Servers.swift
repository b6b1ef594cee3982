import FerryClient
import FerryErrors
import FoundationEssentials

/// The servers that a command talks to, by the names in the user's book.
final class Servers {
    private let book: ServerBook
    private let connections: Connections

    /// - Parameters:
    ///   - output: whether to tell of sessions.
    ///   - rate: bytes per second, each way, of all connections together; nil for no limit.
    /// - Throws: as ``ServerBook/load(_:)`` does.
    init(_ output: OutputOptions, rate: Int?) throws(FerryError) {
        self.book = try ServerBook.load(ServerBook.path(environment: ProcessInfo.processInfo.environment))
        let isVerbose = output.verbose
        self.connections = Connections(agent: "ferry/\(Version.number)", rate: rate) { server, connection in
            if isVerbose { StandardError.write("ferry: session \(connection.session) on \(server)") }
        }
    }

    /// Refuses a name that is not in the book, before anything is done.
    ///
    /// - Throws: `.usage`.
    func check(_ server: String) throws(FerryError) { _ = try self.book.find(server) }

    /// The open connection to a server, or a new one.
    ///
    /// - Throws: `.usage` for a name that is not in the book, and what connecting throws.
    func connection(to server: String) async throws -> ClientConnection {
        try await self.connections.connection(to: self.book.find(server))
    }

    /// Closes all connections.
    func close() async { await self.connections.close() }

    /// Opens the book, runs `work`, and closes the connections whatever happens.
    static func with<Result>(
        _ output: OutputOptions,
        rate: Int? = nil,
        _ work: (Servers) async throws -> Result
    ) async throws -> Result {
        let servers = try Servers(output, rate: rate)
        do {
            let result = try await work(servers)
            await servers.close()
            return result
        } catch {
            await servers.close()
            throw error
        }
    }
}
