import FerryErrors
import FerryWire
import NIOCore
import NIOPosix
import NIOSSL
import Testing

/// One end of a connection that says what it is told to, legal or not: against a real daemon, or in the place of one.
final class WirePeer: Sendable {
    let channel: any Channel
    private let frames: AsyncStream<Frame>

    /// Takes over a channel, on its event loop, behind whatever decrypts.
    init(_ channel: any Channel) throws {
        let (frames, continuation) = AsyncStream.makeStream(of: Frame.self)
        self.channel = channel
        self.frames = frames
        try channel.pipeline.syncOperations.addHandler(Reader(continuation))
    }

    /// Connects without TLS from a loopback address.
    static func connect(port: Int, from source: String = "127.0.0.1") async throws -> WirePeer {
        let made = SetLater<WirePeer>()
        _ = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            // IP_BIND_ADDRESS_NO_PORT: the port is chosen when it connects, so that those that rest in TIME_WAIT serve again;
            // else an address has had its 28,000 connections within a minute.
            .channelOption(.ipOption(.init(rawValue: 24)), value: 1)
            .bind(to: SocketAddress(ipAddress: source, port: 0))
            // Small and fixed, so that the kernel does not read in the place of one that does not.
            .channelOption(ChannelOptions.socketOption(.so_rcvbuf), value: 128 << 10)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { made.set(try WirePeer(channel)) }
            }
            .connect(host: "127.0.0.1", port: port)
            .get()
        return try #require(made.get())
    }

    func send(_ frames: Frame...) async throws {
        var bytes = ByteBuffer()
        for frame in frames { bytes.writeImmutableBuffer(try frame.encoded()) }
        try await self.channel.writeAndFlush(bytes)
    }

    func send(bytes: [UInt8]) async throws { try await self.channel.writeAndFlush(ByteBuffer(bytes: bytes)) }

    /// Sends what the other side may refuse to take, because it closes before.
    func sendInVain(_ bytes: [UInt8]) async { try? await self.send(bytes: bytes) }

    /// The next frame that is no keep-alive, or nil once the other side has closed.
    func next() async -> Frame? {
        for await frame in self.frames {
            if case .keepAlive = frame.body { continue }
            return frame
        }
        return nil
    }

    /// Passes over frames up to a failure and returns its code; nil if the other side closes without one.
    func failure() async -> FerryError.Code? {
        while let frame = await self.next() {
            if case .failure(let failure) = frame.body { return FerryError.Code(rawValue: failure.code) }
        }
        return nil
    }

    /// Waits until the other side has closed, whatever it says before.
    func closed() async { while await self.next() != nil {} }

    /// Ends this side's direction only.
    func halfClose() async { try? await self.channel.close(mode: .output) }

    /// The same beneath TLS, without the word that TLS has for it: as if somebody in between had ended it.
    func halfCloseBare() async throws {
        let channel = self.channel
        try await channel.eventLoop.flatSubmit {
            let ended = channel.eventLoop.makePromise(of: Void.self)
            do {
                let tls = try channel.pipeline.syncOperations.context(handlerType: NIOSSLServerHandler.self)
                tls.close(mode: .output, promise: ended)
            } catch {
                ended.fail(error)
            }
            return ended.futureResult
        }
        .get()
    }

    func close() async { try? await self.channel.close() }

    private final class Reader: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let frames: AsyncStream<Frame>.Continuation
        private var decoder = FrameDecoder(limits: FrameLimits())

        init(_ frames: AsyncStream<Frame>.Continuation) { self.frames = frames }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            var input = self.unwrapInboundIn(data)
            do { while let frame = try self.decoder.next(&input) { self.frames.yield(frame) } } catch {
                Issue.record("the other side sent no frame: \(error)")
                context.close(promise: nil)
            }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

        func channelInactive(context: ChannelHandlerContext) { self.frames.finish() }
    }
}
