import Crypto
import FerryErrors
import FerryTransport
import FoundationEssentials
import NIOCore
import NIOPosix
import NIOSSL
import SwiftASN1
import Testing
import X509

/// Real TLS between two sockets on loopback.
@Suite struct PinnedTLSTests {
    @Test func theRightPinPasses() async throws {
        let certificate = try ServerCertificate.makeSelfSigned()
        let server = try await Self.serve(TLSContexts.server(certificate))
        #expect(try await Self.echo(server, pin: certificate.fingerprint) == "hello")
        try await server.close()
    }

    @Test func theNameIsNotChecked() async throws {
        let certificate = try ServerCertificate.makeSelfSigned(commonName: "elsewhere.example")
        let server = try await Self.serve(TLSContexts.server(certificate))
        #expect(try await Self.echo(server, pin: certificate.fingerprint, host: "nas.example.org") == "hello")
        try await server.close()
    }

    @Test func anExpiredCertificateIsStillTheOnePinned() async throws {
        let key = P256.Signing.PrivateKey()
        let name = try DistinguishedName { CommonName("old") }
        let expired = try Certificate(
            version: .v3,
            serialNumber: Certificate.SerialNumber(),
            publicKey: .init(key.publicKey),
            notValidBefore: Date(timeIntervalSince1970: 978_307_200),
            notValidAfter: Date(timeIntervalSince1970: 1_009_843_200),
            issuer: name,
            subject: name,
            extensions: Certificate.Extensions(),
            issuerPrivateKey: .init(key)
        )
        let certificate = try ServerCertificate(
            certificatePEM: Array(expired.serializeAsPEM().pemString.utf8),
            privateKeyPEM: Array(key.pemRepresentation.utf8)
        )
        let server = try await Self.serve(TLSContexts.server(certificate))
        #expect(try await Self.echo(server, pin: certificate.fingerprint) == "hello")
        try await server.close()
    }

    @Test func anotherPinFailsAndNamesBoth() async throws {
        let certificate = try ServerCertificate.makeSelfSigned()
        let expected = try ServerCertificate.makeSelfSigned().fingerprint
        let server = try await Self.serve(TLSContexts.server(certificate))
        let error = await #expect(throws: FerryError.self) {
            try await Self.echo(server, pin: expected, host: "nas.example.org")
        }
        #expect(error?.code == .wrongPin)
        #expect(error?.message.contains("expected \(expected), got \(certificate.fingerprint)") == true)
        #expect(error?.message.contains("nas.example.org") == true)
        #expect(error?.remedy?.contains("ferry login") == true)
        try await server.close()
    }

    @Test(arguments: [(TLSVersion.tlsv12, false), (.tlsv13, true)])
    func theServerSpeaksOnlyTLS13(_ version: TLSVersion, passes: Bool) async throws {
        let server = try await Self.serve(TLSContexts.server(.makeSelfSigned()))
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.maximumTLSVersion = version
        configuration.certificateVerification = .none
        let context = try NIOSSLContext(configuration: configuration)
        let reply = try? await Self.exchange(with: server) { channel in
            try channel.pipeline.syncOperations.addHandler(NIOSSLClientHandler(context: context, serverHostname: nil))
        }
        #expect((reply == "hello") == passes)
        try await server.close()
    }

    @Test func theClientSpeaksOnlyTLS13() async throws {
        let certificate = try ServerCertificate.makeSelfSigned()
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMBytes(certificate.certificatePEM).map { .certificate($0) },
            privateKey: .privateKey(try NIOSSLPrivateKey(bytes: certificate.privateKeyPEM, format: .pem))
        )
        configuration.maximumTLSVersion = .tlsv12
        let server = try await Self.serve(NIOSSLContext(configuration: configuration))
        let error = await #expect(throws: FerryError.self) {
            try await Self.echo(server, pin: certificate.fingerprint)
        }
        #expect(error?.code == .connection)
        try await server.close()
    }

    @Test func aPlainServerIsAConnectionError() async throws {
        let server = try await Self.serve(nil)
        let error = await #expect(throws: FerryError.self) {
            try await Self.echo(server, pin: Fingerprint(FingerprintTests.abc), host: "nas\u{1B}[2J")
        }
        #expect(error?.code == .connection)
        #expect(error?.message.contains("nas\\x1B") == true)
        try await server.close()
    }

    @Test func aServerThatHangsUpIsAConnectionError() async throws {
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { $0.close() }
            .bind(host: "127.0.0.1", port: 0).get()
        let error = await #expect(throws: FerryError.self) {
            try await Self.echo(server, pin: Fingerprint(FingerprintTests.abc))
        }
        #expect(error?.code == .connection)
        try await server.close()
    }
}

extension PinnedTLSTests {
    /// A server that sends back what it gets; without a context it does so in the clear.
    static func serve(_ context: NIOSSLContext?) async throws -> any Channel {
        try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let context {
                        try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context))
                    }
                    try channel.pipeline.syncOperations.addHandler(Echo())
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    /// What comes back from the server for `hello`, over pinned TLS.
    static func echo(_ server: any Channel, pin: Fingerprint, host: String = "127.0.0.1") async throws -> String {
        let context = try TLSContexts.client()
        return try await Self.exchange(with: server) { channel in
            try PinnedTLS.addHandlers(to: channel, context: context, pin: pin, host: host)
        }
    }

    static func exchange(
        with server: any Channel,
        adding handlers: @escaping @Sendable (any Channel) throws -> Void
    ) async throws -> String {
        let address = try #require(server.localAddress)
        let group = MultiThreadedEventLoopGroup.singleton
        let reply = group.any().makePromise(of: String.self)
        let client = try await ClientBootstrap(group: group)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try handlers(channel)
                    try channel.pipeline.syncOperations.addHandler(Asker(reply: reply))
                }
            }
            .connect(to: address).get()
        let result = await reply.futureResult.asResult()
        try? await client.close()
        return try result.get()
    }
}

extension EventLoopFuture where Value: Sendable {
    fileprivate func asResult() async -> Result<Value, any Error> {
        do { return .success(try await self.get()) } catch { return .failure(error) }
    }
}

/// Sends back what it reads.
private final class Echo: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { context.writeAndFlush(data, promise: nil) }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

/// Says hello and waits for the first bytes, an error or the end.
private final class Asker: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    struct Ended: Error {}

    private let reply: EventLoopPromise<String>

    init(reply: EventLoopPromise<String>) { self.reply = reply }

    func channelActive(context: ChannelHandlerContext) {
        context.writeAndFlush(self.wrapOutboundOut(ByteBuffer(string: "hello")), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.reply.succeed(String(buffer: self.unwrapInboundIn(data)))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.reply.fail(error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { self.reply.fail(Ended()) }
}
