import FerryErrors
import FerryTestKit
import FerryWire
import Foundation
import NIOCore
import Testing

struct FrameDecoderTests {
    /// The error that `bytes` end in, or nil if they are good so far.
    private func failure(_ bytes: [UInt8], limits: FrameLimits = FrameLimits()) -> FerryError? {
        var decoder = FrameDecoder(limits: limits)
        do {
            _ = try decoder.frames(in: [bytes[...]])
            return nil
        } catch {
            return error as? FerryError
        }
    }

    // MARK: Pieces

    @Test func aFrameCutAtEveryByteIsTheSameFrame() throws {
        for (name, frame) in Frames.all {
            let bytes = try frame.bytes()
            for cut in 0...bytes.count {
                var decoder = FrameDecoder(limits: FrameLimits())
                let first = try decoder.frames(in: [bytes[..<cut]])
                #expect(first.count == (cut == bytes.count ? 1 : 0), "\(name) cut at \(cut)")
                #expect(decoder.isAtBoundary == (cut == 0 || cut == bytes.count), "\(name) cut at \(cut)")
                #expect(try first + decoder.frames(in: [bytes[cut...]]) == [frame], "\(name) cut at \(cut)")
            }
        }
    }

    /// Whoever received the input uses its storage again, which must not cost a copy (Docs/decisions/reused-buffers.md),
    /// and whoever writes the payload to a disk wants it to start with a page.
    @Test func aPayloadHasStorageOfItsOwnThatStartsWithAPage() throws {
        let sent = Frame.block(codec: .stored, ids: Data(), lengths: [], payload: ByteBuffer(repeating: 7, count: 5000))
        let bytes = try sent.bytes()
        for split in [0, bytes.count - 1, bytes.count] {
            var decoder = FrameDecoder(limits: FrameLimits())
            var frames: [Frame] = []
            for piece in [bytes[..<split], bytes[split...]] {
                var input = ByteBuffer(bytes: piece)
                while let frame = try decoder.next(&input) { frames.append(frame) }
                let before = input.withVeryUnsafeBytes { $0.baseAddress }
                input.clear()
                #expect(input.withVeryUnsafeBytes { $0.baseAddress } == before, "the input is still referenced")
            }
            let frame = try #require(frames.first)
            #expect(frame == sent)
            frame.payload.withUnsafeReadableBytes { #expect(Int(bitPattern: $0.baseAddress) % 4096 == 0) }
        }
    }

    @Test func framesInRandomPiecesEqualWholeOnes() throws {
        let frames = Frames.all.map(\.frame)
        let bytes = try frames.flatMap { try $0.bytes() }
        try withFreshSeed { generator throws in
            for _ in 0..<200 {
                let most = Int.random(in: 1...300, using: &generator)
                var pieces: [ArraySlice<UInt8>] = []
                var start = 0
                while start < bytes.count {
                    let end = min(bytes.count, start + Int.random(in: 0...most, using: &generator))
                    pieces.append(bytes[start..<end])
                    start = end
                }
                var decoder = FrameDecoder(limits: FrameLimits())
                #expect(try decoder.frames(in: pieces) == frames)
                #expect(decoder.isAtBoundary)
            }
        }
    }

    @Test func aPayloadAtTheLimitArrivesWholeInPieces() throws {
        let payload = ByteBuffer(repeating: 7, count: WireConstants.payloadLimit)
        let frame = Frame.block(codec: .stored, ids: Frames.ferry, lengths: [1 << 20], payload: payload)
        let bytes = try frame.bytes()
        var decoder = FrameDecoder(limits: FrameLimits())
        let pieces = stride(from: 0, to: bytes.count, by: 65_537).map { bytes[$0..<min(bytes.count, $0 + 65_537)] }
        #expect(try decoder.frames(in: pieces) == [frame])
    }

    // MARK: Lengths

    @Test(arguments: [FrameLimits(), .beforeHello])
    func lengthsAtTheLimitAreAwaitedAndLongerOnesFailAtOnce(_ limits: FrameLimits) {
        let (header, payload) = (UInt32(limits.header), UInt32(limits.payload))
        #expect(self.failure(prefix(header: header, payload: payload), limits: limits) == nil)
        #expect(self.failure(prefix(header: header + 1, payload: 0), limits: limits)?.code == .limit)
        #expect(self.failure(prefix(header: 1, payload: payload + 1), limits: limits)?.code == .limit)
        #expect(self.failure(prefix(header: .max, payload: 0), limits: limits)?.code == .limit)
        #expect(self.failure(prefix(header: 1, payload: .max), limits: limits)?.code == .limit)
        #expect(self.failure(prefix(header: .max, payload: .max), limits: limits)?.code == .limit)
    }

    @Test func aHeaderAtTheLimitIsRead() throws {
        // 1 byte of tag and 3 of length for the message, as much again for its text.
        let text = String(repeating: "x", count: WireConstants.headerLimit - 8)
        let frame = Frame(.failure(make(WireFailure()) { $0.message = text }))
        let bytes = try frame.bytes()
        #expect(bytes.count == WireConstants.prefixLength + WireConstants.headerLimit)
        var decoder = FrameDecoder(limits: FrameLimits())
        #expect(try decoder.frames(in: [bytes[...]]) == [frame])
    }

    @Test func limitsThatWereRaisedHoldForTheNextFrame() throws {
        let frame = Frame.names(ids: Frames.ferry, lengths: [6])
        let block = Frame.block(codec: .stored, ids: Frames.ferry, lengths: [1], payload: ByteBuffer(bytes: [1]))
        var decoder = FrameDecoder(limits: .beforeHello)
        #expect(try decoder.frames(in: [try frame.bytes()[...]]) == [frame])
        decoder.limits = FrameLimits()
        #expect(try decoder.frames(in: [try block.bytes()[...]]) == [block])
    }

    // MARK: Headers

    @Test(
        arguments: [
            ("empty", []),
            ("unknown message 63", [0xFA, 0x03, 0x00]),
            ("unknown message 5", [0x2A, 0x00]),
            ("known message as a varint", [0x22 & 0xF8, 0x00]),
            ("length past the end", [0x22, 0x05, 0x00]),
            ("tag 0", [0x00, 0x00]),
            ("varint without end", [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80]),
            ("text that is not UTF-8", [0x1A, 0x03, 0x0A, 0x01, 0xFF]),
            ("lengths that end within a varint", [0xC2, 0x01, 0x03, 0x12, 0x01, 0x80]),
        ] as [(String, [UInt8])]
    )
    func aHeaderThatSaysNothingKnownIsAViolation(_ what: String, _ header: [UInt8]) {
        let bytes = prefix(header: UInt32(header.count), payload: 0) + header
        #expect(self.failure(bytes)?.code == .violation, "\(what)")
    }

    @Test func unknownFieldsOfAKnownMessageAreSkippedAndForgotten() throws {
        let header: [UInt8] = [0xDA, 0x01, 0x06, 0x08, 0x12, 0x52, 0x02, 0x61, 0x62]
        var decoder = FrameDecoder(limits: FrameLimits())
        let frames = try decoder.frames(in: [(prefix(header: UInt32(header.count), payload: 0) + header)[...]])
        #expect(frames == [.credit(18)])
    }

    @Test func theDecoderStaysFailed() throws {
        var decoder = FrameDecoder(limits: .beforeHello)
        let good = try Frame.keepAlive.bytes()
        #expect(throws: FerryError.self) { try decoder.frames(in: [prefix(header: 1, payload: 1)[...]]) }
        for _ in 0..<2 {
            #expect { try decoder.frames(in: [good[...]]) } throws: { ($0 as? FerryError)?.code == .limit }
        }
        var input = ByteBuffer()
        #expect(throws: FerryError.self) { try decoder.next(&input) }
    }

    // MARK: Noise

    @Test func randomBytesNeverTrap() {
        withFreshSeed { generator in
            for _ in 0..<Soak.count(20_000, soak: 20_000_000) {
                let bytes = (0..<Int.random(in: 0...64, using: &generator)).map { _ in
                    UInt8.random(in: .min ... .max, using: &generator)
                }
                _ = self.failure(bytes)
                // Noise as a header of the right length gets further than noise as a prefix.
                _ = self.failure(prefix(header: UInt32(bytes.count), payload: 0) + bytes)
            }
        }
    }

    @Test func damagedFramesNeverTrap() throws {
        let frames = try Frames.all.map { try $0.frame.bytes() }
        withFreshSeed { generator in
            for _ in 0..<20_000 {
                guard var bytes = frames.randomElement(using: &generator) else { continue }
                for _ in 0..<Int.random(in: 1...4, using: &generator) {
                    bytes[Int.random(in: 0..<bytes.count, using: &generator)] = .random(
                        in: .min ... .max,
                        using: &generator
                    )
                }
                _ = self.failure(bytes)
            }
        }
    }
}
