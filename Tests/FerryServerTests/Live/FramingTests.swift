import FerryErrors
import FerryProtocol
import FerryServer
import FerryWire
import FoundationEssentials
import NIOCore
import Testing

/// Frames at and past their limits, in pieces, and where they may not be.
@Suite(.timeLimit(.minutes(5))) struct FramingTests {
    private static func prefix(_ header: UInt32, _ payload: UInt32) -> [UInt8] {
        var buffer = ByteBuffer()
        buffer.writeInteger(header)
        buffer.writeInteger(payload)
        return Array(buffer.readableBytesView)
    }

    /// A frame whose header is filled up to `length` bytes by `make`, which takes the length of the filling.
    private static func frame(header length: Int, _ make: (Int) -> Frame) throws -> Frame {
        for filling in stride(from: length, through: 0, by: -1) {
            let frame = make(filling)
            let encoded = try? frame.encoded()
            if let encoded, encoded.readableBytes - WireConstants.prefixLength - frame.payload.readableBytes == length {
                return frame
            }
        }
        throw FerryError(.internalError, "no filling makes a header of \(length) bytes")
    }

    private static func hello(_ token: String, header length: Int) throws -> Frame {
        try self.frame(header: length) { filling in
            .hello(token: token, features: [], limits: FrameLimits(), agent: String(repeating: "a", count: filling))
        }
    }

    @Test(arguments: ["GET / HTTP/1.1\r\n\r\n", "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}", "SSH-2.0-x\r\n"])
    func whatIsNotFerrys(_ text: String) async throws {
        try await LiveDaemon.run { daemon in
            let client = try await RawClient.connect(port: daemon.port)
            try await client.send(bytes: Array(text.unicodeScalars.map { UInt8($0.value) }))
            try await client.expectEnd(.limit)
        }
    }

    @Test func framesBeforeTheHello() async throws {
        try await LiveDaemon.run { daemon in
            for frame in [.keepAlive, .list(path: Data()), .credit(1)] as [Frame] {
                let client = try await RawClient.connect(port: daemon.port)
                try await client.send(frame)
                try await client.expectEnd(.violation)
            }
        }
    }

    @Test func aFrameBeforeTheHelloIsAnswered() async throws {
        try await LiveDaemon.run { settings in
            settings.penalties.first = .seconds(60)
        } _: { daemon in
            // A wrong secret is answered late, so that what follows comes before the answer for sure.
            let client = try await RawClient.connect(port: daemon.port)
            try await client.send(RawClient.hello("wrong"), .list(path: Data()))
            try await client.expectEnd(.violation)
        }
    }

    @Test func aPayloadBeforeTheLogin() async throws {
        try await LiveDaemon.run { daemon in
            let client = try await RawClient.connect(port: daemon.port)
            try await client.send(bytes: Self.prefix(10, 1))
            try await client.expectEnd(.limit)
        }
    }

    @Test func theHellosHeaderAtItsLimitAndOnePast() async throws {
        try await LiveDaemon.run { daemon in
            let good = try await RawClient.connect(port: daemon.port)
            try await good.send(try Self.hello(daemon.token, header: WireConstants.helloHeaderLimit))
            _ = try await good.welcome()
            await good.close()
            let bad = try await RawClient.connect(port: daemon.port)
            try await bad.send(try Self.hello(daemon.token, header: WireConstants.helloHeaderLimit + 1))
            try await bad.expectEnd(.limit)
        }
    }

    @Test func aHeaderAtItsLimit() async throws {
        try await LiveDaemon.run { daemon in
            let client = try await RawClient.logIn(daemon)
            let path = try Self.frame(header: WireConstants.headerLimit) {
                .stat(path: Data(repeating: 0x61, count: $0))
            }
            try await client.send(path)
            // Read whole, and refused for what it says: the connection goes on.
            #expect(try await client.failure() == .denied)
            try await client.send(.stat(path: Data("inbox".utf8)))
            guard case .entries = await client.next()?.body else { throw RawClient.Unexpected(nil, #_sourceLocation) }
            await client.close()
        }
    }

    @Test(
        arguments: [
            (UInt32(WireConstants.headerLimit + 1), 0), (.max, 0), (10, UInt32(WireConstants.payloadLimit + 1)),
            (10, .max),
            (.max, .max),
        ] as [(UInt32, UInt32)]
    )
    func lengthsPastTheLimit(_ header: UInt32, _ payload: UInt32) async throws {
        try await LiveDaemon.run { daemon in
            for isLoggedIn in [true, false] {
                let client = try await isLoggedIn ? RawClient.logIn(daemon) : RawClient.connect(port: daemon.port)
                try await client.send(bytes: Self.prefix(header, payload))
                try await client.expectEnd(.limit)
            }
        }
    }

    /// A header without content, an unknown message (field 63), one that is not protobuf, and a truncated field.
    @Test(arguments: [[], [0xFA, 0x03, 0x00], [0xFF, 0xFF, 0xFF], [0x4A, 0x05, 0x61]] as [[UInt8]])
    func headersThatSayNothing(_ header: [UInt8]) async throws {
        try await LiveDaemon.run { daemon in
            for isLoggedIn in [true, false] {
                let client = try await isLoggedIn ? RawClient.logIn(daemon) : RawClient.connect(port: daemon.port)
                try await client.send(bytes: Self.prefix(UInt32(header.count), 0) + header)
                try await client.expectEnd(.violation)
            }
        }
    }

    @Test func unknownFieldsAreSkipped() async throws {
        try await LiveDaemon.run { daemon in
            let client = try await RawClient.logIn(daemon)
            // Stat of "inbox", with field 9 of it as a varint, and an unknown field beside it in the header.
            let header: [UInt8] = [0x5A, 0x09, 0x0A, 0x05] + Array("inbox".utf8) + [0x48, 0x01] + [0xC0, 0x3E, 0x01]
            try await client.send(bytes: Self.prefix(UInt32(header.count), 0) + header)
            guard case .entries = await client.next()?.body else { throw RawClient.Unexpected(nil, #_sourceLocation) }
            await client.close()
        }
    }

    @Test func unknownFeaturesAreIgnored() async throws {
        try await LiveDaemon.run { daemon in
            let client = try await RawClient.connect(port: daemon.port)
            try await client.send(RawClient.hello(daemon.token, features: ["teleport", "", "\u{1B}[2J"]))
            let welcome = try await client.welcome()
            #expect(welcome.features == [])
            #expect(welcome.version == WireConstants.version)
            #expect(welcome.session.count == 16)
            await client.close()
        }
    }

    @Test func keepAlivesBetweenAndWithinRequests() async throws {
        try await LiveDaemon.run { daemon in
            let client = try await RawClient.logIn(daemon)
            try await client.send(.keepAlive, .keepAlive)
            try await client.send(RawClient.push("inbox/alive", size: 0))
            try await client.ready()
            try await client.send(.keepAlive, RawClient.end([]))
            _ = try await client.finished()
            try await client.send(Frame(.keepAlive(.init()), payload: ByteBuffer(bytes: [1])))
            try await client.expectEnd(.violation)
        }
    }

    @Test func aDialogueByteByByte() async throws {
        try await LiveDaemon.run { daemon in
            let chunks = RawClient.cut(Array("some bytes".utf8), length: 4)
            let client = try await RawClient.connect(port: daemon.port)
            func send(_ frame: Frame) async throws {
                for byte in try frame.encoded().readableBytesView { try await client.send(bytes: [byte]) }
            }
            try await send(RawClient.hello(daemon.token))
            _ = try await client.welcome()
            try await send(RawClient.push("inbox/slow", size: 10))
            try await client.ready()
            try await send(RawClient.names(chunks))
            _ = try await client.wants()
            for chunk in chunks { try await send(RawClient.block(chunk)) }
            try await send(RawClient.end(chunks))
            _ = try await client.finished()
            await client.close()
            #expect(try daemon.content("slow") == Array("some bytes".utf8))
        }
    }

    /// Cuts a push at every byte: nothing becomes visible, and nothing is left.
    @Test func aDialogueThatIsCutAtEveryByte() async throws {
        try await LiveDaemon.run { daemon in
            let chunks = RawClient.cut(Array("some bytes".utf8), length: 10)
            let steps: [(frame: Frame, isAnswered: Bool)] = [
                (RawClient.hello(daemon.token), true), (RawClient.push("inbox/cut", size: 10), true),
                (RawClient.names(chunks), true), (RawClient.block(chunks[0]), false), (RawClient.end(chunks), true),
            ]
            for number in steps.indices {
                let last = Array(try steps[number].frame.encoded().readableBytesView)
                for length in 0..<last.count {
                    let client = try await RawClient.connect(port: daemon.port)
                    for step in steps[..<number] {
                        try await client.send(step.frame)
                        if step.isAnswered { _ = await client.next() }
                    }
                    try await client.send(bytes: Array(last[..<length]))
                    await client.close()
                }
            }
            #expect(try daemon.files().filter { !$0.hasPrefix(".ferry-part.") } == [])
            #expect(!daemon.log.lines(with: "ended within a frame").isEmpty)
        }
    }
}
