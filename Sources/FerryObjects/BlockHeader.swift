package import FerryChunking
package import FerryErrors

/// What precedes a block in a pack. Docs/format.md, "Blocks": 40 bytes, the table of its chunks, the stored bytes.
package struct BlockHeader: Equatable, Sendable {
    /// Bytes before the table.
    package static let length = 40
    /// Chunks in one block.
    package static let maximumCount = 1024
    /// How it begins.
    package static let magic = Array("FBlk".utf8)

    /// A chunk or a node in the block.
    package struct Part: Equatable, Sendable {
        package let id: ChunkID
        /// Raw bytes.
        package let length: Int

        package init(id: ChunkID, length: Int) { (self.id, self.length) = (id, length) }
    }

    package let kind: ObjectKind
    /// Whether the stored bytes are a zlib stream (RFC 1950).
    package let isCompressed: Bool
    /// Which key seals it: 0, for none.
    package let keyID: UInt32
    /// Bytes of the body.
    package let storedLength: Int
    /// CRC-32C (RFC 3720) of the body.
    package let checksum: UInt32
    package let parts: [Part]

    package init(
        kind: ObjectKind,
        isCompressed: Bool,
        keyID: UInt32 = 0,
        storedLength: Int,
        checksum: UInt32,
        parts: [Part]
    ) {
        (self.kind, self.isCompressed, self.keyID) = (kind, isCompressed, keyID)
        (self.storedLength, self.checksum, self.parts) = (storedLength, checksum, parts)
    }

    package var rawLength: Int { self.parts.reduce(0) { $0 + $1.length } }
    /// Bytes of header and table.
    package var headLength: Int { Self.headLength(self.parts.count) }
    private static func headLength(_ count: Int) -> Int { self.length + count * (ChunkID.length + 4) }
    /// Bytes of header, table and body.
    package var totalLength: Int { self.headLength + self.storedLength }

    /// Header and table.
    ///
    /// - Parameter salt: of the pack, so that a block within a file that was backed up is not taken for one of the pack's.
    /// - Returns: the bytes that go before the body.
    package func encoded(salt: PackSalt) -> [UInt8] {
        var table = ByteWriter()
        for part in self.parts {
            table.id(part.id)
            table.fixed(UInt32(truncatingIfNeeded: part.length))
        }
        var writer = ByteWriter()
        writer.raw(Self.magic)
        writer.fixed(self.kind.rawValue)
        writer.fixed(UInt8(self.isCompressed ? 1 : 0))
        writer.fixed(UInt16(self.parts.count))
        writer.fixed(self.keyID)
        writer.fixed(UInt32(truncatingIfNeeded: self.storedLength))
        writer.fixed(UInt32(truncatingIfNeeded: self.rawLength))
        writer.fixed(self.checksum)
        writer.fixed(UInt64(0))
        writer.fixed(Checksum.crc32c(table.bytes))
        writer.fixed(Checksum.crc32c(salt.bytes + writer.bytes))
        return writer.bytes + table.bytes
    }

    /// Bytes of header and table, as the first ``length`` bytes tell.
    ///
    /// - Parameters:
    ///   - start: the first ``length`` bytes.
    ///   - salt: of the pack.
    /// - Returns: the bytes of both.
    /// - Throws: `.integrity` if they are none.
    package static func headLength(_ start: [UInt8], salt: PackSalt) throws(FerryError) -> Int {
        var reader = ByteReader(start, "a block's header")
        guard start.count == Self.length, try reader.raw(4) == Self.magic,
            let sum = Checksum.suffix(start), sum == Checksum.crc32c(salt.bytes + Array(start.dropLast(4)))
        else { throw reader.damaged("its sum differs") }
        _ = try reader.raw(2)
        let count = Int(try reader.fixed(UInt16.self))
        guard count > 0, count <= Self.maximumCount else { throw reader.damaged("it holds \(count) chunks") }
        return Self.headLength(count)
    }

    /// Reads header and table.
    ///
    /// - Parameters:
    ///   - bytes: both, and nothing else.
    ///   - salt: of the pack.
    /// - Throws: `.integrity` if they are damaged, `.unsupported` if a key seals the block.
    package init(_ bytes: [UInt8], salt: PackSalt) throws(FerryError) {
        let length = try Self.headLength(Array(bytes.prefix(Self.length)), salt: salt)
        var reader = ByteReader(bytes.dropFirst(4), "a block's header")
        guard let kind = ObjectKind(rawValue: try reader.fixed(UInt8.self)), bytes.count == length else {
            throw reader.damaged("its kind is unknown")
        }
        let codec = try reader.fixed(UInt8.self)
        let count = Int(try reader.fixed(UInt16.self))
        let keyID = try reader.fixed(UInt32.self)
        guard codec <= 1, keyID == 0 else {
            throw FerryError(.unsupported, "a block is stored in a way that this version does not know")
        }
        let storedLength = Int(try reader.fixed(UInt32.self))
        let rawLength = Int(try reader.fixed(UInt32.self))
        let checksum = try reader.fixed(UInt32.self)
        guard try reader.fixed(UInt64.self) == 0 else { throw reader.damaged("what is reserved is used") }
        let tableSum = try reader.fixed(UInt32.self)
        _ = try reader.raw(4)
        guard Checksum.crc32c(Array(bytes.dropFirst(Self.length))) == tableSum else {
            throw reader.damaged("its table's sum differs")
        }
        var parts: [Part] = []
        var total = 0
        for _ in 0..<count {
            let part = Part(id: try reader.id(), length: Int(try reader.fixed(UInt32.self)))
            total += part.length
            guard part.length > 0, total <= ChunkLimits.maximumLength else { throw reader.damaged("it is too long") }
            parts.append(part)
        }
        guard total == rawLength, storedLength > 0, storedLength <= ChunkLimits.maximumLength,
            codec == 1 || storedLength == rawLength
        else { throw reader.damaged("its lengths do not agree") }
        self.init(
            kind: kind,
            isCompressed: codec == 1,
            keyID: keyID,
            storedLength: storedLength,
            checksum: checksum,
            parts: parts
        )
    }
}
