import FerryCatalog
import FerryErrors
import FerryServer
import FerryTestKit
import FoundationEssentials
import Glibc
import Logging
import NIOCore
import NIOPosix
import Testing

@Suite struct AdminListenerTests {
    private let fixture: AdminFixture

    init() throws { self.fixture = try AdminFixture() }

    private func frame(_ json: String) -> [UInt8] { self.prefix(UInt32(json.utf8.count)) + Array(json.utf8) }

    private func prefix(_ length: UInt32) -> [UInt8] { withUnsafeBytes(of: length.bigEndian) { Array($0) } }

    private func response(_ bytes: [UInt8]) throws -> AdminResponse {
        #expect(Array(bytes.prefix(4)) == self.prefix(UInt32(max(0, bytes.count - 4))))
        return try JSONDecoder().decode(AdminResponse.self, from: Data(bytes.dropFirst(4)))
    }

    /// Sends a request and returns the code that it is refused with.
    private func refusal(_ request: [UInt8]) async throws -> FerryError.Code? {
        let bytes = try await self.fixture.exchange(request)
        guard case .failure(let failure) = try self.response(bytes) else { return nil }
        return failure.error.code
    }

    @Test func everyRequestTravelsBothWays() async throws {
        let fixture = self.fixture
        let client = fixture.client
        let alice = try Name("alice")
        let inbox = try Name("inbox")
        try await fixture.withListener {
            guard case .done = try await client.perform(.ping) else { throw Unexpected() }
            guard case .status(let status) = try await client.perform(.status), status.uptime == 5 else {
                throw Unexpected()
            }
            guard case .fingerprint(AdminFixture.fingerprint) = try await client.perform(.fingerprint) else {
                throw Unexpected()
            }
            let share = ShareRecord(name: inbox, path: "/srv/ü", readOnly: true)
            guard case .done = try await client.perform(.shareAdd(share: share)) else { throw Unexpected() }
            guard case .shares([share]) = try await client.perform(.shareList) else { throw Unexpected() }
            let grants = [GrantRecord(share: inbox, rights: .read)]
            let add = AdminRequest.userAdd(user: alice, grants: grants, tokenName: "t", expires: 4_000_000_000)
            guard case .issued(let token?, AdminFixture.fingerprint) = try await client.perform(add) else {
                throw Unexpected()
            }
            #expect(try fixture.catalog.authenticate(secret: token.secret)?.tokenID == token.id)
            guard case .issued(nil, _) = try await client.perform(add) else { throw Unexpected() }
            guard case .users(let users) = try await client.perform(.userList), users.map(\.grants) == [grants]
            else { throw Unexpected() }
            guard case .issued = try await client.perform(.tokenAdd(user: alice, tokenName: "u", expires: nil))
            else { throw Unexpected() }
            guard case .tokens(let tokens) = try await client.perform(.tokenList(user: alice)), tokens.count == 2
            else { throw Unexpected() }
            guard case .done = try await client.perform(.tokenRemove(user: alice, token: "u")) else {
                throw Unexpected()
            }
            guard case .done = try await client.perform(.grant(user: alice, share: inbox, rights: .write))
            else { throw Unexpected() }
            guard case .rights(.write) = try await client.perform(.revoke(user: alice, share: inbox, rights: .read))
            else { throw Unexpected() }
            guard case .done = try await client.perform(.userRemove(user: alice)) else { throw Unexpected() }
            guard case .done = try await client.perform(.shareRemove(name: inbox)) else { throw Unexpected() }
            let error = await #expect(throws: FerryError.self) { try await client.perform(.shareRemove(name: inbox)) }
            #expect(error?.code == .notFound)
            #expect(error?.remedy == "see 'ferryd share list'")
        }
        // One line for each of the ten changes and the failure, with this process as the peer.
        let lines = fixture.log.lines
        #expect(lines.count == 10)
        let process = ProcessInfo.processInfo.processIdentifier
        #expect(lines.allSatisfy { $0.hasPrefix("notice: admin by=uid:\(LocalSystem.user)/pid:\(process) action=") })
        #expect(lines.last?.hasSuffix("share-remove share=inbox result=not-found") == true)
        #expect(!lines.joined().contains("ferry_"))
    }

