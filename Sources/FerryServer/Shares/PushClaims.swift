import FerryCatalog
import FerryErrors
import FerryFiles
import NIOCore
import Synchronization

/// The names that are being pushed to: one push at a time has each.
final class PushClaims: Sendable {
    /// What ``patience`` has beyond the silence: for that to begin, and for the push to write down what it keeps.
    private static let grace = TimeAmount.seconds(3)

    /// A name in a share.
    fileprivate struct Target: Hashable, Sendable {
        let share: Name
        let path: RelativePath
    }

    private struct State {
        var holders: [Target: ShareAccess] = [:]
        var waiting: [ObjectIdentifier: (target: Target, session: Session)] = [:]
        var silence: TimeAmount
    }

    private let state: Mutex<State>

    /// - Parameter silence: see ``silence``.
    init(silence: TimeAmount) { self.state = Mutex(State(silence: silence)) }

    /// A push that has a name that its user wants for another one ends once its peer could not be reached for so long.
    var silence: TimeAmount { self.state.withLock { $0.silence } }

    /// How long a push waits for a name that another one of the same user has.
    var patience: TimeAmount { self.silence + Self.grace }

    /// Changes it for what begins to wait from now on.
    func setSilence(_ silence: TimeAmount) { self.state.withLock { $0.silence = silence } }

    /// Claims a name for a push.
    ///
    /// - Parameters:
    ///   - location: the name.
    ///   - access: whose push it is.
    ///   - mayWait: whether the push waits for another one of the same user. That one ends if its link turns out to be
    ///     dead, as after a cut of which neither end was told.
    /// - Returns: nil if the push is to wait: its session is woken when the name may be free.
    /// - Throws: `.busy` while another push has it.
    func claim(_ location: ShareLocation, for access: ShareAccess, mayWait: Bool) throws(FerryError) -> PushClaim? {
        let target = Target(share: location.share.name, path: location.path)
        let holder = self.state.withLock { state -> ShareAccess? in
            guard let holder = state.holders[target] else {
                state.holders[target] = access
                return nil
            }
            if mayWait, holder.user == access.user {
                state.waiting[ObjectIdentifier(access.session)] = (target, access.session)
            }
            return holder
        }
        guard let holder else { return PushClaim(target, of: self) }
        guard mayWait, holder.user == access.user else {
            throw FerryError(.busy, "another push to \(location.description) is running", remedy: "try again later")
        }
        holder.session.endUnlessReachable()
        return nil
    }

    /// The push of this session no longer waits.
    func forget(_ session: Session) {
        self.state.withLock { _ = $0.waiting.removeValue(forKey: ObjectIdentifier(session)) }
    }

    fileprivate func release(_ target: Target) {
        let waiting = self.state.withLock { state in
            state.holders[target] = nil
            return state.waiting.values.filter { $0.target == target }
        }
        // The first to come gets it, the others wait on.
        for (_, session) in waiting { session.wake() }
    }
}

/// A name that only its holder pushes to, until it is released or the last reference is gone.
final class PushClaim: Sendable {
    private let target: Mutex<PushClaims.Target?>
    private let claims: PushClaims

    fileprivate init(_ target: PushClaims.Target, of claims: PushClaims) {
        self.target = Mutex(target)
        self.claims = claims
    }

    deinit { self.release() }

    func release() {
        let held = self.target.withLock { target in
            defer { target = nil }
            return target
        }
        if let held { self.claims.release(held) }
    }
}
