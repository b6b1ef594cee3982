import FerryWire
import Logging

extension Setting {
    /// All settings, in the order in which they are listed for people.
    package static let all: [Setting] = [
        .addresses("listen", \.listen, "Where to listen. TCP is served with TLS, unix sockets without."),
        .addresses("listen_plain", \.listenPlain, localOnly: true, "Where to listen without TLS."),
        .count("backlog", \.backlog, 1...65_535, "Connections that the kernel queues per address."),
        .path(
            "tls.certificate",
            \.tls.certificate,
            "PEM file with the certificate, or its chain; without it the daemon makes its own, valid for ten years."
        ),
        .path("tls.key", \.tls.key, "PEM file with the certificate's key, readable by the daemon only."),
        .count("limits.connections", \.limits.connections, 1...100_000, "Connections at once."),
        .count(
            "limits.connections_per_address",
            \.limits.connectionsPerAddress,
            1...100_000,
            "Connections at once from one IPv4 address, or one IPv6 /64."
        ),
        .count(
            "limits.connections_per_transfer",
            \.limits.connectionsPerTransfer,
            0...WireConstants.joinLimit,
            "Further connections that may join one transfer. Each takes `limits.window` and 8 MiB of `limits.memory`."
        ),
        .count(
            "limits.unauthenticated",
            \.limits.unauthenticated,
            1...100_000,
            "Connections at once that have not logged in yet; once half of them are there, an address or /64 gets a sixteenth at most."
        ),
        .size(
            "limits.memory",
            \.limits.memory,
            64 << 20...1 << 40,
            "Bytes that all transfers together may hold in memory; further ones wait."
        ),
        .size(
            "limits.window",
            \.limits.window,
            1 << 20...64 << 20,
            "Bytes in flight per transfer, and on each connection that joins it."
        ),
        .size(
            "limits.reserve",
            \.limits.reserve,
            0...16 << 40,
            "Free space that pushes leave on the file system of each share."
        ),
        .rate(
            "limits.rate",
            \.limits.rate,
            "Bytes per second, each way, of all connections to one address together; 0 for no limit."
        ),
        .rates("limits.rates", \.limits.rates, "The same for single addresses of `listen` and `listen_plain`."),
        .duration(
            "timeouts.handshake",
            \.timeouts.handshake,
            .milliseconds(100) ... .seconds(300),
            "From connecting to having logged in."
        ),
        .duration(
            "timeouts.idle",
            \.timeouts.idle,
            .milliseconds(100) ... .seconds(86_400),
            "Silence between two requests of a connection."
        ),
        .duration(
            "timeouts.transfer",
            \.timeouts.transfer,
            .seconds(30) ... .seconds(3600),
            "Silence of a peer that owes bytes, or does not take those sent to it. Clients say every 15 s that they live, so that less would cut good ones."
        ),
        .duration(
            "timeouts.progress",
            \.timeouts.progress,
            .seconds(60) ... .seconds(30 * 86_400),
            "Time for which a peer whose turn it is may only say that it lives: a pipe that is silent, say."
        ),
        .duration(
            "timeouts.shutdown",
            \.timeouts.shutdown,
            .zero ... .seconds(3600),
            "What running transfers get to finish when the daemon is told to stop."
        ),
        .duration(
            "timeouts.keepalive",
            \.timeouts.keepAlive,
            .milliseconds(100) ... .seconds(600),
            "Silence after which the daemon says within a request that it lives."
        ),
        .duration(
            "timeouts.discard",
            \.timeouts.discard,
            .milliseconds(100) ... .seconds(300),
            "What a peer that was told of an error which ends its connection gets to read that and to close."
        ),
        .duration(
            "timeouts.takeover",
            \.timeouts.takeover,
            .seconds(2) ... .seconds(60),
            "Silence of the link of a push, down to its machine's kernel, after which another push of the same user gets its name; that one waits 3 s longer at most."
        ),
        .duration(
            "timeouts.admin",
            \.timeouts.admin,
            .milliseconds(100) ... .seconds(300),
            "What a program on the admin socket gets for its request, and again for taking the answer."
        ),
        .duration(
            "partials.age",
            \.partials.age,
            .seconds(1) ... .seconds(3650 * 86_400),
            "What a transfer that was cut left in a share is removed when it was not written to for so long."
        ),
        .count("threads.files", \.threads.files, 0...64, "Threads for files; 0 is two per core, at most 64."),
        .choice("log.level", \.log.level, "The least level that is logged."),
        .choice("log.format", \.log.format, "Lines for people, or one JSON object per line."),
        .duration(
            "penalties.first",
            \.penalties.first,
            .zero ... .seconds(60),
            "Delay after a failed login; it doubles with each further one from the same IPv4 address, or IPv6 /64. 0s turns it off."
        ),
        .duration("penalties.max", \.penalties.maximum, .zero ... .seconds(3600), "The longest such delay."),
    ]

    /// The row with that path.
    ///
    /// - Parameter path: such as `limits.connections`.
    /// - Returns: the row, or nil if there is no such setting.
    package static func named(_ path: String) -> Setting? { self.byPath[path] }

    private static let byPath = Dictionary(uniqueKeysWithValues: Setting.all.map { ($0.path, $0) })

    /// What must hold between several settings.
    ///
    /// - Throws: the setting to blame and what is wrong with it.
    static func checkTogether(_ settings: Settings) throws(TogetherFault) {
        if settings.listen.isEmpty, settings.listenPlain.isEmpty {
            throw TogetherFault("listen", "no address is left to listen on")
        }
        for address in settings.listenPlain where settings.listen.contains(address) && !"\(address)".hasSuffix(":0") {
            throw TogetherFault("listen_plain", with: "listen", "`\(address)` is listed under `listen` too")
        }
        if (settings.tls.certificate == nil) != (settings.tls.key == nil) {
            let missing = settings.tls.key == nil ? "key" : "certificate"
            let given = settings.tls.key == nil ? "certificate" : "key"
            throw TogetherFault("tls.\(given)", "it needs `tls.\(missing)` beside it")
        }
        if settings.limits.window > settings.limits.memory / 4 {
            throw TogetherFault(
                "limits.window",
                with: "limits.memory",
                "it must be at most a quarter of `limits.memory`"
            )
        }
        for rate in settings.limits.rates
        where !settings.listen.contains(rate.address) && !settings.listenPlain.contains(rate.address) {
            throw TogetherFault("limits.rates", "`\(rate.address)` is not listened on")
        }
        if settings.timeouts.keepAlive * 2 > settings.timeouts.transfer {
            throw TogetherFault(
                "timeouts.keepalive",
                with: "timeouts.transfer",
                "it must be at most half of `timeouts.transfer`"
            )
        }
        if settings.penalties.first > settings.penalties.maximum {
            throw TogetherFault("penalties.first", with: "penalties.max", "it must be at most `penalties.max`")
        }
    }

    struct TogetherFault: Error {
        let path: String
        /// The setting that it does not go with: whoever left `path` alone has set this one.
        let other: String?
        let reason: String

        init(_ path: String, with other: String? = nil, _ reason: String) {
            self.path = path
            self.other = other
            self.reason = reason
        }
    }
}
