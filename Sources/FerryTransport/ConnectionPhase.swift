package import NIOCore

/// What a connection is doing, which decides the deadline that runs.
package enum ConnectionPhase: Sendable, Equatable {
    /// Until the hello is accepted: one absolute deadline from the start.
    case handshake
    /// Between requests: the peer may be silent for the idle time-out.
    case idle
    /// A request is being worked on: both sides say within the transfer time-out that they live.
    case busy
    /// A fatal error was sent: everything is discarded until the peer closes.
    case discarding
}

/// The deadlines of a connection.
package struct ConnectionDeadlines: Sendable {
    /// From accept to the accepted hello, TLS handshake included.
    package var handshake: TimeAmount
    /// Silence between requests.
    package var idle: TimeAmount
    /// Silence within a request, and a peer that takes none of the bytes sent to it.
    package var transfer: TimeAmount
    /// From the moment at which only the peer can go on with a request to its next frame; keep-alives do not count.
    package var progress: TimeAmount
    /// After this long without having sent anything within a request, a keep-alive is sent.
    package var keepAlive: TimeAmount
    /// Discarding after a fatal error.
    package var discard: TimeAmount

    package init(
        handshake: TimeAmount = .seconds(10),
        idle: TimeAmount = .minutes(10),
        transfer: TimeAmount = .seconds(60),
        progress: TimeAmount = .hours(1),
        keepAlive: TimeAmount = .seconds(15),
        discard: TimeAmount = .seconds(10)
    ) {
        self.handshake = handshake
        self.idle = idle
        self.transfer = transfer
        self.progress = progress
        self.keepAlive = keepAlive
        self.discard = discard
    }
}
