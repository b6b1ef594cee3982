import FerryChunking
import FerryErrors
import FerryProtocol
import FerryWire
import FoundationEssentials
import NIOCore
import SwiftProtobuf
import Testing

/// Transfers by hand, as a client in another language would do them: chunks of like length, stored, one in a block.
extension RawClient {
    struct Chunk {
        let id: ChunkID
        let bytes: [UInt8]
    }

    static func cut(_ bytes: [UInt8], length: Int = 100_000) -> [Chunk] {
        stride(from: 0, to: bytes.count, by: length).map { start in
            let part = Array(bytes[start..<min(bytes.count, start + length)])
            return Chunk(id: part.withUnsafeBytes { ChunkID(hashing: $0) }, bytes: part)
        }
    }

    static func push(_ path: [UInt8], size: Int?, makeParents: Bool = false) -> Frame {
        let metadata = WireMetadata.with {
            $0.mode = 0o644
            $0.modifiedSeconds = 1_700_000_000
        }
        return .push(path: Data(path), metadata: metadata, size: size.map { UInt64($0) }, makeParents: makeParents)
    }

    static func push(_ path: String, size: Int?, makeParents: Bool = false) -> Frame {
        self.push(Array(path.utf8), size: size, makeParents: makeParents)
    }

    static func names(_ chunks: [Chunk]) -> Frame {
        .names(ids: ChunkID.pack(chunks.map(\.id)), lengths: chunks.map { UInt32($0.bytes.count) })
    }

    static func block(_ chunk: Chunk) -> Frame {
        .block(
            codec: .stored,
            ids: ChunkID.pack([chunk.id]),
            lengths: [UInt32(chunk.bytes.count)],
            payload: ByteBuffer(bytes: chunk.bytes)
        )
    }

    static func end(_ chunks: [Chunk]) -> Frame {
        var digest = RecipeDigest()
        for chunk in chunks { digest.update(id: chunk.id, length: UInt32(chunk.bytes.count)) }
        return .end(
            digest: ChunkID.pack([digest.finalize()]),
            size: UInt64(chunks.reduce(0) { $0 + $1.bytes.count })
        )
    }

    /// Pushes a file of up to some MiB.
    ///
    /// - Returns: how many of its chunks the daemon lacked.
    @discardableResult
    func push(_ bytes: [UInt8], to path: String) async throws -> Int {
        try await self.push(bytes, to: Array(path.utf8))
    }

    @discardableResult
    func push(_ bytes: [UInt8], to path: [UInt8]) async throws -> Int {
        try await self.send(Self.push(path, size: bytes.count))
        return try await self.sendFile(bytes)
    }

    /// The rest of a push that was asked for.
    func sendFile(_ bytes: [UInt8]) async throws -> Int {
        let chunks = Self.cut(bytes)
        var sent = 0
        try await self.ready()
        if !chunks.isEmpty { try await self.send(Self.names(chunks)) }
        var undecided = chunks[...]
        while !undecided.isEmpty {
            let wants = try await self.wants()
            var wanted = try ChunkID.unpack(wants.ids)[...]
            for chunk in undecided.prefix(Int(wants.decided)) where wanted.first == chunk.id {
                wanted.removeFirst()
                try await self.send(Self.block(chunk))
                sent += 1
            }
            #expect(wanted.isEmpty)
            undecided.removeFirst(Int(wants.decided))
        }
        try await self.send(Self.end(chunks))
        _ = try await self.finished()
        return sent
    }

    /// Pulls a file and checks every chunk.
    func pull(_ path: String) async throws -> [UInt8] {
        try await self.pull(Array(path.utf8))
    }

    func pull(_ path: [UInt8]) async throws -> [UInt8] {
        try await self.send(.pull(path: Data(path), compression: .off))
        try await self.ready()
        var bytes: [UInt8] = []
        var digest = RecipeDigest()
        while let frame = await self.next() {
            switch frame.body {
            case .names(let names):
                for (id, length) in zip(try ChunkID.unpack(names.ids), names.lengths) {
                    digest.update(id: id, length: length)
                }
                try await self.send(.wants(decided: names.lengths.count, ids: names.ids))
            case .block(let block):
                var payload = frame.payload
                for (id, length) in zip(try ChunkID.unpack(block.ids), block.lengths) {
                    let chunk = payload.readBytes(length: Int(length)) ?? []
                    #expect(chunk.withUnsafeBytes { ChunkID(hashing: $0) } == id)
                    bytes += chunk
                }
                try await self.send(.credit(frame.payload.readableBytes))
            case .end(let end):
                #expect(end.size == UInt64(bytes.count))
                #expect(end.digest == ChunkID.pack([digest.finalize()]))
                try await self.send(.finished(digest: end.digest, size: end.size))
                return bytes
            default: throw Unexpected(frame, #_sourceLocation)
            }
        }
        throw Unexpected(nil, #_sourceLocation)
    }

    /// The next decision; credit is passed over, for these transfers fit the window.
    func wants(sourceLocation: SourceLocation = #_sourceLocation) async throws -> WireWants {
        while let frame = await self.next() {
            switch frame.body {
            case .credit: continue
            case .wants(let wants): return wants
            default: throw Unexpected(frame, sourceLocation)
            }
        }
        throw Unexpected(nil, sourceLocation)
    }

    func finished(sourceLocation: SourceLocation = #_sourceLocation) async throws -> WireFinished {
        while let frame = await self.next() {
            switch frame.body {
            case .credit: continue
            case .finished(let finished): return finished
            default: throw Unexpected(frame, sourceLocation)
            }
        }
        throw Unexpected(nil, sourceLocation)
    }

    /// Passes over what belongs to the transfer, up to the failure that ends it.
    func failureOfTransfer(sourceLocation: SourceLocation = #_sourceLocation) async throws -> FerryError.Code {
        while let frame = await self.next() {
            switch frame.body {
            case .ready, .credit, .wants, .names, .block: continue
            case .failure(let failure): return FerryError.Code(rawValue: failure.code)
            default: throw Unexpected(frame, sourceLocation)
            }
        }
        throw Unexpected(nil, sourceLocation)
    }
}
