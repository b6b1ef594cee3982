import FerryErrors
import Logging
import NIOCore
import NIOPosix

/// What every connection to the admin socket shares.
struct AdminService: Sendable {
    let executor: AdminExecutor
    let pool: NIOThreadPool
    /// Runs what may take as long as reading a repository.
    let longPool: NIOThreadPool
    let logger: Logger
    let trusted: Set<UInt32>
    /// For a peer that connects now.
    let deadline: @Sendable () -> TimeAmount

    /// Sets up a connection once the kernel said who the peer is.
    func initialize(_ channel: any Channel) -> EventLoopFuture<Void> {
        guard let socket = channel as? any SocketOptionProvider else {
            let error = FerryError(.internalError, "the admin socket is no socket")
            return channel.eventLoop.makeFailedFuture(error)
        }
        let credentials: EventLoopFuture<LocalSystem.PeerCredentials> = socket.unsafeGetSocketOption(
            level: .socket,
            name: LocalSystem.peerCredentials
        )
        return credentials.flatMapThrowing { peer in
            try channel.pipeline.syncOperations.addHandlers([
                ByteToMessageHandler(AdminMessageDecoder(limit: AdminMessage.requestLimit)),
                AdminConnection(service: self, peer: peer),
            ])
        }
    }

    /// Answers a request on the pool.
    func answer(
        _ request: ByteBuffer,
        _ peer: LocalSystem.PeerCredentials,
        on loop: any EventLoop
    )
        -> EventLoopFuture<ByteBuffer>
    {
        let request = Result { () throws(FerryError) in try AdminMessage.decode(AdminRequest.self, request) }
        let isLong = (try? request.get().isLong) ?? false
        return (isLong ? self.longPool : self.pool).runIfActive(eventLoop: loop) {
            let response: AdminResponse
            do throws(FerryError) {
                try self.check(peer)
                let request = try request.get()
                let actor = AdminActor.peer(user: peer.user, process: peer.process)
                let outcome = self.executor.perform(request, by: actor)
                if let audit = outcome.audit { self.logger.notice("\(audit)") }
                response = outcome.response
            } catch {
                response = .failure(error)
            }
            do throws(FerryError) { return try AdminMessage.encode(response, limit: AdminMessage.responseLimit) } catch
            {
                return try AdminMessage.encode(AdminResponse.failure(error), limit: AdminMessage.responseLimit)
            }
        }
    }

    private func check(_ peer: LocalSystem.PeerCredentials) throws(FerryError) {
        guard !self.trusted.contains(peer.user) else { return }
        self.logger.warning("admin refused uid:\(peer.user)/pid:\(peer.process)")
        throw FerryError(.denied, "admin commands are for root and the daemon's own user", remedy: "use sudo")
    }
}

/// One connection to the admin socket: one request, one response, both under a deadline.
final class AdminConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let service: AdminService
    private let peer: LocalSystem.PeerCredentials
    private let patience: TimeAmount
    private var hasRequest = false
    private var deadline: Scheduled<Void>?

    init(service: AdminService, peer: LocalSystem.PeerCredentials) {
        self.service = service
        self.peer = peer
        self.patience = service.deadline()
    }

    func handlerAdded(context: ChannelHandlerContext) { self.startDeadline(context) }

    func handlerRemoved(context: ChannelHandlerContext) { self.deadline?.cancel() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !self.hasRequest else { return context.close(promise: nil) }
        self.hasRequest = true
        self.deadline?.cancel()
        let answer = self.service.answer(self.unwrapInboundIn(data), self.peer, on: context.eventLoop)
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        answer.whenComplete { result in
            let (handler, context) = bound.value
            switch result {
            case .success(let buffer): handler.finish(context, buffer)
            case .failure: context.close(promise: nil)
            }
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard
            !self.hasRequest, let error = error as? FerryError,
            let answer = try? AdminMessage.encode(AdminResponse.failure(error), limit: AdminMessage.responseLimit)
        else { return context.close(promise: nil) }
        self.hasRequest = true
        self.finish(context, answer)
    }

    private func finish(_ context: ChannelHandlerContext, _ answer: ByteBuffer) {
        self.startDeadline(context)
        let channel = context.channel
        context.writeAndFlush(self.wrapOutboundOut(answer)).whenComplete { _ in channel.close(promise: nil) }
    }

    private func startDeadline(_ context: ChannelHandlerContext) {
        self.deadline?.cancel()
        let channel = context.channel
        self.deadline = context.eventLoop.scheduleTask(in: self.patience) { channel.close(promise: nil) }
    }
}
