import FerryCatalog
import FerryErrors
import FerryFiles
package import FerryTransport
import NIOCore
import NIOPosix

/// Performs admin requests: through the daemon that has the state directory, or, if there is none, on the directory
/// itself and as its owner, so that `sudo` leaves no file that the daemon cannot write.
package struct AdminClient: Sendable {
    /// How long to wait for a daemon that has the directory but does not answer yet (or any more): 50 × 100 ms.
    package static let attempts = 50
    /// How long a daemon may take for its answer.
    private static let patience = TimeAmount.seconds(30)

    private let state: String
    private let certificate: @Sendable (StateDirectory) throws -> ServerCertificate
    private let audit: @Sendable (String) -> Void
    private let attempts: Int

    /// - Parameters:
    ///   - state: The state directory, from ``StateLocation``.
    ///   - certificate: Finds the daemon's certificate when no daemon runs; by default the one in the directory.
    ///   - audit: Gets the audit line of a change that was made without a daemon, whose log would have it.
    ///   - attempts: See ``attempts``.
    package init(
        state: String,
        certificate: @escaping @Sendable (StateDirectory) throws -> ServerCertificate = { state in
            try state.certificate()
        },
        audit: @escaping @Sendable (String) -> Void,
        attempts: Int = AdminClient.attempts
    ) {
        self.state = state
        self.certificate = certificate
        self.audit = audit
        self.attempts = attempts
    }

    /// Performs a request.
    ///
    /// - Parameter request: What to do.
    /// - Returns: The response; never a failure, which is thrown.
    /// - Throws: The failure; `.permission` if the directory is another user's; `.locked` if somebody has the directory
    ///   and does not answer; `.connection` and `.timeout` if a daemon did not finish its answer.
    package func perform(_ request: AdminRequest) async throws -> AdminResponse {
        var attempt = 1
        while true {
            do {
                if let response = try await self.performRemotely(request) { return response }
                return try await NIOThreadPool.singleton.runIfActive { try self.performLocally(request) }
            } catch let error as FerryError where error.code == .locked && attempt < self.attempts {
                attempt += 1
                try await Task.sleep(for: .milliseconds(100))
            }
        }
    }

    /// Asks the daemon; nil if none listens.
    private func performRemotely(_ request: AdminRequest) async throws -> AdminResponse? {
        guard let root = try self.existingRoot() else { return nil }
        let path = StatePaths(root: root).adminSocket
        try AdminListener.checkLength(path)
        let message = try AdminMessage.encode(request, limit: AdminMessage.requestLimit)
        let group = MultiThreadedEventLoopGroup.singleton
        let promise = group.any().makePromise(of: ByteBuffer.self)
        let channel: any Channel
        do {
            channel = try await ClientBootstrap(group: group)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandlers([
                            ByteToMessageHandler(AdminMessageDecoder(limit: AdminMessage.responseLimit)),
                            AdminClientHandler(promise: promise),
                        ])
                    }
                }
                .connect(unixDomainSocketPath: path)
                .get()
        } catch {
            promise.fail(error)
            if let error = error as? IOError {
                if LocalSystem.meansNobodyListens(error) { return nil }
                if LocalSystem.meansNoAccess(error) { throw self.closed(error) }
                if LocalSystem.meansTryAgain(error) {
                    throw FerryError(.locked, "too many admin commands wait for the daemon at \(Escaping.escape(path))")
                }
            }
            throw FerryError(.connection, "cannot reach the daemon at \(Escaping.escape(path)): \(error)", cause: error)
        }
        let timer =
            request.isLong
            ? nil
            : channel.eventLoop.scheduleTask(in: Self.patience) {
                promise.fail(
                    FerryError(.timeout, "the daemon did not answer; the change may have been made all the same")
                )
            }
        defer {
            timer?.cancel()
            channel.close(promise: nil)
        }
        channel.writeAndFlush(message, promise: nil)
        let response = try AdminMessage.decode(AdminResponse.self, try await promise.futureResult.get())
        if case .failure(let failure) = response { throw failure.error }
        return response
    }

    /// What is about something that exists must not make a state directory: the wrong one was named, perhaps.
    private func requireState() throws(FerryError) {
        if let root = try self.existingRoot(), (try? Directories.info(StatePaths(root: root).version)) != nil { return }
        throw FerryError(
            .notFound,
            "there is no daemon's state in \(Escaping.escape(self.state))",
            remedy: "give its directory with --state, or use sudo; ferryd serve makes one"
        )
    }

    /// Works on the directory itself, under its lock.
    private func performLocally(_ request: AdminRequest) throws(FerryError) -> AdminResponse {
        if !request.mayMakeState { try self.requireState() }
        let user = LocalSystem.user
        let process = LocalSystem.process
        let outcome = try LocalSystem.acting(asOwnerOf: self.state) {
            () throws(FerryError) -> AdminExecutor.Outcome in
            let state: StateDirectory
            do throws(FerryError) { state = try StateDirectory(self.state) } catch {
                throw error.code == .permission ? self.closed(error) : error
            }
            let catalog = try state.openCatalog()
            let missing = FerryError(.connection, "no daemon runs on \(Escaping.escape(state.paths.root))")
            let executor = AdminExecutor(
                catalog: catalog,
                sessions: nil,
                fingerprint: { try self.certificate(state).fingerprint.description },
                status: { throw missing },
                reload: { throw missing }
            )
            let outcome = executor.perform(request, by: .local(user: user, process: process))
            executor.repositories.closeAll()
            // The lock must not be freed before the catalog is closed.
            try withExtendedLifetime(state) { () throws(FerryError) in try catalog.close() }
            return outcome
        }
        if let audit = outcome.audit { self.audit(audit) }
        if case .failure(let failure) = outcome.response { throw failure.error }
        return outcome.response
    }

    /// The directory's absolute path, or nil if there is none.
    private func existingRoot() throws(FerryError) -> String? {
        do { return try Directories.resolve(self.state) } catch {
            guard error.code == .notFound else { throw error }
            return nil
        }
    }

    private func closed(_ cause: any Error) -> FerryError {
        let owner = (try? Directories.info(self.state)).map { " (it belongs to uid \($0.owner))" } ?? ""
        return FerryError(
            .permission,
            "no access to the state directory \(Escaping.escape(self.state))\(owner)",
            remedy: "use sudo, or give another directory with --state",
            cause: cause
        )
    }
}

/// Waits for the one response.
final class AdminClientHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let promise: EventLoopPromise<ByteBuffer>

    init(promise: EventLoopPromise<ByteBuffer>) { self.promise = promise }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.promise.succeed(self.unwrapInboundIn(data))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.promise.fail(error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.promise.fail(FerryError(.connection, "the daemon closed the connection without an answer"))
        context.fireChannelInactive()
    }
}
