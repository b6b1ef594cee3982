import FerryCatalog
package import FerryErrors
import FerryProtocol
package import FerryTransport
package import FerryWire
import FoundationEssentials
import Logging
package import NIOCore
import NIOPosix
import Synchronization

/// One client connection: hello, then one request after another. The state machine decides; this class does.
///
/// Everything happens on the connection's event loop, so that what other threads answer (logins, ended operations) and
/// what the peer sends take effect in one order. Only ``identity`` is set and read elsewhere.
package final class Session: FrameReceiver {
    private struct State {
        var machine = ServerStateMachine()
        var runner: OperationRunner?
        /// What its connection has joined.
        var joined: JoinedTransfer?
        /// Whether the client knows how connections join a transfer.
        var canJoin = false
        var identity: Identity?
        var peerLimits = FrameLimits.beforeHello
        var endReason: FerryError?
        var transfers = 0
        /// Whether it is being found out if the client can be reached.
        var isInDoubt = false
        /// Whether a MiB in flight is plenty.
        var isNear = false
    }

    /// Below this time to the client and back, 1 MiB in flight carries 200 MB/s and more.
    private static let near = TimeAmount.milliseconds(5)

    let id: String
    let address: String
    /// The address without port.
    private let host: String
    /// What connections and failed logins are counted by.
    package let network: String
    private let connection: FrameConnection
    private let services: Services
    /// What this side announces; kept, for settings may change while the connection is open.
    private let limits: FrameLimits
    private let state = Mutex(State())
    private let started = NIODeadline.now()

    /// - Parameters:
    ///   - connection: of the channel, on whose event loop this is called.
    ///   - services: what all sessions share.
    package init(connection: FrameConnection, services: Services) {
        self.id = SessionID.make()
        self.address = connection.channel.peerText
        self.host = connection.channel.peerHost
        self.network = connection.channel.peerNetwork
        self.connection = connection
        self.services = services
        self.limits = services.limits
    }

    var identity: Identity? { self.state.withLock { $0.identity } }

    /// Ends the session, for instance because its token was revoked; what it was transferring is cut. From any thread.
    func end(_ reason: FerryError) {
        self.onLoop { self.fail(reason) }
    }

    /// Ends the session as soon as no request is being worked on: now, or after the running one. From any thread.
    func endWhenIdle(_ reason: FerryError) {
        self.onLoop {
            let isBusy = self.state.withLock { state in
                if state.endReason == nil { state.endReason = reason }
                return state.machine.isOperating
            }
            if !isBusy { self.fail(reason) }
        }
    }

    /// Ends the session now, and does not wait for a peer that was told so before. From any thread.
    func cut(_ reason: FerryError) {
        self.onLoop {
            if self.state.withLock({ $0.machine.isClosed }) { self.connection.close() } else { self.fail(reason) }
        }
    }

    /// Ends the session unless its client can be reached, because a push that runs is in the way of another one of the
    /// same user. From any thread.
    func endUnlessReachable() {
        self.onLoop {
            let isNews = self.state.withLock { state in
                defer { state.isInDoubt = true }
                return !state.isInDoubt && !state.machine.isClosed
            }
            guard isNews else { return }
            let (silence, patience) = (self.services.claims.silence, self.services.claims.patience)
            self.connection.isReachable(silence: silence, within: patience).whenSuccess { isReachable in
                self.state.withLock { $0.isInDoubt = false }
                guard !isReachable else { return }
                let seconds = silence.nanoseconds / 1_000_000_000
                self.fail(
                    FerryError(.timeout, "the link was dead for \(seconds) s, and another push wants the same name")
                )
            }
        }
    }

    /// Has the request that is running after that time proceed. From any thread.
    func wake(in time: TimeAmount = .zero) {
        self.connection.channel.eventLoop.scheduleTask(in: time) { [weak self] in self?.sinkDrained() }
    }

    /// Bytes that a push may have in flight, of `announced`: where many clients are near, each gets a part of them.
    ///
    /// Eight clients of the same machine, 4 MiB each, cost a fifth more processor time than with 1 MiB, and took as much longer:
    /// what is in flight no longer fits the cache.
    func window(_ announced: Int) -> Int {
        guard self.state.withLock({ $0.isNear }) else { return announced }
        return announced / max(1, self.services.budget.count)
    }

    private func onLoop(_ work: @escaping @Sendable () -> Void) {
        let loop = self.connection.channel.eventLoop
        if loop.inEventLoop { work() } else { loop.execute(work) }
    }

    // MARK: Frames

    package func frameReceived(_ frame: Frame) {
        do throws(FerryError) {
            let action = try self.state.withLock { state in
                do throws(FerryError) { return Result<_, FerryError>.success(try state.machine.received(frame)) } catch
                {
                    return .failure(error)
                }
            }.get()
            switch action {
            case .authenticate(let hello, let limits): self.authenticate(hello, limits)
            case .start(let request): self.start(request)
            case .join(let ticket): self.join(ticket)
            case .forward(let frame):
                let (runner, joined) = self.state.withLock { ($0.runner, $0.joined) }
                guard runner?.deliver(frame) ?? joined?.deliver(frame) ?? true else {
                    throw FerryError(.violation, "a frame came before the daemon was ready")
                }
            case .discard: break
            }
        } catch {
            self.fail(error)
        }
    }

    package func sinkDrained() {
        let (runner, joined) = self.state.withLock { ($0.runner, $0.joined) }
        runner?.wake()
        joined?.wake()
    }

    package var restingSince: NIODeadline? {
        let (runner, joined) = self.state.withLock { ($0.runner, $0.joined) }
        return runner?.restingSince ?? joined?.restingSince
    }

    package func connectionFailed(_ error: FerryError) { self.fail(error) }

    package func connectionClosed(_ error: FerryError?) {
        self.leave()
        let (runner, identity, transfers, reason) = self.state.withLock { state in
            state.machine.closed()
            defer { state.runner = nil }
            return (state.runner, state.identity, state.transfers, state.endReason ?? error)
        }
        runner?.cancel(reason ?? FerryError(.connection, "the client went away"))
        self.services.sessions.remove(self)
        self.services.connectionClosed()
        let traffic = self.connection.traffic
        self.services.log.info(
            "connection closed",
            metadata: [
                "session": "\(self.id)", "address": "\(self.address)", "user": "\(identity?.user.text ?? "-")",
                "transfers": "\(transfers)", "received": "\(traffic.received)", "sent": "\(traffic.sent)",
                "seconds": "\(RequestLine.seconds(since: self.started))",
                "reason": "\(reason?.message ?? "closed by the client")",
            ]
        )
    }

    private func fail(_ error: FerryError) {
        self.leave()
        let runner = self.state.withLock { state in
            state.machine.closed()
            if state.endReason == nil { state.endReason = error }
            defer { state.runner = nil }
            return state.runner
        }
        runner?.cancel(error)
        self.connection.closeAfter(.failure(error))
    }

    // MARK: Login

    private func authenticate(_ hello: WireHello, _ limits: FrameLimits) {
        self.services.accounts.submit { result in
            guard case .active = result else { return }
            let checked = Result { () throws(FerryError) in try self.check(hello.token) }
            self.onLoop {
                switch checked {
                case .success(let (identity, limiter)?):
                    self.connection.limit(by: limiter)
                    self.welcome(identity, hello, limits)
                case .success(nil): self.refuseLogin()
                case .failure(let error): self.fail(error)
                }
            }
        }
    }

    /// Looks up twice: a revocation ends the sessions that have an identity, so one that came between the first look
    /// and the session having its identity would otherwise miss it.
    private func check(_ secret: String) throws(FerryError) -> (Identity, RateLimiter)? {
        guard let identity = try self.services.catalog.authenticate(secret: secret) else { return nil }
        self.state.withLock { $0.identity = identity }
        if try self.services.catalog.authenticate(secret: secret) != nil {
            return (identity, try self.services.rates.limiter(of: identity.user))
        }
        self.state.withLock { $0.identity = nil }
        return nil
    }

    private func welcome(_ identity: Identity, _ hello: WireHello, _ limits: FrameLimits) {
        let isAwaited = self.state.withLock { state in
            state.peerLimits = limits
            state.canJoin = hello.features.contains(WireConstants.joinFeature)
            return state.machine.authenticated()
        }
        guard isAwaited else { return }
        self.services.penalties.succeeded(self.network)
        self.services.sessions.loggedIn(self)
        if let expires = identity.expires { self.watch(expires) }
        self.connection.setLimits(self.limits)
        self.connection.setPhase(.idle)
        self.connection.roundTrip.whenSuccess { time in
            let isNear = time.map { $0 < Self.near } ?? true
            self.state.withLock { $0.isNear = isNear }
        }
        self.connection.send(
            .welcome(
                features: self.state.withLock { $0.canJoin } ? [WireConstants.joinFeature] : [],
                limits: self.limits,
                session: self.id,
                agent: self.services.agent
            )
        )
        self.services.log.info(
            "connection accepted",
            metadata: [
                "session": "\(self.id)", "address": "\(self.address)", "user": "\(identity.user.text)",
                "token": "\(identity.tokenName)", "agent": "\(Escaping.escape(String(hello.agent.prefix(80))))",
            ]
        )
    }

    /// Ends the session when its token expires, looked at by the clock at least once an hour: it may be set meanwhile.
    private func watch(_ expires: Int64) {
        let left = Double(expires) - Date.now.timeIntervalSince1970
        guard left > 0 else {
            return self.fail(FerryError(.authentication, "the login link has expired", remedy: "ask for a new one"))
        }
        let wait = TimeAmount.milliseconds(Int64(min(left, 3600) * 1000) + 1)
        let task = self.connection.channel.eventLoop.scheduleTask(in: wait) { [weak self] in self?.watch(expires) }
        self.connection.channel.closeFuture.whenComplete { _ in task.cancel() }
    }

    /// One path and one answer, whatever was wrong; the answer waits the longer, the more often this address failed.
    private func refuseLogin() {
        let delay = self.services.penalties.failed(self.network)
        self.services.log.notice(
            "authentication failure",
            metadata: ["address": "\(self.host)", "session": "\(self.id)"]
        )
        let error = FerryError(
            .authentication,
            "the daemon does not accept this login",
            remedy: "ask its administrator for a new login link (ferryd token add)"
        )
        // Who hangs up meanwhile leaves nothing: else whoever guesses and hangs up, over and over, would fill the memory.
        let task = self.connection.channel.eventLoop.scheduleTask(in: delay) { [weak self] in self?.fail(error) }
        self.connection.channel.closeFuture.whenComplete { _ in task.cancel() }
    }

    // MARK: Requests

    private func start(_ request: Request) {
        guard let identity = self.identity else { return }
        let access = ShareAccess(user: identity.user, session: self, services: self.services, limits: self.limits)
        let begun = NIODeadline.now()
        let name = request.name
        let budget = self.services.budget
        let reservation = name.takesMemory ? budget.reservation(self.transferMemory(request)) : nil
        let runner = OperationRunner(
            operation: request.operation(access: access, peerLimits: self.state.withLock { $0.peerLimits }),
            connection: self.connection,
            pool: self.services.files,
            isHeld: reservation != nil
        ) { outcome in
            if let reservation { budget.release(reservation) }
            self.services.tickets.forget(self)
            self.onLoop { self.ended(outcome, name, begun) }
        }
        self.state.withLock { $0.runner = runner }
        self.connection.setPhase(.busy)
        if let reservation { budget.acquire(reservation) { runner.start() } } else { runner.wake() }
    }

    // MARK: Joining

    /// Tickets for further connections to the transfer that runs.
    ///
    /// - Parameter wished: how many the client would use.
    /// - Returns: as many as it gets.
    func tickets(_ wished: UInt32) -> [Data] {
        let (runner, identity, canJoin) = self.state.withLock { ($0.runner, $0.identity, $0.canJoin) }
        guard wished > 0, canJoin, let runner, let identity else { return [] }
        return self.services.tickets.issue(Int(wished), for: runner, of: self, identity.user)
    }

    private func join(_ ticket: Data) {
        guard let identity = self.identity else { return }
        guard let entry = self.services.tickets.redeem(ticket, user: identity.user) else {
            self.state.withLock { $0.machine.joinRefused() }
            return self.connection.send(
                .failure(FerryError(.denied, "the ticket was used before, or its transfer has ended"))
            )
        }
        let memory = self.limits.blockWindow + Self.joinedMemory
        let joined = JoinedTransfer(entry, self.connection, budget: self.services.budget, memory: memory)
        self.state.withLock { $0.joined = joined }
        self.connection.setPhase(.busy)
        self.services.log.info("joined", metadata: ["session": "\(self.id)", "transfer": "\(entry.session.id)"])
        joined.start { self.onLoop { self.transferEnded() } }
    }

    /// The client closes the connections that it has joined. What still comes there comes too late.
    private func transferEnded() {
        self.leave()
        self.state.withLock { $0.machine.closed() }
        self.connection.setPhase(.discarding)
    }

    private func leave() {
        let joined = self.state.withLock { state in
            defer { state.joined = nil }
            return state.joined
        }
        joined?.leave()
    }

    /// Bytes that a transfer may read further ahead for a joined connection.
    private static let joinedMemory = 8 << 20

    /// What one transfer may hold, in bytes: a window of blocks on its way, and the blocks being written, or the segments
    /// read and the queue towards the kernel.
    private func transferMemory(_ request: Request) -> Int {
        // A push may search an old version: its window, segments ahead, and where its chunks lie.
        let own = if case .pull = request { 16 << 20 } else { 24 << 20 }
        return self.limits.blockWindow + own
    }

    private func ended(_ outcome: Outcome, _ request: RequestName, _ begun: NIODeadline) {
        let line = RequestLine(session: self.id, user: self.identity?.user, request: request, begun: begun)
        line.log(outcome, to: self.services.log)
        switch outcome {
        case .finished: break
        case .refused(let error): self.connection.send(.failure(error))
        case .failed(let error, _): return self.fail(error)
        }
        let (next, endReason) = self.state.withLock { state in
            state.runner = nil
            if request.isTransfer, case .finished = outcome { state.transfers += 1 }
            return (state.machine.operationEnded(), state.endReason)
        }
        if let endReason { return self.fail(endReason) }
        if let next { return self.start(next) }
        self.connection.setPhase(.idle)
    }
}
