package import Logging

/// What `ferryd.yaml`, the environment and flags decide, with the defaults that hold where they are silent.
///
/// What each setting means, its range and its names are in ``Setting/all``, the single table that the reader, the
/// environment, `ferryd config check` and `Docs/configuration.md` are made from.
package struct Settings: Sendable, Equatable {
    /// Served with TLS; unix sockets among them are served without.
    package var listen: [ListenAddress] = [.internet("0.0.0.0", 7717), .internet("::", 7717)]
    /// Served without TLS: loopback addresses and unix sockets only.
    package var listenPlain: [ListenAddress] = []
    /// Connections that the kernel queues per address until they are accepted.
    package var backlog = 511
    package var tls = TLS()
    package var limits = Limits()
    package var timeouts = Timeouts()
    package var partials = Partials()
    package var threads = Threads()
    package var log = Log()
    package var penalties = Penalties()

    package init() {}

    /// The daemon's own certificate; both paths are set or neither is.
    package struct TLS: Sendable, Equatable {
        /// Absolute path of a PEM file, or nil for the self-made one in the state directory.
        package var certificate: String?
        /// Absolute path of a PEM file, or nil for the self-made one.
        package var key: String?
    }

    /// What all clients together may use.
    package struct Limits: Sendable, Equatable {
        package var connections = 1024
        package var connectionsPerAddress = 64
        /// Besides its own.
        package var connectionsPerTransfer = 16
        package var unauthenticated = 128
        /// Bytes, daemon-wide.
        package var memory = 512 << 20
        /// Bytes, per transfer.
        package var window = 4 << 20
        /// Bytes, per share.
        package var reserve = 256 << 20
        /// Bytes per second, each way, of each address that is listened on; 0 for no limit.
        package var rate = 0
        /// Of single addresses.
        package var rates: [ListenerRate] = []
    }

    /// How long the daemon waits for a peer.
    package struct Timeouts: Sendable, Equatable {
        package var handshake = Duration.seconds(10)
        package var idle = Duration.seconds(600)
        package var transfer = Duration.seconds(60)
        package var progress = Duration.seconds(3600)
        package var shutdown = Duration.seconds(20)
        package var keepAlive = Duration.seconds(15)
        package var discard = Duration.seconds(10)
        package var takeover = Duration.seconds(5)
        package var admin = Duration.seconds(10)
    }

    /// What transfers that were cut leave behind.
    package struct Partials: Sendable, Equatable {
        package var age = Duration.seconds(7 * 86_400)
    }

    /// Threads for blocking work.
    package struct Threads: Sendable, Equatable {
        /// As configured; 0 leaves the choice to ``fileThreads(cores:)``.
        package var files = 0

        /// The number of file threads to start.
        ///
        /// - Parameter cores: of this machine.
        /// - Returns: what is configured, else two per core and at most 64.
        package func fileThreads(cores: Int) -> Int {
            self.files > 0 ? self.files : min(64, 2 * max(1, cores))
        }
    }

    /// What is logged, and how.
    package struct Log: Sendable, Equatable {
        package enum Format: String, Sendable, CaseIterable { case text, json }

        package var level = Logger.Level.info
        package var format = Format.text
    }

    /// How repeated failed logins from one address are slowed down.
    package struct Penalties: Sendable, Equatable {
        package var first = Duration.seconds(1)
        package var maximum = Duration.seconds(60)
    }
}
