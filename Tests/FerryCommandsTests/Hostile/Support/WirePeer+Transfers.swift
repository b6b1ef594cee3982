import FerryChunking
import FerryErrors
import FerryProtocol
import FerryWire
import FoundationEssentials
import NIOCore
import Testing

/// A transfer's frames, made by hand: chunks stored, one in a block.
struct WireChunk: Sendable {
    let id: ChunkID
    let bytes: [UInt8]

    init(_ bytes: [UInt8]) {
        self.id = bytes.withUnsafeBytes { ChunkID(hashing: $0) }
        self.bytes = bytes
    }

    static func cut(_ bytes: [UInt8], length: Int = 100_000) -> [WireChunk] {
        stride(from: 0, to: bytes.count, by: length).map { start in
            WireChunk(Array(bytes[start..<min(bytes.count, start + length)]))
        }
    }

    /// The chunk as a block, or one that claims to be it and holds something else.
    func block(codec: WireBlock.Codec = .stored, length: Int? = nil, payload: [UInt8]? = nil) -> Frame {
        .block(
            codec: codec,
            ids: ChunkID.pack([self.id]),
            lengths: [UInt32(length ?? self.bytes.count)],
            payload: ByteBuffer(bytes: payload ?? self.bytes)
        )
    }
}

extension [WireChunk] {
    var names: Frame { .names(ids: ChunkID.pack(self.map(\.id)), lengths: self.map { UInt32($0.bytes.count) }) }

    var end: Frame {
        var digest = RecipeDigest()
        for chunk in self { digest.update(id: chunk.id, length: UInt32(chunk.bytes.count)) }
        return .end(
            digest: ChunkID.pack([digest.finalize()]),
            size: UInt64(self.reduce(0) { $0 + $1.bytes.count })
        )
    }
}

extension WirePeer {
    struct Unexpected: Error, CustomStringConvertible {
        let description: String

        init(_ frame: Frame?) {
            self.description = "it sent \(frame.map { "\($0.body)" } ?? "the end")".prefix(300).description
        }
    }

    static func push(_ path: String, size: Int?) -> Frame {
        .push(path: Data(path.utf8), metadata: WireMetadata(), size: size.map { UInt64($0) }, makeParents: false)
    }

    static func pull(_ path: String) -> Frame { .pull(path: Data(path.utf8), compression: .off) }

    func ready() async throws {
        let frame = await self.next()
        guard case .ready = frame?.body else { throw Unexpected(frame) }
    }

    func wants() async throws -> WireWants {
        while let frame = await self.next() {
            if case .credit = frame.body { continue }
            guard case .wants(let wants) = frame.body else { throw Unexpected(frame) }
            return wants
        }
        throw Unexpected(nil)
    }

    /// Wants all that the next names stand for, whatever of it is at hand.
    func wantAll() async throws {
        let frame = await self.next()
        guard case .names(let names) = frame?.body else { throw Unexpected(frame) }
        try await self.send(.wants(decided: names.lengths.count, ids: names.ids))
    }

    func finished() async throws {
        while let frame = await self.next() {
            if case .credit = frame.body { continue }
            guard case .finished = frame.body else { throw Unexpected(frame) }
            return
        }
        throw Unexpected(nil)
    }

    /// Passes over a listing.
    func finishedList() async throws {
        while let frame = await self.next() {
            if case .entries = frame.body { continue }
            guard case .finished = frame.body else { throw Unexpected(frame) }
            return
        }
        throw Unexpected(nil)
    }

    /// A whole push, of a file whose chunks differ.
    func push(_ bytes: [UInt8], to path: String) async throws {
        let chunks = WireChunk.cut(bytes)
        try await self.send(Self.push(path, size: bytes.count))
        try await self.ready()
        try await self.send(chunks.names)
        var decided = 0
        while decided < chunks.count { decided += Int(try await self.wants().decided) }
        for chunk in chunks { try await self.send(chunk.block()) }
        try await self.send(chunks.end)
        try await self.finished()
    }
}
