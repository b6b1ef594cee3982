import FerryClient
import NIOPosix

/// Connects and logs in once, so that a link that does not work is not remembered.
enum LoginCheck {
    static func run(_ login: Login) async throws {
        let client = try await ClientConnection.connect(
            to: login,
            agent: "ferry/\(Version.number)",
            group: MultiThreadedEventLoopGroup.singleton,
            pool: NIOThreadPool.singleton
        )
        await client.close()
    }
}
