import FerryChunking
import FerryErrors
import FerryProtocol
import FerryWire
import NIOCore
import Testing

/// The push that Docs/protocol.md shows, played against both machines: what the page's frames say is what they say.
struct ProtocolPageTests {
    private let frames: [String: Frame]

    init() throws {
        var frames: [String: Frame] = [:]
        for example in try ProtocolPage.examples() {
            var decoder = FrameDecoder(limits: FrameLimits())
            var input = ByteBuffer(bytes: example.bytes)
            frames[example.name] = try decoder.next(&input)
        }
        self.frames = frames
    }

    @Test func bothMachinesSayWhatThePageShows() throws {
        guard
            case .push(let push)? = self.frames["push"]?.body, case .names(let names)? = self.frames["names"]?.body,
            case .wants(let wants)? = self.frames["wants"]?.body,
            case .credit(let credit)? = self.frames["credit"]?.body,
            case .names(let again)? = self.frames["names-again"]?.body,
            case .wants(let none)? = self.frames["wants-none"]?.body, case .end(let end)? = self.frames["end"]?.body,
            case .finished(let finished)? = self.frames["finished"]?.body
        else {
            Issue.record("the page does not show the whole push")
            return
        }
        var receiver = ReceiveMachine(limits: FrameLimits(), announcedSize: push.size, repeats: .copied)
        var sender = SendMachine(limits: FrameLimits())

        let ids = try ChunkID.unpack(names.ids)
        sender.namesSent(ids)
        #expect(try receiver.decide(names) == ids.map(Decision.want))
        #expect(self.frames["wants"] == .wants(decided: 2, ids: ChunkID.pack(ids)))
        #expect(try sender.wantsReceived(wants).decisions == [true, true])

        var consumed = 0
        for name in ["block-stored", "block-zlib"] {
            let frame = try #require(self.frames[name])
            guard case .block(let block) = frame.body else {
                Issue.record("\(name) is no block")
                return
            }
            sender.blockSent(chunks: block.lengths.count, payload: frame.payload.readableBytes)
            let deliveries = try receiver.blockReceived(block, payload: frame.payload.readableBytes)
            let raw = try self.raw(block, frame.payload, length: deliveries.reduce(0) { $0 + $1.length })
            #expect(deliveries.map(\.id) == [raw.withUnsafeBytes { ChunkID(hashing: $0) }], "\(name)")
            for delivery in deliveries { receiver.chunkWritten(delivery.id, at: delivery.offset) }
            consumed += frame.payload.readableBytes
        }
        #expect(self.frames["credit"] == .credit(consumed))
        receiver.credited(consumed)
        try sender.creditReceived(credit)
        #expect(sender.inFlight == 0)

        sender.namesSent([ids[0]])
        let repeated = ReceiveMachine.Name(id: ids[0], offset: 70, length: 6)
        #expect(try receiver.decide(again) == [.have(from: 0, repeated)])
        #expect(try sender.wantsReceived(none).decisions == [false])

        let digest = try receiver.endReceived(end)
        #expect(self.frames["finished"] == .finished(digest: ChunkID.pack([digest]), size: receiver.size))
        sender.endSent(digest: digest, size: end.size)
        try sender.finishedReceived(finished)
        #expect(sender.isFinished)
    }

    private func raw(_ block: WireBlock, _ payload: ByteBuffer, length: Int) throws -> [UInt8] {
        let bytes = Array(payload.readableBytesView)
        guard block.codec == .zlib else { return bytes }
        var output = [UInt8](repeating: 1, count: length)
        try bytes.withUnsafeBytes { compressed in
            try output.withUnsafeMutableBytes { try BlockDecompressor().decompress(compressed, into: $0) }
        }
        return output
    }
}
