package import FerryCatalog
import FerryErrors
package import NIOCore
import Synchronization

/// All live connections: caps them at accept, and finds those that must end.
package final class SessionRegistry: LiveSessions {
    /// How many connections may be open.
    package struct Caps: Sendable {
        /// In all.
        package var total: Int
        /// From one address.
        package var perAddress: Int
        /// That have not logged in.
        package var anonymous: Int

        package init(total: Int, perAddress: Int, anonymous: Int) {
            self.total = total
            self.perAddress = perAddress
            self.anonymous = anonymous
        }
    }

    private struct State {
        var caps: Caps
        var sessions: [ObjectIdentifier: Session] = [:]
        var networks: [String: Int] = [:]
        /// That have not logged in.
        var anonymous: Set<ObjectIdentifier> = []
        /// How many of these each address has.
        var strangers: [String: Int] = [:]
        var isClosing = false
        var whenEmpty: [EventLoopPromise<Void>] = []

        mutating func noLongerAnonymous(_ session: Session) {
            guard self.anonymous.remove(ObjectIdentifier(session)) != nil else { return }
            self.strangers.count(session.network, by: -1)
        }

        /// Whether an address that has not logged in has its share. The first half of the places is for whoever comes;
        /// of the other half an address gets a sixteenth of all, or two addresses could keep everybody else out.
        func hasItsShare(_ network: String) -> Bool {
            self.anonymous.count >= self.caps.anonymous / 2
                && self.strangers[network, default: 0] >= max(2, self.caps.anonymous / 16)
        }
    }

    private let state: Mutex<State>

    package init(caps: Caps) { self.state = Mutex(State(caps: caps)) }

    /// Changes how many may be open; those that are stay, however many.
    package func setCaps(_ caps: Caps) { self.state.withLock { $0.caps = caps } }

    /// Connections that are open.
    package var count: Int { self.state.withLock { $0.sessions.count } }

    /// Lets a new connection in.
    ///
    /// - Returns: nil, or the reason why there is no room for it.
    package func add(_ session: Session) -> String? {
        self.state.withLock { state in
            if state.isClosing { return "shutting down" }
            if state.sessions.count >= state.caps.total { return "\(state.caps.total) connections are open" }
            if state.anonymous.count >= state.caps.anonymous {
                return "\(state.caps.anonymous) connections have not logged in"
            }
            if state.networks[session.network, default: 0] >= state.caps.perAddress {
                return "\(state.caps.perAddress) connections from this address are open"
            }
            if state.hasItsShare(session.network) {
                return
                    "\(state.strangers[session.network, default: 0]) connections from this address have not logged in"
            }
            state.networks.count(session.network, by: 1)
            state.strangers.count(session.network, by: 1)
            state.sessions[ObjectIdentifier(session)] = session
            state.anonymous.insert(ObjectIdentifier(session))
            return nil
        }
    }

    func loggedIn(_ session: Session) {
        self.state.withLock { $0.noLongerAnonymous(session) }
    }

    /// The connection has closed.
    package func remove(_ session: Session) {
        let waiters = self.state.withLock { state -> [EventLoopPromise<Void>] in
            guard state.sessions.removeValue(forKey: ObjectIdentifier(session)) != nil else { return [] }
            state.noLongerAnonymous(session)
            state.networks.count(session.network, by: -1)
            guard state.sessions.isEmpty else { return [] }
            defer { state.whenEmpty = [] }
            return state.whenEmpty
        }
        for waiter in waiters { waiter.succeed() }
    }

    /// Ends every session of these tokens.
    package func end(tokens: Set<String>) {
        self.end(Self.loginRevoked) { tokens.contains($0.tokenID) }
    }

    /// Ends every session of this user.
    package func end(user: Name, _ loss: Loss) {
        self.end(loss == .login ? Self.loginRevoked : Self.grantRevoked) { $0.user == user }
    }

    private static let loginRevoked = FerryError(
        .authentication,
        "the login was revoked",
        remedy: "ask the daemon's administrator"
    )
    /// The login still works, for what is left.
    private static let grantRevoked = FerryError(
        .denied,
        "a grant was revoked meanwhile",
        remedy: "try again; what fails then, ask the daemon's administrator for"
    )

    private func end(_ reason: FerryError, _ isMeant: (Identity) -> Bool) {
        let sessions = self.state.withLock { Array($0.sessions.values) }
        for session in sessions where session.identity.map(isMeant) ?? false { session.end(reason) }
    }

    /// Whether ``drain(_:)`` was called.
    package var isClosing: Bool { self.state.withLock { $0.isClosing } }

    /// Lets no new connection in, ends the idle ones now and the others after their request.
    ///
    /// - Parameter promise: succeeds when no session is left.
    package func drain(_ promise: EventLoopPromise<Void>) {
        let sessions = self.state.withLock { state in
            state.isClosing = true
            if !state.sessions.isEmpty { state.whenEmpty.append(promise) }
            return Array(state.sessions.values)
        }
        if sessions.isEmpty { return promise.succeed() }
        for session in sessions { session.endWhenIdle(Self.shuttingDown) }
    }

    /// Cuts every session that is left.
    package func cut() {
        for session in self.state.withLock({ Array($0.sessions.values) }) { session.cut(Self.shuttingDown) }
    }

    private static let shuttingDown = FerryError(
        .shuttingDown,
        "the daemon is shutting down",
        remedy: "run the same command again once it is back"
    )
}

extension [String: Int] {
    /// Counts up or down; what is down to nothing is forgotten.
    fileprivate mutating func count(_ key: String, by step: Int) {
        let sum = self[key, default: 0] + step
        self[key] = sum > 0 ? sum : nil
    }
}
