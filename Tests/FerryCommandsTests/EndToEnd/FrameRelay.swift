import FerryTransport
import FerryWire
import NIOCore
import NIOPosix
import NIOSSL
import Testing

/// A link that sees the frames it carries: it ends TLS with a certificate of its own, speaks with the daemon's listener without
/// TLS, and keeps a frame for itself where it is told to, with all that would follow it.
final class FrameRelay: Sendable {
    enum Way: Sendable { case toDaemon, toClient }

    enum Verdict: Sendable {
        case pass
        /// Passed, and ``reached()`` told.
        case tell
        /// Not passed, nor anything after it, and ``reached()`` told.
        case hold
    }

    typealias Judge = @Sendable (Way, Frame) -> Verdict

    let port: Int
    let pin: Fingerprint
    private let server: any Channel
    private let told: AsyncStream<Void>

    /// - Parameters:
    ///   - target: the daemon's port.
    ///   - judge: asked about each frame but keep-alives, which do not pass; of one direction in order.
    /// - Throws: if there is no port left.
    init(to target: Int, _ judge: @escaping Judge) async throws {
        let certificate = try ServerCertificate.makeSelfSigned()
        let tls = try TLSContexts.server(certificate)
        let (told, tells) = AsyncStream.makeStream(of: Void.self)
        (self.pin, self.told) = (certificate.fingerprint, told)
        self.server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls))
                    let near = try WirePeer(channel)
                    Task { await Self.carry(near, target, judge, tells) }
                }
            }
            .bind(host: "127.0.0.1", port: 0)
            .get()
        self.port = try #require(self.server.localAddress?.port)
    }

    func close() async throws { try await self.server.close() }

    /// Waits until a frame has come that was told of, or held.
    func reached() async { for await _ in self.told { return } }

    private static func carry(
        _ near: WirePeer,
        _ target: Int,
        _ judge: @escaping Judge,
        _ tells: AsyncStream<Void>.Continuation
    ) async {
        guard let far = try? await WirePeer.connect(port: target) else { return await near.close() }
        await withTaskGroup { tasks in
            tasks.addTask { await Self.pass(.toDaemon, from: near, to: far, judge, tells) }
            tasks.addTask { await Self.pass(.toClient, from: far, to: near, judge, tells) }
        }
    }

    /// Passes frames on until the source ends, and then ends the target, too: an end is no frame, and is never held.
    private static func pass(
        _ way: Way,
        from source: WirePeer,
        to target: WirePeer,
        _ judge: Judge,
        _ tells: AsyncStream<Void>.Continuation
    ) async {
        var isHeld = false
        while let frame = await source.next() {
            if isHeld { continue }
            let verdict = judge(way, frame)
            isHeld = verdict == .hold
            // One that is gone takes no more; its own end is told the other way.
            if !isHeld { try? await target.send(frame) }
            if verdict != .pass { tells.yield() }
        }
        await target.close()
    }
}
