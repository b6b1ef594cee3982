import FerryErrors
package import Logging
package import NIOCore
package import NIOPosix

/// Takes admin commands on the unix socket in the state directory, from root and the daemon's own user only.
package final class AdminListener: Sendable {
    private let channel: any Channel
    private let path: String

    private init(channel: any Channel, path: String) {
        self.channel = channel
        self.path = path
    }

    /// Starts listening. A socket that a dead daemon left is replaced: whoever holds the state directory is the only one.
    ///
    /// - Parameters:
    ///   - state: The open state directory.
    ///   - executor: Performs the requests.
    ///   - pool: Where the executor blocks; it must be running.
    ///   - longPool: For what may take as long as reading a repository; nil for `pool`.
    ///   - group: The event loops.
    ///   - logger: Gets the audit lines, and refused peers.
    ///   - trusted: User ids that may administrate; by default root, this process's user and the directory's owner.
    ///   - deadline: What a peer that connects now has for its request, and again for taking the response.
    /// - Returns: The listener, ready.
    /// - Throws: `.configuration` if the socket's path is too long for a socket, else what the system says.
    package static func start(
        state: StateDirectory,
        executor: AdminExecutor,
        pool: NIOThreadPool,
        longPool: NIOThreadPool? = nil,
        group: any EventLoopGroup,
        logger: Logger,
        trusted: Set<UInt32>? = nil,
        deadline: @escaping @Sendable () -> TimeAmount
    ) async throws -> AdminListener {
        let path = state.paths.adminSocket
        try self.checkLength(path)
        let trusted = trusted ?? [0, LocalSystem.user, state.owner]
        let service = AdminService(
            executor: executor,
            pool: pool,
            longPool: longPool ?? pool,
            logger: logger,
            trusted: trusted,
            deadline: deadline
        )
        let channel: any Channel
        do {
            channel = try await ServerBootstrap(group: group)
                .serverChannelOption(.backlog, value: 128)
                .childChannelInitializer { child in service.initialize(child) }
                .bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true)
                .get()
        } catch {
            throw FerryError(.inputOutput, "cannot listen on \(Escaping.escape(path)): \(error)", cause: error)
        }
        do { try LocalSystem.makePrivate(socket: path) } catch {
            try? await channel.close()
            throw error
        }
        return AdminListener(channel: channel, path: path)
    }

    /// Stops listening and removes the socket; requests under way end by themselves.
    package func stop() async {
        // That it is closed already is no error.
        try? await self.channel.close()
        LocalSystem.remove(socket: self.path)
    }

    /// - Throws: `.configuration` if the path is longer than a socket's may be.
    static func checkLength(_ path: String) throws(FerryError) {
        guard (try? SocketAddress(unixDomainSocketPath: path)) == nil else { return }
        throw FerryError(
            .configuration,
            "\(Escaping.escape(path)) has \(path.utf8.count) bytes, which is too long for a socket",
            remedy: "take a state directory with a path below 90 bytes"
        )
    }
}
