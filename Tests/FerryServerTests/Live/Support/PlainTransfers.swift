import FerryClient
import FerryErrors
import FerryFiles
import FerryProtocol
import FerryTransfer
import FerryTransport
import FerryWire
import FoundationEssentials
import NIOPosix

/// The real client's transfers of single files over a connection without TLS, in this process.
struct PlainTransfers: Sendable {
    /// Of the daemon, or of a link to it.
    let port: Int
    let token: String
    let pool: NIOThreadPool

    /// Runs `transfer` on a connection of its own.
    func connected(
        _ transfer: (ClientConnection) async throws -> TransferSummary
    ) async -> Result<TransferSummary, any Error> {
        do {
            let connection = try await self.connect()
            let result: Result<TransferSummary, any Error>
            do { result = .success(try await transfer(connection)) } catch { result = .failure(error) }
            await connection.close()
            return result
        } catch {
            return .failure(error)
        }
    }

    private func connect() async throws -> ClientConnection {
        try await .connect(
            to: Login(
                host: "127.0.0.1",
                port: self.port,
                secret: self.token,
                fingerprint: .init(certificate: []),
                isPlain: true
            ),
            agent: "test",
            group: MultiThreadedEventLoopGroup.singleton,
            pool: self.pool
        )
    }

    /// Pushes the local file `source`.
    static func push(
        _ source: String,
        to path: String,
        _ connection: ClientConnection,
        onProgress: (@Sendable (TransferSummary) -> Void)? = nil
    ) async throws -> TransferSummary {
        let source = try SourceFile(local: source)
        var options = PushRequest.Options()
        options.makeParents = true
        options.skipsUnchanged = true
        options.compression = .off
        let request = PushRequest(
            source: source,
            path: Data(path.utf8),
            metadata: WireMetadata(source.info),
            options: options,
            limits: try connection.peerLimits(),
            onProgress: onProgress
        )
        return try await connection.perform(request)
    }

    /// Pulls into the local directory `root`.
    static func pull(
        _ path: String,
        to name: String,
        in root: RootDirectory,
        _ connection: ClientConnection
    ) async throws -> TransferSummary {
        let name = try RelativePath(name)
        let request = PullRequest(
            path: Data(path.utf8),
            compression: .off,
            old: .init(in: root, at: name, skipsUnchanged: true),
            onProgress: nil,
            makeDestination: { ready throws(FerryError) in
                try LocalDestination(directory: root, name: name, ready: ready, wantsSHA256: false)
            }
        )
        return try await connection.perform(request)
    }
}
