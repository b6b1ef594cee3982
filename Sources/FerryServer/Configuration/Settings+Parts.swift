package import FerryTransport
import FerryWire
package import NIOCore

/// Settings as the parts of the daemon take them.
extension Settings {
    var caps: SessionRegistry.Caps {
        .init(
            total: self.limits.connections,
            perAddress: self.limits.connectionsPerAddress,
            anonymous: self.limits.unauthenticated
        )
    }

    var firstPenalty: TimeAmount { TimeAmount(self.penalties.first) }

    /// Below the handshake's deadline, or a refusal would never be told.
    package var longestPenalty: TimeAmount {
        min(TimeAmount(self.penalties.maximum), TimeAmount(self.timeouts.handshake) - .seconds(1))
    }

    var frameLimits: FrameLimits { FrameLimits(blockWindow: self.limits.window) }

    /// How long a connection waits for its peer.
    package var deadlines: ConnectionDeadlines {
        ConnectionDeadlines(
            handshake: TimeAmount(self.timeouts.handshake),
            idle: TimeAmount(self.timeouts.idle),
            transfer: TimeAmount(self.timeouts.transfer),
            progress: TimeAmount(self.timeouts.progress),
            keepAlive: TimeAmount(self.timeouts.keepAlive),
            discard: TimeAmount(self.timeouts.discard)
        )
    }
}
