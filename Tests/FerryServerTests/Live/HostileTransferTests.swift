import FerryChunking
import FerryErrors
import FerryProtocol
import FerryWire
import FoundationEssentials
import NIOCore
import SwiftProtobuf
import Testing

/// Pushes that lie: each is refused, the connection ends, and the old file stays.
@Suite(.timeLimit(.minutes(5))) struct HostileTransferTests {
    private static let old = Array("the old file".utf8)
    /// "text" 25 times over, as zlib makes it at level 6, and the text.
    private static let text = Array(repeatElement(Array("text".utf8), count: 25).joined())
    private static let deflated: [UInt8] = [
        0x78, 0x9C, 0x2B, 0x49, 0xAD, 0x28, 0x29, 0xA1, 0x31, 0x06, 0x00, 0xB9, 0xF7, 0x2C, 0x3E,
    ]

    /// Pushes over an old file up to the point where `lie` takes over, and expects how it ends.
    private static func expectEnd(
        _ code: FerryError.Code,
        size: Int? = nil,
        sourceLocation: SourceLocation = #_sourceLocation,
        _ lie: (RawClient) async throws -> Void
    ) async throws {
        try await LiveDaemon.run { daemon in
            let client = try await RawClient.logIn(daemon)
            try await client.push(Self.old, to: "inbox/file")
            try await client.send(RawClient.push("inbox/file", size: size))
            try await client.ready()
            try await lie(client)
            #expect(
                try await client.failureOfTransfer(sourceLocation: sourceLocation) == code,
                sourceLocation: sourceLocation
            )
            await client.close()
            _ = await daemon.log.line(with: "push failed", "path=inbox/file")
            #expect(try daemon.content("file") == Self.old, sourceLocation: sourceLocation)
        }
    }

    private static func zlib(_ chunk: RawClient.Chunk, length: Int, _ payload: [UInt8]) -> Frame {
        .block(
            codec: .zlib,
            ids: ChunkID.pack([chunk.id]),
            lengths: [UInt32(length)],
            payload: ByteBuffer(bytes: payload)
        )
    }

    @Test func aCompressedBlockIsTaken() async throws {
        try await LiveDaemon.run { daemon in
            let client = try await RawClient.logIn(daemon)
            let chunks = RawClient.cut(Self.text)
            try await client.send(RawClient.push("inbox/text", size: 100))
            try await client.ready()
            try await client.send(RawClient.names(chunks))
            _ = try await client.wants()
            try await client.send(Self.zlib(chunks[0], length: 100, Self.deflated), RawClient.end(chunks))
            _ = try await client.finished()
            await client.close()
            #expect(try daemon.content("text") == Self.text)
        }
    }

    /// The block inflates to 100 bytes.
    @Test(arguments: [1, 99, 101, 1 << 20]) func aBlockThatInflatesToAnotherLength(_ length: Int) async throws {
        try await Self.expectEnd(.integrity) { client in
            let chunk = RawClient.Chunk(id: RawClient.cut(Self.text)[0].id, bytes: Array(repeating: 0, count: length))
            try await client.send(RawClient.names([chunk]))
            _ = try await client.wants()
            try await client.send(Self.zlib(chunk, length: length, Self.deflated))
        }
    }

    @Test func aBlockThatIsNoZlibOrHasBytesAfterIt() async throws {
        for payload in [Array(Self.deflated.dropLast()), Self.deflated + [0], Array("no zlib".utf8)] {
            try await Self.expectEnd(.integrity) { client in
                let chunk = RawClient.cut(Self.text)[0]
                try await client.send(RawClient.names([chunk]))
                _ = try await client.wants()
                try await client.send(Self.zlib(chunk, length: 100, payload))
            }
        }
    }

    @Test func aBlockOfAnUnknownCodec() async throws {
        try await Self.expectEnd(.unsupported) { client in
            let chunk = RawClient.cut(Self.text)[0]
            try await client.send(RawClient.names([chunk]))
            _ = try await client.wants()
            let ids = ChunkID.pack([chunk.id])
            let payload = ByteBuffer(bytes: chunk.bytes)
            try await client.send(.block(codec: .UNRECOGNIZED(2), ids: ids, lengths: [100], payload: payload))
        }
    }

    @Test func aChunkThatDoesNotHashToItsName() async throws {
        try await Self.expectEnd(.integrity) { client in
            let chunk = RawClient.cut(Self.text)[0]
            try await client.send(RawClient.names([chunk]))
            _ = try await client.wants()
            let other = RawClient.Chunk(id: chunk.id, bytes: Array(repeating: 0, count: 100))
            try await client.send(RawClient.block(other))
        }
    }

    @Test func aRecipeNamingChunksThatNobodySent() async throws {
        try await Self.expectEnd(.violation) { client in
            let chunks = RawClient.cut(Self.text, length: 10)
            try await client.send(RawClient.names(chunks))
            _ = try await client.wants()
            try await client.send(RawClient.block(chunks[0]), RawClient.end(chunks))
        }
    }

    @Test func anotherDigest() async throws {
        try await Self.expectEnd(.integrity) { client in
            let chunks = RawClient.cut(Self.text)
            try await client.send(RawClient.names(chunks))
            _ = try await client.wants()
            let digest = ChunkID.pack([chunks[0].id])
            try await client.send(RawClient.block(chunks[0]), .end(digest: digest, size: 100))
        }
    }

    @Test func aBlockThatIsNotWanted() async throws {
        try await Self.expectEnd(.violation) { client in
            try await client.send(RawClient.block(RawClient.cut(Self.text)[0]))
        }
    }

    @Test func aRecipeThatIsLongerThanAnnounced() async throws {
        try await Self.expectEnd(.limit, size: 99) { client in
            try await client.send(RawClient.names(RawClient.cut(Self.text)))
        }
    }

    @Test func aRecipeThatIsShorterThanAnnounced() async throws {
        try await Self.expectEnd(.integrity, size: 1) { client in try await client.send(RawClient.end([])) }
    }

    @Test func moreNamesThanTheWindowHolds() async throws {
        try await Self.expectEnd(.limit) { client in
            let names = (0..<1024).map { number in
                RawClient.Chunk(id: RawClient.cut(Array("\(number)".utf8))[0].id, bytes: [0])
            }
            for _ in 0..<(FrameLimits().nameWindow / 1024) {
                try await client.send(RawClient.names(names))
                #expect(try await client.wants().ids.count == 1024 * 32)
            }
            try await client.send(RawClient.names([names[0]]))
        }
    }

    @Test func framesThatAreNotTheSenders() async throws {
        for frame in [
            .credit(1), .wants(decided: 0, ids: Data()), .ready(), .finished(),
            .welcome(features: [], limits: FrameLimits(), session: "", agent: ""),
        ] as [Frame] {
            try await Self.expectEnd(.violation) { client in try await client.send(frame) }
        }
    }

    @Test func aSecondRequestDuringATransfer() async throws {
        try await Self.expectEnd(.violation) { client in
            try await client.send(.stat(path: Data("inbox".utf8)), .stat(path: Data("inbox".utf8)))
        }
    }

    @Test func theClientsOwnFailureIsTheReasonInTheLog() async throws {
        try await LiveDaemon.run { daemon in
            let client = try await RawClient.logIn(daemon)
            try await client.send(RawClient.push("inbox/file", size: 1))
            try await client.ready()
            try await client.send(.failure(FerryError(.inputOutput, "my disk\nis broken")))
            await client.close()
            _ = await daemon.log.line(with: "push failed", #"error="my disk\x0Ais broken""#)
        }
    }

    @Test func aTimeThatIsNone() async throws {
        try await LiveDaemon.run { daemon in
            let client = try await RawClient.logIn(daemon)
            let metadata = WireMetadata.with { $0.modifiedNanoseconds = 1_000_000_000 }
            try await client.send(.push(path: Data("inbox/file".utf8), metadata: metadata, size: 0, makeParents: false))
            try await client.expectEnd(.violation)
            #expect(try daemon.files() == [])
        }
    }

    @Test func aPushThatIsLargerThanTheDisk() async throws {
        try await LiveDaemon.run { daemon in
            let client = try await RawClient.logIn(daemon)
            for size in [1 << 60, Int.max] {
                try await client.send(RawClient.push("inbox/file", size: size))
                #expect(try await client.failure() == .noSpace)
            }
            try await client.push(Self.old, to: "inbox/file")
            await client.close()
        }
    }

    /// A receiver of a pull that breaks the rules.
    @Test func aHostilePull() async throws {
        let foreign = ChunkID.pack([RawClient.cut([1, 2, 3])[0].id])
        let lies: [Frame] = [
            .wants(decided: 1024, ids: Data()), .wants(decided: 1, ids: foreign), .wants(decided: 1, ids: Data([1])),
            .credit(1), .finished(digest: foreign, size: 12), .ready(), .end(digest: Data(), size: 0),
        ]
        try await LiveDaemon.run { daemon in
            let pusher = try await RawClient.logIn(daemon)
            try await pusher.push(Self.old, to: "inbox/file")
            await pusher.close()
            for lie in lies {
                let client = try await RawClient.logIn(daemon)
                try await client.send(.pull(path: Data("inbox/file".utf8), compression: .off))
                try await client.ready()
                guard case .names = await client.next()?.body else { throw RawClient.Unexpected(nil, #_sourceLocation) }
                try await client.send(lie)
                #expect(try await client.failureOfTransfer() == .violation)
                await client.close()
            }
        }
    }

    @Test func aPullWithAnUnknownCompressionIsRefusedAndTheConnectionGoesOn() async throws {
        try await LiveDaemon.run { daemon in
            let client = try await RawClient.logIn(daemon)
            try await client.push(Self.old, to: "inbox/file")
            try await client.send(.pull(path: Data("inbox/file".utf8), compression: .UNRECOGNIZED(9)))
            #expect(try await client.failure() == .unsupported)
            #expect(try await client.pull("inbox/file") == Self.old)
            await client.close()
        }
    }
}
