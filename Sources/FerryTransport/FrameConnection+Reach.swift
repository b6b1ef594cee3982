import Glibc
package import NIOCore

extension FrameConnection {
    /// What tcp(7) calls TCP_KEEPIDLE, TCP_KEEPINTVL and TCP_KEEPCNT, which NIO has no names for: a probe each second,
    /// and more of them than are ever sent here, because to judge by them is not left to the kernel.
    private static let probing: [(option: NIOBSDSocket.Option, value: Int32)] = [
        (.init(rawValue: 4), 1), (.init(rawValue: 5), 1), (.init(rawValue: 6), 127),
    ]

    /// Finds out whether the machine at the other end still answers; its kernel does so whatever the peer is busy with.
    ///
    /// The kernel's own judgement would not do. It waits for the next retransmission of what is on its way, which after a
    /// long silence is far off; and TCP_USER_TIMEOUT ends peers, too, that only do not read.
    ///
    /// - Parameters:
    ///   - silence: some seconds; what came before this call does not count.
    ///   - time: how long it may take, for the last word may come after this call.
    /// - Returns: false if nothing came from there for `silence`. What is not TCP is always reachable.
    package func isReachable(silence: TimeAmount, within time: TimeAmount) -> EventLoopFuture<Bool> {
        guard let socket = self.channel as? any SocketOptionProvider else {
            return self.channel.eventLoop.makeSucceededFuture(true)
        }
        for (option, value) in Self.probing {
            _ = socket.unsafeSetSocketOption(level: .tcp, name: option, value: value)
        }
        _ = socket.unsafeSetSocketOption(level: .socket, name: .so_keepalive, value: Int32(1))
        return self.hears(socket, silence, until: .now() + time, lookingIn: silence).always { _ in
            _ = socket.unsafeSetSocketOption(level: .socket, name: .so_keepalive, value: Int32(0))
        }
        // Not TCP, or closed meanwhile: then there is nothing to find out.
        .recover { _ in true }
    }

    /// The kernel's estimate of the time to the peer and back (tcpi_rtt); nil for what is not TCP.
    package var roundTrip: EventLoopFuture<TimeAmount?> {
        guard let socket = self.channel as? any SocketOptionProvider else {
            return self.channel.eventLoop.makeSucceededFuture(nil)
        }
        return socket.getTCPInfo().map { .microseconds(Int64($0.tcpi_rtt)) }.recover { _ in nil }
    }

    private func hears(
        _ socket: any SocketOptionProvider,
        _ silence: TimeAmount,
        until end: NIODeadline,
        lookingIn wait: TimeAmount
    ) -> EventLoopFuture<Bool> {
        let loop = self.channel.eventLoop
        return loop.flatScheduleTask(in: wait) { socket.getTCPInfo() }.futureResult.flatMap { info in
            // The second of these does not count data that acknowledges nothing new.
            let silent = TimeAmount.milliseconds(Int64(min(info.tcpi_last_data_recv, info.tcpi_last_ack_recv)))
            guard silent < silence else { return loop.makeSucceededFuture(false) }
            let rest = silence - silent
            guard .now() + rest <= end else { return loop.makeSucceededFuture(true) }
            return self.hears(socket, silence, until: end, lookingIn: rest)
        }
    }
}
