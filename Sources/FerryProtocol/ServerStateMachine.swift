package import FerryErrors
package import FerryWire
package import FoundationEssentials
import NIOCore

/// What a client may ask for; one at a time on a connection.
package enum Request: Sendable {
    case push(WirePush)
    case pull(WirePull)
    case pushTree(WirePushTree)
    case pullTree(WirePullTree)
    case list(WireList)
    case stat(WireStat)
    case remove(WireRemove)
    case makeDirectory(WireMakeDirectory)
    case backup(WireBackup)
    case snapshots(WireSnapshots)
    case find(WireFind)
    case diff(WireDiff)
}

/// The daemon's side of one connection: what may arrive when. Pure; answers each frame with what to do.
package struct ServerStateMachine {
    private enum State {
        /// Can transition to: authenticating.
        case awaitingHello
        /// Can transition to: ready, closed.
        case authenticating
        /// Can transition to: operating, joined, closed.
        case ready
        /// Can transition to: ready, operating, closed. `next` came before this side knew that the operation was over:
        /// a client may ask again as soon as it has sent or received Finished.
        case operating(next: Request?)
        /// Carries blocks of another connection's transfer. Can transition to: ready, where it was refused, and closed.
        case joined
        case closed
    }

    package enum Action {
        /// Check these credentials, then call ``authenticated()``.
        case authenticate(WireHello, FrameLimits)
        /// Start this request, and call ``operationEnded()`` once it is answered.
        case start(Request)
        /// Let the connection join the transfer of this ticket, or call ``joinRefused()``.
        case join(Data)
        /// Give the frame to the running operation, or to the transfer that was joined.
        case forward(Frame)
        /// Nothing to do now.
        case discard
    }

    private var state = State.awaitingHello

    package init() {}

    /// True while a request is being worked on.
    package var isOperating: Bool {
        switch self.state {
        case .operating, .joined: true
        case .awaitingHello, .authenticating, .ready, .closed: false
        }
    }

    /// True once nothing that arrives matters any more.
    package var isClosed: Bool { if case .closed = self.state { true } else { false } }

    /// Takes a frame.
    ///
    /// - Throws: `.violation` for one that may not arrive now, `.unsupported` for a version that is not spoken, and the
    ///   client's own reason where it says why it ends.
    package mutating func received(_ frame: Frame) throws(FerryError) -> Action {
        if case .failure(let failure) = frame.body, self.hasGreeted { throw FerryError(peer: failure) }
        switch self.state {
        case .awaitingHello:
            guard case .hello(let hello) = frame.body, frame.payload.readableBytes == 0 else {
                throw FerryError(.violation, "the first frame is not a hello")
            }
            guard hello.magic == WireConstants.magic else {
                throw FerryError(.violation, "the hello does not carry this protocol's magic number")
            }
            guard hello.version >= WireConstants.oldestVersion else {
                throw FerryError(
                    .unsupported,
                    "the client speaks version \(hello.version), the daemon \(WireConstants.version)",
                    remedy: "upgrade the client"
                )
            }
            let limits = try FrameLimits(peer: hello.limits)
            self.state = .authenticating
            return .authenticate(hello, limits)
        case .authenticating:
            throw FerryError(.violation, "a frame came before the hello was answered")
        case .ready:
            if case .join(let join) = frame.body, frame.payload.readableBytes == 0 {
                self.state = .joined
                return .join(join.ticket)
            }
            let request = try Self.request(frame)
            self.state = .operating(next: nil)
            return .start(request)
        case .operating(let next):
            guard let request = Self.requestBody(frame) else { return .forward(frame) }
            guard next == nil, frame.payload.readableBytes == 0 else {
                throw FerryError(.violation, "a second request came before the first was answered")
            }
            self.state = .operating(next: request)
            return .discard
        case .joined:
            if case .join = frame.body { throw FerryError(.violation, "a connection joins twice") }
            guard Self.requestBody(frame) == nil else {
                throw FerryError(.violation, "a request came on a connection that has joined a transfer")
            }
            return .forward(frame)
        case .closed:
            return .discard
        }
    }

    /// The credentials are good.
    ///
    /// - Returns: false if they no longer matter, because the connection has ended meanwhile; true if the client is to
    ///   be welcomed.
    package mutating func authenticated() -> Bool {
        guard case .authenticating = self.state else { return false }
        self.state = .ready
        return true
    }

    /// The request was answered.
    ///
    /// - Returns: the next one, if it has come already; it is to be started now.
    package mutating func operationEnded() -> Request? {
        guard case .operating(let next) = self.state else { return nil }
        self.state = next == nil ? .ready : .operating(next: nil)
        return next
    }

    /// The ticket is not good: the client may go on with another request.
    package mutating func joinRefused() { if case .joined = self.state { self.state = .ready } }

    /// The connection is gone or about to end.
    package mutating func closed() { self.state = .closed }

    private var hasGreeted: Bool {
        switch self.state {
        case .awaitingHello, .closed: false
        case .authenticating, .ready, .operating, .joined: true
        }
    }

    private static func request(_ frame: Frame) throws(FerryError) -> Request {
        guard let request = self.requestBody(frame), frame.payload.readableBytes == 0 else {
            throw FerryError(.violation, "a frame came that is not a request")
        }
        return request
    }

    private static func requestBody(_ frame: Frame) -> Request? {
        switch frame.body {
        case .push(let push): .push(push)
        case .pull(let pull): .pull(pull)
        case .pushTree(let push): .pushTree(push)
        case .pullTree(let pull): .pullTree(pull)
        case .list(let list): .list(list)
        case .stat(let stat): .stat(stat)
        case .remove(let remove): .remove(remove)
        case .makeDirectory(let make): .makeDirectory(make)
        case .backup(let backup): .backup(backup)
        case .snapshots(let snapshots): .snapshots(snapshots)
        case .find(let find): .find(find)
        case .diff(let diff): .diff(diff)
        default: nil
        }
    }
}
