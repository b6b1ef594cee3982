import FerryErrors
import FerryTransport
import FerryWire
import Logging
import NIOCore
import NIOPosix
import NIOSSL

/// Binds every address, and makes a session of each connection.
struct Listeners {
    let services: Services
    let group: any EventLoopGroup
    let identity: ServerIdentity
    let backlog: Int

    /// A bound address.
    struct Listener: Sendable {
        let channel: any Channel
        /// As configured.
        let address: ListenAddress
        /// Of all its connections.
        let limiter: RateLimiter
        /// The address that it really has.
        let text: String
        /// Its port, if clients with a login link can use it.
        let securePort: Int?
    }

    /// Binds all addresses, or none.
    ///
    /// - Throws: `.busy` and others, naming the address that could not be bound.
    func bind(_ settings: Settings) async throws -> [Listener] {
        var bound: [Listener] = []
        do {
            for address in settings.listen {
                try await self.bind(address, settings, isPlain: address.isUnix).map { bound.append($0) }
            }
            for address in settings.listenPlain {
                try await self.bind(address, settings, isPlain: true).map { bound.append($0) }
            }
        } catch {
            for listener in bound { try? await listener.channel.close() }
            throw error
        }
        return bound
    }

    private func bind(_ address: ListenAddress, _ settings: Settings, isPlain: Bool) async throws -> Listener? {
        let limiter = RateLimiter(rate: settings.limits.rate(of: address))
        guard let channel = try await self.open(address, limiter, isPlain: isPlain) else { return nil }
        let mark = !isPlain ? " (TLS)" : settings.listen.contains(address) && address.isUnix ? "" : " (plain)"
        return Listener(
            channel: channel,
            address: address,
            limiter: limiter,
            text: self.text(channel, address) + mark,
            securePort: isPlain ? nil : channel.localAddress?.port
        )
    }

    private func open(
        _ address: ListenAddress,
        _ limiter: RateLimiter,
        isPlain: Bool
    ) async throws -> (any Channel)? {
        let (services, identity) = (self.services, self.identity)
        var bootstrap = ServerBootstrap(group: self.group)
            .serverChannelOption(ChannelOptions.backlog, value: Int32(clamping: self.backlog))
            .childChannelOption(ChannelOptions.recvAllocator, value: FrameConnection.receiveAllocator)
            .childChannelOption(ChannelOptions.maxMessagesPerRead, value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try Self.accept(channel, services, limiter, isPlain ? nil : identity.context)
                }
            }
        do {
            switch address {
            case .unix(let path):
                return try await bootstrap.bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true).get()
            case .internet(let host, _):
                bootstrap =
                    bootstrap
                    .serverChannelOption(ChannelOptions.socketOption(.so_reuseaddr), value: 1)
                if host.contains(":") {
                    let only = ChannelOptions.Types.SocketOption(level: .ipv6, name: .ipv6_v6only)
                    bootstrap = bootstrap.serverChannelOption(only, value: 1)
                }
                return try await bootstrap.bind(to: address.socketAddress()).get()
            }
        } catch let error as IOError where error.isMissingFamily && address == .internet("::", 7717) {
            self.services.log.warning("this machine has no IPv6; serving IPv4 only")
            return nil
        } catch {
            throw Self.failure(error, address)
        }
    }

    private static func failure(_ error: any Error, _ address: ListenAddress) -> FerryError {
        let number = (error as? IOError)?.errnoCode
        let reason = number.map { SystemError(number: $0).description } ?? "\(error)"
        let (code, remedy): (FerryError.Code, String?) =
            switch number {
            case 98: (.busy, "end the program that has this address, or choose another with --listen")  // EADDRINUSE
            case 99: (.notFound, "choose an address of this machine with --listen")  // EADDRNOTAVAIL
            case 13: (.permission, "ports below 1024 need a privilege; choose another with --listen")  // EACCES
            default: (.inputOutput, nil)
            }
        return FerryError(code, "cannot listen on \(address): \(reason)", remedy: remedy, cause: error)
    }

    private func text(_ channel: any Channel, _ address: ListenAddress) -> String {
        guard case .internet(let host, _) = address, let port = channel.localAddress?.port else { return "\(address)" }
        return "\(ListenAddress.internet(host, port))"
    }

    private static func accept(
        _ channel: any Channel,
        _ services: Services,
        _ limiter: RateLimiter,
        _ tls: NIOSSLContext?
    ) throws {
        let connection = FrameConnection(channel: channel)
        connection.limit(by: limiter)
        let session = Session(connection: connection, services: services)
        if let reason = services.sessions.add(session) {
            services.log.notice(
                "connection refused",
                metadata: ["address": "\(session.address)", "reason": "\(reason)"]
            )
            throw FerryError(.limit, reason)
        }
        channel.closeFuture.whenComplete { _ in services.sessions.remove(session) }
        if let tls { try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls)) }
        try channel.pipeline.syncOperations.addHandler(
            FrameHandler(
                connection: connection,
                receiver: session,
                limits: .beforeHello,
                deadlines: services.deadlines
            )
        )
    }
}

extension IOError {
    /// The kernel knows no such address family (EAFNOSUPPORT), or no such address (EADDRNOTAVAIL).
    fileprivate var isMissingFamily: Bool { self.errnoCode == 97 || self.errnoCode == 99 }
}
