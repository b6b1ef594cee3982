import FerryChunking
import FerryErrors
import FerryFiles
import FerryProtocol
import FerryTestKit
import FerryWire
import Foundation
import NIOPosix
import SwiftProtobuf
import Synchronization
import Testing

/// `limits.reserve`, at its border and one byte past it: before anything travels, and within a transfer.
@Suite(.timeLimit(.minutes(2))) struct ReserveTests {
    private static let reserve = 1 << 30
    /// Of each chunk; eight of them are what is written between two looks at the free space.
    private static let length = 1 << 20
    private static let chunks = {
        var generator = SeededGenerator(seed: 71)
        return RawClient.cut(generator.bytes(8 * Self.length), length: Self.length)
    }()

    /// A file system on which so many bytes are free.
    private final class Disk: Sendable {
        private let free = Atomic(Int.max - 1)

        func set(free bytes: Int) { self.free.store(bytes, ordering: .relaxed) }

        var calls: SystemCalls {
            SystemCalls { name, _ in name == .fstatvfs ? .short(self.free.load(ordering: .relaxed)) : .proceed }
        }
    }

    private static func with(_ body: (SessionServer, Disk) async throws -> Void) async throws {
        let disk = Disk()
        let server = try await SessionServer(memory: 64 << 20, calls: disk.calls, reserve: UInt64(Self.reserve))
        let result: Result<Void, any Error>
        do { result = .success(try await body(server, disk)) } catch { result = .failure(error) }
        try await server.stop()
        try result.get()
    }

    /// What is in the share, partial files included.
    private static func names(_ server: SessionServer) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: server.inbox)
    }

    /// Requests and what each of them takes of the free space before it begins.
    private static let requests: [(String, Frame, Int)] = [
        ("a file", RawClient.push("inbox/new", size: 300_000), 300_000),
        ("a stream", RawClient.push("inbox/new", size: nil), 0),
        (
            "a tree",
            .pushTree(path: Data("inbox/new".utf8), options: WireTreeOptions(), makeParents: false, connections: 0), 0
        ),
        ("a directory", .makeDirectory(path: Data("inbox/new".utf8), makeParents: false), 0),
    ]

    @Test(arguments: Self.requests.indices) func whatLeavesTheReserveBeginsAndWhatDoesNotIsRefused(
        _ index: Int
    ) async throws {
        let (_, request, bytes) = Self.requests[index]
        try await Self.with { server, disk in
            disk.set(free: Self.reserve + bytes - 1)
            let client = try await server.logIn()
            try await client.send(request)
            #expect(try await client.failure() == .noSpace)
            #expect(try Self.names(server) == [])
            // The refusal ends nothing: the same connection asks again.
            disk.set(free: Self.reserve + bytes)
            try await client.send(request)
            switch await client.next()?.body {
            case .ready, .finished: break
            case let other: Issue.record("\(String(describing: other))")
            }
            await client.close()
        }
    }

    /// No size overflows what is compared.
    @Test func theLargestSizeIsRefused() async throws {
        try await Self.with { server, disk in
            disk.set(free: .max - 1)
            let client = try await server.logIn()
            let metadata = WireMetadata.with { $0.mode = 0o644 }
            try await client.send(
                .push(path: Data("inbox/new".utf8), metadata: metadata, size: .max, makeParents: false)
            )
            #expect(try await client.failure() == .noSpace)
            await client.close()
        }
    }

    /// Sends blocks as credit comes.
    ///
    /// - Returns: the code of the failure that ends it; nil if all were taken.
    private static func send(_ chunks: [RawClient.Chunk], _ client: RawClient) async throws -> FerryError.Code? {
        var inFlight = 0
        for chunk in chunks {
            while inFlight + chunk.bytes.count > FrameLimits().blockWindow {
                switch await client.next()?.body {
                case .credit(let credit): inFlight -= Int(credit.bytes)
                case .failure(let failure): return FerryError.Code(rawValue: failure.code)
                default: throw FerryError(.violation, "neither credit nor a failure came")
                }
            }
            try await client.send(RawClient.block(chunk))
            inFlight += chunk.bytes.count
        }
        return nil
    }

    /// A stream, of which the write that is looked at just leaves the reserve, or just does not.
    @Test(arguments: [0, -1]) func aStreamGoesOnUpToTheReserveAndNoFurther(_ more: Int) async throws {
        try await Self.with { server, disk in
            let client = try await server.logIn()
            try await client.send(RawClient.push("inbox/stream", size: nil))
            try await client.ready()
            disk.set(free: Self.reserve + Self.length + more)
            try await client.send(RawClient.names(Self.chunks))
            var decided = 0
            while decided < Self.chunks.count { decided += Int(try await client.wants().decided) }
            let early = try await Self.send(Self.chunks, client)
            guard more < 0 else {
                #expect(early == nil)
                try await client.send(RawClient.end(Self.chunks))
                _ = try await client.finished()
                return await client.close()
            }
            let code = if let early { early } else { try await client.failureOfTransfer() }
            #expect(code == .noSpace)
            await client.close()
            let failed = await server.log.line(with: "push failed", "inbox/stream")
            #expect(failed.contains("has no room for \(Self.length) bytes"), "\(failed)")
            let left = try Self.names(server)
            #expect(
                left.count == 1 && left.allSatisfy { $0.hasPrefix(".ferry-part.") && !$0.hasPrefix(".ferry-part.x") }
            )
            // With room again, the next push takes up what is there: all but the last of the chunks.
            disk.set(free: .max - 1)
            let again = try await server.logIn()
            #expect(try await Self.push(Self.chunks, to: "inbox/stream", again) == 1)
            #expect(try Self.names(server) == ["stream"])
            await again.close()
        }
    }

    /// - Returns: how many of the chunks the daemon lacked.
    private static func push(_ chunks: [RawClient.Chunk], to path: String, _ client: RawClient) async throws -> Int {
        try await client.send(RawClient.push(path, size: nil))
        try await client.ready()
        try await client.send(RawClient.names(chunks))
        var (decided, wanted) = (0, Set<ChunkID>())
        while decided < chunks.count {
            let wants = try await client.wants()
            decided += Int(wants.decided)
            wanted.formUnion(try ChunkID.unpack(wants.ids))
        }
        let lacked = chunks.filter { wanted.contains($0.id) }
        #expect(try await self.send(lacked, client) == nil)
        try await client.send(RawClient.end(chunks))
        _ = try await client.finished()
        return lacked.count
    }

    /// What the real client hears of it, and that the same command goes on once there is room.
    @Test func theClientIsToldAndGoesOnLater() async throws {
        try await Self.with { server, disk in
            let pool = NIOThreadPool(numberOfThreads: 2)
            pool.start()
            let directory = try TemporaryDirectory()
            let data = Data(Self.chunks.flatMap(\.bytes) + Self.chunks[0].bytes.reversed())
            try data.write(to: URL(filePath: directory.path + "/source"))
            try Data("old".utf8).write(to: URL(filePath: server.inbox + "/file"))
            let transfers = PlainTransfers(port: server.port, token: server.token, pool: pool)
            // What others write meanwhile is not the client's to foresee: it was let begin.
            let full = await transfers.connected { connection in
                try await PlainTransfers.push(directory.path + "/source", to: "inbox/file", connection) { summary in
                    if summary.wireBytes > 0 { disk.set(free: Self.reserve - 1) }
                }
            }
            let error = #expect(throws: FerryError.self) { try full.get() }
            #expect(error?.code == .noSpace && error?.origin == .remote, "\(error.debugDescription)")
            #expect(error?.message.contains("are kept in reserve") == true, "\(error.debugDescription)")
            _ = await server.log.line(with: "push failed", "inbox/file")
            let left = try Self.names(server).filter { $0 != "file" }
            #expect(
                left.count == 1 && left.allSatisfy { $0.hasPrefix(".ferry-part.") && !$0.hasPrefix(".ferry-part.x") }
            )
            #expect(try Data(contentsOf: URL(filePath: server.inbox + "/file")) == Data("old".utf8))
            disk.set(free: .max - 1)
            let again = await transfers.connected { connection in
                try await PlainTransfers.push(directory.path + "/source", to: "inbox/file", connection)
            }
            let summary = try again.get()
            #expect(summary.savedBytes >= 4 << 20, "\(summary)")
            #expect(try Data(contentsOf: URL(filePath: server.inbox + "/file")) == data)
            #expect(try Self.names(server) == ["file"])
            try await pool.shutdownGracefully()
        }
    }
}
