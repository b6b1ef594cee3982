package import FerryErrors
import FerryFiles
package import FerryProtocol
package import FerryTransport
package import FerryWire
import FoundationEssentials
package import NIOCore
package import NIOPosix
import NIOSSL
import Synchronization

/// A logged-in connection to a daemon, on which one operation runs at a time.
package final class ClientConnection: FrameReceiver {
    private enum State {
        case connecting(EventLoopPromise<Void>)
        case ready
        case operating(OperationRunner, EventLoopPromise<TransferSummary>, FurtherConnections?)
        /// Asks to carry blocks of another connection's transfer, with the number of its ticket.
        case joining(OperationRunner, Int, EventLoopPromise<Void>)
        case joined(OperationRunner, Int)
        case closed(FerryError)
    }

    /// How long an operation whose connection is lost may take to notice.
    private static let patience = TimeAmount.seconds(1)

    private let connection: FrameConnection
    private let pool: NIOThreadPool
    private let state: Mutex<State>
    private let welcome = Mutex(WireWelcome())
    /// How the daemon is named in messages.
    private let name: String
    /// Makes another one like this.
    private let another: @Sendable () async throws -> ClientConnection

    private init(
        connection: FrameConnection,
        pool: NIOThreadPool,
        name: String,
        ready: EventLoopPromise<Void>,
        another: @escaping @Sendable () async throws -> ClientConnection
    ) {
        self.connection = connection
        self.pool = pool
        self.name = name
        self.another = another
        self.state = Mutex(.connecting(ready))
    }

    /// What is shown of a session's id: several times what a daemon makes.
    private static let sessionLimit = 64

    /// The id that both sides print for this connection.
    package var session: String {
        Escaping.escape(String(self.welcome.withLock { $0.session }.unicodeScalars.prefix(Self.sessionLimit)))
    }

    /// False once the connection is gone and a new one is needed.
    package var isOpen: Bool { self.state.withLock { if case .closed = $0 { false } else { true } } }

    /// What the daemon is ready to receive; read after ``connect(to:agent:group:pool:limiter:deadlines:)``.
    package func peerLimits() throws(FerryError) -> FrameLimits {
        try FrameLimits(peer: self.welcome.withLock { $0.limits })
    }

    /// How many further connections may join a transfer on this one.
    ///
    /// - Parameter wished: how many the user would like.
    /// - Returns: none where the daemon does not know how.
    package func further(_ wished: Int) -> Int {
        self.welcome.withLock { $0.features.contains(WireConstants.joinFeature) } ? wished : 0
    }

    /// Connects, checks the pin and logs in.
    ///
    /// - Parameters:
    ///   - login: where, and as whom.
    ///   - agent: program and version, for the daemon's log.
    ///   - group: one loop is enough.
    ///   - pool: threads that may block.
    ///   - limiter: of what goes each way, if it is limited.
    ///   - deadlines: how long the daemon may be silent.
    /// - Returns: A connection that is logged in.
    /// - Throws: `.connection`, `.timeout`, `.wrongPin`, `.authentication`, or what the daemon refuses with.
    package static func connect(
        to login: Login,
        agent: String,
        group: any EventLoopGroup,
        pool: NIOThreadPool,
        limiter: RateLimiter? = nil,
        deadlines: ConnectionDeadlines = ConnectionDeadlines(idle: .hours(24))
    ) async throws -> ClientConnection {
        let loop = group.next()
        // One for each address that is tried: where a name has several, attempts overlap, and one of them wins.
        let attempts = Mutex<[ObjectIdentifier: (client: ClientConnection, ready: EventLoopPromise<Void>)]>([:])
        let another: @Sendable () async throws -> ClientConnection = {
            try await Self.connect(
                to: login,
                agent: agent,
                group: group,
                pool: pool,
                limiter: limiter,
                deadlines: deadlines
            )
        }
        let tls = try login.isPlain ? nil : TLSContexts.client()
        let bootstrap = ClientBootstrap(group: loop)
            .connectTimeout(deadlines.handshake)
            .channelOption(ChannelOptions.recvAllocator, value: FrameConnection.receiveAllocator)
            .channelOption(ChannelOptions.maxMessagesPerRead, value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls {
                        try PinnedTLS.addHandlers(to: channel, context: tls, pin: login.fingerprint, host: login.host)
                    }
                    let connection = FrameConnection(channel: channel)
                    if let limiter { connection.limit(by: limiter) }
                    let ready = loop.makePromise(of: Void.self)
                    let client = ClientConnection(
                        connection: connection,
                        pool: pool,
                        name: login.address,
                        ready: ready,
                        another: another
                    )
                    attempts.withLock { $0[ObjectIdentifier(channel)] = (client, ready) }
                    try channel.pipeline.syncOperations.addHandler(
                        FrameHandler(
                            connection: connection,
                            receiver: client,
                            limits: FrameLimits(),
                            deadlines: deadlines
                        )
                    )
                }
            }
        let connected: Result<any Channel, any Error>
        do { connected = .success(try await bootstrap.connect(host: login.host, port: login.port).get()) } catch {
            connected = .failure(Self.unreachable(login, error))
        }
        var losers = attempts.withLock { $0 }
        let winner = (try? connected.get()).flatMap { losers.removeValue(forKey: ObjectIdentifier($0)) }
        for loser in losers.values { loser.ready.fail(ChannelError.alreadyClosed) }
        _ = try connected.get()
        guard let (client, ready) = winner else {
            throw FerryError(.internalError, "a connection was made without its handlers")
        }
        let features = [WireConstants.joinFeature]
        client.connection.send(.hello(token: login.secret, features: features, limits: FrameLimits(), agent: agent))
        try await ready.futureResult.get()
        return client
    }

    /// Runs one operation to its end.
    ///
    /// - Parameters:
    ///   - operation: used by nobody else from here on.
    ///   - further: connections that join it, as many as the operation asks the daemon for.
    ///   - onJoin: told each of these sessions' id, or why one did not join; on any thread.
    /// - Returns: What it did.
    /// - Throws: what it fails with; afterwards ``isOpen`` tells whether the connection can go on.
    package func perform(
        _ operation: sending any FrameOperation,
        further: Int = 0,
        onJoin: @escaping @Sendable (Result<String, FerryError>) -> Void = { _ in }
    ) async throws -> TransferSummary {
        let others = further > 0 ? FurtherConnections(further, connect: self.another, report: onJoin) : nil
        let outcome: Result<TransferSummary, any Error>
        do {
            outcome = .success(try await self.perform(operation, others))
        } catch {
            outcome = .failure(error)
        }
        await others?.close()
        return try outcome.get()
    }

    private func perform(
        _ operation: sending any FrameOperation,
        _ others: FurtherConnections?
    ) async throws -> TransferSummary {
        let done = self.connection.channel.eventLoop.makePromise(of: TransferSummary.self)
        let runner = OperationRunner(operation: operation, connection: self.connection, pool: self.pool) { outcome in
            self.ended(outcome, done)
        }
        let failure = self.state.withLock { state -> FerryError? in
            switch state {
            case .ready:
                state = .operating(runner, done, others)
                return nil
            case .closed(let error):
                return error
            case .connecting, .operating, .joining, .joined:
                return FerryError(.internalError, "a second operation was started on a connection")
            }
        }
        if let failure {
            done.fail(failure)
            return try await done.futureResult.get()
        }
        self.connection.setPhase(.busy)
        runner.wake()
        return try await withTaskCancellationHandler {
            try await done.futureResult.get()
        } onCancel: {
            runner.cancel(FerryError(.cancelled, "cancelled"))
        }
    }

    /// Joins the transfer of another connection.
    ///
    /// - Parameters:
    ///   - ticket: from the daemon.
    ///   - number: of the ticket, from 1.
    ///   - runner: the transfer's.
    /// - Throws: what the daemon refuses with, and what ends the connection.
    func join(_ ticket: Data, as number: Int, of runner: OperationRunner) async throws {
        let done = self.connection.channel.eventLoop.makePromise(of: Void.self)
        let failure = self.state.withLock { state -> FerryError? in
            if case .closed(let error) = state { return error }
            state = .joining(runner, number, done)
            return nil
        }
        if let failure {
            done.fail(failure)
        } else {
            self.connection.setPhase(.busy)
            self.connection.send(.join(ticket))
        }
        try await done.futureResult.get()
    }

    /// Closes the connection; the daemon keeps nothing half.
    package func close() async {
        self.connection.close()
        _ = try? await self.connection.channel.closeFuture.get()
    }

    private func ended(_ outcome: Outcome, _ done: EventLoopPromise<TransferSummary>) {
        self.state.withLock { state in
            guard case .operating = state else { return }
            if case .failed(let error, _) = outcome { state = .closed(error) } else { state = .ready }
        }
        switch outcome {
        case .finished(let summary):
            self.connection.setPhase(.idle)
            done.succeed(summary)
        case .refused(let error):
            self.connection.setPhase(.idle)
            done.fail(error)
        case .failed(let error, _):
            self.connection.close()
            done.fail(error)
        }
    }

    // MARK: On the event loop

    package func frameReceived(_ frame: Frame) {
        switch self.state.withLock({ $0 }) {
        case .connecting(let ready): self.answered(frame, ready)
        case .operating(let runner, _, let others):
            runner.deliver(frame)
            if case .ready(let ready) = frame.body { others?.join(ready, runner) }
        case .joining(let runner, let number, let done): self.joined(frame, runner, number, done)
        case .joined(let runner, let number):
            if case .failure = frame.body { return self.connectionFailed(frame) }
            runner.deliver(frame, from: number, on: self.connection)
        case .ready: self.connectionFailed(frame)
        case .closed: break
        }
    }

    package func sinkDrained() {
        switch self.state.withLock({ $0 }) {
        case .operating(let runner, _, _), .joined(let runner, _): runner.wake()
        case .connecting, .ready, .joining, .closed: break
        }
    }

    package func connectionFailed(_ error: FerryError) { self.connectionClosed(error) }

    package func connectionClosed(_ error: FerryError?) {
        var lost = error ?? FerryError(.connection, "\(self.name) closed the connection")
        // What fails before the daemon has answered would fail again.
        let isOpen = self.state.withLock { if case .connecting = $0 { false } else { true } }
        if lost.code == .connection, lost.remedy == nil, isOpen || error == nil {
            lost.remedy = "run the same command again"
        }
        let reason = lost
        let before = self.state.withLock { state in
            let before = state
            if case .closed = state { return before }
            state = .closed(reason)
            return before
        }
        switch before {
        case .connecting(let ready): ready.fail(reason)
        case .operating(let runner, let done, _):
            runner.cancel(reason)
            // Reading a terminal or a pipe cannot be interrupted; whoever waits is told all the same.
            self.connection.channel.eventLoop.scheduleTask(in: Self.patience) { done.fail(reason) }
        case .joining(_, _, let done): done.fail(reason)
        case .joined(let runner, let number): runner.lost(number)
        case .ready, .closed: break
        }
    }

    private func joined(_ frame: Frame, _ runner: OperationRunner, _ number: Int, _ done: EventLoopPromise<Void>) {
        guard case .ready = frame.body, frame.payload.readableBytes == 0 else { return self.connectionFailed(frame) }
        self.state.withLock { $0 = .joined(runner, number) }
        let connection = self.connection
        if !runner.join(number, connection, ended: { connection.close() }) { connection.close() }
        done.succeed()
    }

    private func answered(_ frame: Frame, _ ready: EventLoopPromise<Void>) {
        switch frame.body {
        case .welcome(let welcome) where frame.payload.readableBytes == 0:
            guard (WireConstants.oldestVersion...WireConstants.version).contains(welcome.version) else {
                return self.giveUp(
                    FerryError(.unsupported, "\(self.name) speaks version \(welcome.version) of the protocol")
                )
            }
            self.welcome.withLock { $0 = welcome }
            self.state.withLock { $0 = .ready }
            self.connection.setPhase(.idle)
            ready.succeed()
        case .failure(let failure):
            self.giveUp(FerryError(peer: failure))
        default:
            self.giveUp(FerryError(.violation, "\(self.name) answered the hello with something else"))
        }
    }

    /// Where no operation runs only the daemon's reason for ending may arrive.
    private func connectionFailed(_ frame: Frame) {
        if case .failure(let failure) = frame.body {
            self.giveUp(FerryError(peer: failure))
        } else {
            self.giveUp(FerryError(.violation, "\(self.name) sent a frame that nothing had asked for"))
        }
    }

    private func giveUp(_ error: FerryError) {
        self.connectionClosed(error)
        self.connection.close()
    }

    private static func unreachable(_ login: Login, _ error: any Error) -> FerryError {
        if let error = error as? FerryError { return error }
        return FerryError(
            .connection,
            "cannot connect to \(login.address): \(Self.reason(error))",
            remedy: "check that ferryd runs there and that no firewall is between",
            cause: error
        )
    }

    /// Why nobody answered, in the words of the last address that was tried.
    private static func reason(_ error: any Error) -> String {
        switch error {
        case let error as NIOConnectionError:
            if let last = error.connectionErrors.last { return self.reason(last.error) }
            return "its name is not known"
        case let error as IOError: return SystemError(number: error.errnoCode).description
        case ChannelError.connectTimeout: return "no answer in time"
        default: return "\(error)"
        }
    }
}
