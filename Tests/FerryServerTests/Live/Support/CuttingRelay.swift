import Glibc
import NIOCore
import NIOPosix
import Synchronization

/// A link without TLS that passes exactly so many bytes one way, and then ends both of its ends.
final class CuttingRelay: Sendable {
    enum Way: String, CaseIterable, Sendable { case toDaemon, toClient }

    /// Where a connection ends.
    struct Cut: Sendable {
        let way: Way
        let bytes: Int
        /// A reset, which may take with it what arrived and was not read; else the usual end, before which all is read.
        let isReset: Bool
    }

    private struct State {
        var cut: Cut?
        var passed: [Way: [UInt8]] = [:]
    }

    private let server: any Channel
    private let state: Shared

    /// What the channels' handlers know.
    private final class Shared: Sendable {
        let value = Mutex(State())
    }

    var port: Int { self.server.localAddress?.port ?? 0 }

    /// - Parameter target: a port of this machine.
    /// - Throws: if there is no port left.
    init(to target: Int) async throws {
        let state = Shared()
        self.state = state
        self.server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { near in
                let cut = state.value.withLock { state in
                    state.passed = [:]
                    return state.cut
                }
                return ClientBootstrap(group: near.eventLoop)
                    .channelInitializer { far in
                        far.eventLoop.makeCompletedFuture {
                            try far.pipeline.syncOperations.addHandler(Half(.toClient, near, cut, state))
                        }
                    }
                    .connect(host: "127.0.0.1", port: target)
                    .flatMapThrowing { far in
                        try near.pipeline.syncOperations.addHandler(Half(.toDaemon, far, cut, state))
                    }
            }
            .bind(host: "127.0.0.1", port: 0)
            .get()
    }

    func close() async throws { try await self.server.close() }

    /// Decides where connections end that are made from now on; nil for nowhere.
    func set(_ cut: Cut?) { self.state.value.withLock { $0.cut = cut } }

    /// What the last connection was given to carry that way.
    func passed(_ way: Way) -> [UInt8] { self.state.value.withLock { $0.passed[way] ?? [] } }

    /// One direction: reads from its channel and writes to the other one, on the event loop of both.
    private final class Half: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let way: Way
        private let other: any Channel
        private let cut: Cut?
        private let state: Shared
        private var count = 0
        private var isCut = false

        init(_ way: Way, _ other: any Channel, _ cut: Cut?, _ state: Shared) {
            self.way = way
            self.other = other
            self.cut = cut
            self.state = state
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            var bytes = self.unwrapInboundIn(data)
            guard !self.isCut else { return }
            self.state.value.withLock { $0.passed[self.way, default: []] += Array(bytes.readableBytesView) }
            self.count += bytes.readableBytes
            guard let cut = self.cut, cut.way == self.way, self.count >= cut.bytes else {
                return self.other.writeAndFlush(bytes, promise: nil)
            }
            self.isCut = true
            let last = bytes.readSlice(length: bytes.readableBytes - (self.count - cut.bytes)) ?? ByteBuffer()
            let ends = [context.channel, self.other]
            self.other.writeAndFlush(last).whenComplete { _ in
                for end in ends {
                    if cut.isReset, let socket = end as? any SocketOptionProvider {
                        _ = socket.setSoLinger(linger(l_onoff: 1, l_linger: 0))
                    }
                    end.close(promise: nil)
                }
            }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

        func channelInactive(context: ChannelHandlerContext) { self.other.close(promise: nil) }
    }
}
