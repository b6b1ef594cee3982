package import FerryErrors
package import NIOCore
package import NIOSSL

/// The client's end of TLS with a pinned certificate: adds the TLS handler to a channel, and behind it one that turns
/// the TLS library's errors into the house's.
package enum PinnedTLS {
    /// Adds both handlers at the end of the pipeline; call on the channel's event loop, before any other handler
    /// that reads is added.
    ///
    /// A certificate with another fingerprint fails the handshake, and handlers behind see the error `.wrongPin`;
    /// any other failure before the first decrypted byte is `.connection`.
    ///
    /// - Parameters:
    ///   - channel: a client channel.
    ///   - context: from ``TLSContexts/client()``.
    ///   - pin: the only certificate to accept.
    ///   - host: sent as server name unless it is an IP address, and named in errors.
    /// - Throws: `.internalError` if the TLS library cannot make a connection.
    package static func addHandlers(
        to channel: any Channel,
        context: NIOSSLContext,
        pin: Fingerprint,
        host: String
    ) throws(FerryError) {
        let verdict = NIOLoopBound(Verdict(), eventLoop: channel.eventLoop)
        do {
            let tls = try NIOSSLClientHandler(
                context: context,
                serverHostname: HostName.isAddress(host) ? nil : host,
                customVerificationCallback: { chain, promise in
                    // The chain is the peer's, leaf first; what signs it is of no interest.
                    let seen = chain.first.flatMap { try? Fingerprint($0) }
                    verdict.value.seen = seen
                    promise.succeed(seen == pin ? .certificateVerified : .failed)
                }
            )
            try channel.pipeline.syncOperations.addHandlers([
                tls, TLSErrorHandler(pin: pin, host: host, verdict: verdict),
            ])
        } catch {
            throw FerryError(.internalError, "cannot set up TLS", cause: error)
        }
    }

    /// What the verification saw, for the error that follows.
    final class Verdict {
        var seen: Fingerprint?
    }
}

/// Turns errors of the TLS handler in front of it into ``FerryError``s.
final class TLSErrorHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let pin: Fingerprint
    private let host: String
    private let verdict: NIOLoopBound<PinnedTLS.Verdict>
    private var isEstablished = false

    init(pin: Fingerprint, host: String, verdict: NIOLoopBound<PinnedTLS.Verdict>) {
        self.pin = pin
        self.host = host
        self.verdict = verdict
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.isEstablished = true
        context.fireChannelRead(data)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.fireErrorCaught(self.translate(error))
    }

    private func translate(_ error: any Error) -> any Error {
        // Once bytes were decrypted, errors are the caller's to judge: a missing close_notify, say.
        let isOurs = error is NIOSSLError || error is BoringSSLError || error is IOError
        guard !self.isEstablished, isOurs else { return error }
        let host = Escaping.escape(self.host)
        guard let seen = self.verdict.value.seen, seen != self.pin else {
            return FerryError(
                .connection,
                "the TLS handshake with \(host) failed",
                remedy: "check that a ferryd listens there with TLS, and that it is not turning connections away",
                cause: error
            )
        }
        return FerryError(
            .wrongPin,
            "\(host) shows a certificate that is not the pinned one: expected \(self.pin), got \(seen)",
            remedy: "if the server was moved or got a new certificate, compare with `ferryd fingerprint` there and run "
                + "`ferry login` again with a new link; otherwise someone may be listening in",
            cause: error
        )
    }
}
