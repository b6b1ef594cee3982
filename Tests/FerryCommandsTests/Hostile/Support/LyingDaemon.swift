import FerryTransport
import FerryWire
import Foundation
import NIOCore
import NIOPosix
import NIOSSL
import Testing

/// Something with the right certificate in a daemon's place, that welcomes the real client and then follows a script.
final class LyingDaemon: Sendable {
    typealias Script = @Sendable (WirePeer) async throws -> Void

    struct Outcome {
        let status: Int32
        let output: String
        let errors: String
    }

    /// Everything of the test lies in here; `ferry` runs in `here`.
    let directory: String
    let here: String
    /// KiB of memory that the client may have, its threads' stacks included: twice what a push and a pull of 50 MB need.
    private static let memory = 192 << 10

    /// Runs `body` with the client logged in to a liar as `nas`.
    ///
    /// - Parameters:
    ///   - session: what the welcome calls the session.
    ///   - script: what is said on each connection after the welcome; then the connection ends.
    ///   - body: the test.
    /// - Throws: what `body` throws.
    static func with(
        session: String = "0123456789abcdef",
        _ script: @escaping Script,
        _ body: (LyingDaemon) async throws -> Void
    ) async throws {
        let welcome = Frame.welcome(features: [], limits: FrameLimits(), session: session, agent: "liar/1")
        try await self.withoutWelcome { peer in
            _ = await peer.next()
            try await peer.send(welcome)
            try await script(peer)
        } _: {
            try await body($0)
        }
    }

    /// The same, with a script that begins before the client's hello.
    static func withoutWelcome(
        _ script: @escaping Script,
        _ body: (LyingDaemon) async throws -> Void
    ) async throws {
        let certificate = try ServerCertificate.makeSelfSigned()
        let tls = try TLSContexts.server(certificate)
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls))
                    let peer = try WirePeer(channel)
                    Task {
                        try? await script(peer)
                        await peer.close()
                    }
                }
            }
            .bind(host: "127.0.0.1", port: 0)
            .get()
        let port = try #require(server.localAddress?.port)
        let liar = try LyingDaemon()
        do {
            try await liar.remember(port, certificate.fingerprint)
            try await body(liar)
        } catch {
            try? await server.close()
            throw error
        }
        try await server.close()
    }

    private init() throws {
        self.directory = FileManager.default.temporaryDirectory.path + "/ferry-liar-\(UInt64.random(in: 0 ... .max))"
        self.here = self.directory + "/here"
        try FileManager.default.createDirectory(atPath: self.here, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: self.directory) }

    private func remember(_ port: Int, _ pin: Fingerprint) async throws {
        let link = try LoginLink(user: "alice", secret: "secret", host: "127.0.0.1", port: port, pin: pin)
        try Data(link.text.utf8).write(to: URL(fileURLWithPath: self.directory + "/link"))
        let login = try await self.ferry("login", "--no-check", "--name", "nas", "--link-file", "../link")
        try #require(login.status == 0, "\(login.errors)")
    }

    /// Runs `ferry` to its end.
    func ferry(_ arguments: String...) async throws -> Outcome {
        let running = try self.start(arguments)
        return try await running.outcome()
    }

    /// Starts `ferry` under a limit of memory that its own needs are far below.
    func start(_ arguments: [String]) throws -> Running {
        let name = "\(self.directory)/\(UInt64.random(in: 0 ... .max))"
        for suffix in ["out", "err"] { try Data().write(to: URL(fileURLWithPath: "\(name).\(suffix)")) }
        let child = try Child(
            "/bin/sh",
            ["-c", "ulimit -d \(Self.memory); exec \"$0\" \"$@\"", Child.built("ferry")] + arguments,
            environment: ["FERRY_CONFIG_DIR": self.directory + "/config", "LC_ALL": "C"],
            directory: self.here,
            output: try #require(FileHandle(forWritingAtPath: name + ".out")),
            errors: try #require(FileHandle(forWritingAtPath: name + ".err"))
        )
        return Running(child: child, name: name)
    }

    /// A client that has been started.
    struct Running {
        let child: Child
        let name: String

        func outcome() async throws -> Outcome {
            let status = await self.child.status()
            let texts = try ["out", "err"].map { suffix in
                String(decoding: try Data(contentsOf: URL(fileURLWithPath: "\(self.name).\(suffix)")), as: UTF8.self)
            }
            return Outcome(status: status, output: texts[0], errors: texts[1])
        }
    }

    /// Without what is kept of a transfer for the next one.
    func names() throws -> [String] {
        let names = try FileManager.default.contentsOfDirectory(atPath: self.here)
        return names.filter { !$0.hasPrefix(".ferry-part.") || $0.hasPrefix(".ferry-part.x") }.sorted()
    }

    func write(_ bytes: [UInt8], to name: String) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: "\(self.here)/\(name)"))
    }

    func read(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: "\(self.here)/\(name)")))
    }
}