    @Test func socketIsPrivateAndGoesAway() async throws {
        let path = self.fixture.state.paths.adminSocket
        try await self.fixture.withListener {
            let mode = try TemporaryDirectory.mode(path)
            #expect(mode == 0o600)
        }
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test func staleSocketIsReplaced() async throws {
        let path = self.fixture.state.paths.adminSocket
        // What a killed daemon leaves: a name whose socket nobody has.
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        let bound = withUnsafeBytes(of: &address) { bytes in
            bytes.withMemoryRebound(to: sockaddr.self) { bind(descriptor, $0.baseAddress, socklen_t(bytes.count)) }
        }
        close(descriptor)
        try #require(bound == 0)
        #expect(FileManager.default.fileExists(atPath: path))
        try await self.fixture.withListener { _ = try await self.fixture.client.perform(.ping) }
    }

    @Test func anotherFileInItsPlaceIsNotRemoved() async throws {
        let path = self.fixture.state.paths.adminSocket
        try TemporaryDirectory.write(path, "precious")
        await #expect(throws: FerryError.self) { try await self.fixture.withListener {} }
        #expect(try TemporaryDirectory.read(path) == "precious")
    }

    @Test func tooLongAPathIsNamed() async throws {
        let fixture = self.fixture
        // The first length that is too long for NIO, which takes some bytes less than Linux.
        let prefix = fixture.temporary.path + "/"
        let root = prefix + String(repeating: "x", count: 104 - prefix.utf8.count - "/admin.sock".utf8.count)
        let state = try StateDirectory(root)
        let pool = NIOThreadPool(numberOfThreads: 1)
        let error = await #expect(throws: FerryError.self) {
            _ = try await AdminListener.start(
                state: state,
                executor: fixture.executor,
                pool: pool,
                group: MultiThreadedEventLoopGroup.singleton,
                logger: .init(label: "test", factory: { _ in fixture.log }),
                deadline: { .minutes(5) }
            )
        }
        #expect(error?.code == .configuration)
        #expect(error?.message.contains(root) == true)
        try await pool.shutdownGracefully()
    }

    @Test func otherUsersAreRefused() async throws {
        let share = ShareRecord(name: try Name("inbox"), path: "/srv", readOnly: false)
        let client = self.fixture.client
        try await self.fixture.withListener(trusted: [LocalSystem.user + 1]) {
            let error = await #expect(throws: FerryError.self) { try await client.perform(.shareAdd(share: share)) }
            #expect(error?.code == .denied)
        }
        #expect(try self.fixture.catalog.shares().isEmpty)
        let process = ProcessInfo.processInfo.processIdentifier
        #expect(self.fixture.log.lines == ["warning: admin refused uid:\(LocalSystem.user)/pid:\(process)"])
    }

    @Test func lengthHasALimit() async throws {
        let limit = 1 << 20
        try await self.fixture.withListener {
            let atLimit = self.prefix(UInt32(limit)) + [UInt8](repeating: 0x20, count: limit)
            let code = try await self.refusal(atLimit)
            #expect(code == .unsupported)
            for length in [UInt32(limit) + 1, .max] {
                let code = try await self.refusal(self.prefix(length))
                #expect(code == .limit)
            }
        }
    }

    @Test(arguments: [
        "", "{}", "[]", "null", "\"ping\"", #"{"fly":{}}"#, #"{"ping":{},"status":{}}"#, #"{"shareRemove":{}}"#,
        "\u{0}",
    ])
    func otherMessagesAreUnsupported(_ json: String) async throws {
        try await self.fixture.withListener {
            let code = try await self.refusal(self.frame(json))
            #expect(code == .unsupported)
        }
    }

    @Test func namesAreCheckedAgain() async throws {
        try await self.fixture.withListener {
            let code = try await self.refusal(self.frame(#"{"shareRemove":{"name":"../x"}}"#))
            #expect(code == .usage)
        }
    }

    @Test func requestCutAnywhereDoesNoHarm() async throws {
        let request = self.frame(#"{"shareAdd":{"share":{"name":"inbox","path":"/srv","readOnly":false}}}"#)
        try await self.fixture.withListener {
            for count in 0..<request.count {
                let answer = try await self.fixture.exchange(Array(request[..<count]), closing: true)
                #expect(answer == [])
            }
            let before = try self.fixture.catalog.shares()
            #expect(before.isEmpty)
            guard case .done = try self.response(try await self.fixture.exchange(request)) else { throw Unexpected() }
            let after = try self.fixture.catalog.shares()
            #expect(after.count == 1)
        }
    }

    @Test func slowPeerIsCutOff() async throws {
        try await self.fixture.withListener(deadline: .milliseconds(20)) {
            // Returns because the listener hangs up; without a deadline the test would not end.
            let answer = try await self.fixture.exchange([0, 0])
            #expect(answer == [])
        }
    }

    @Test func manyAtOnce() async throws {
        let client = self.fixture.client
        try await self.fixture.withListener {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<20 {
                    group.addTask {
                        let share = ShareRecord(name: try Name("share\(index)"), path: "/srv/\(index)", readOnly: false)
                        _ = try await client.perform(.shareAdd(share: share))
                    }
                }
                try await group.waitForAll()
            }
        }
        #expect(try self.fixture.catalog.shares().count == 20)
    }

    private struct Unexpected: Error {}
}
