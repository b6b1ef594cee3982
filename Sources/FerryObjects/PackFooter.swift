package import FerryChunking
package import FerryErrors

/// Sixteen random bytes of a pack, which the sums of its blocks' headers include.
package struct PackSalt: Hashable, Sendable {
    package static let length = 16
    package let bytes: [UInt8]

    package init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count == Self.length else { return nil }
        self.bytes = Array(bytes)
    }

    /// A fresh one.
    package static func random() -> PackSalt {
        var generator = SystemRandomNumberGenerator()
        let halves = [generator.next(), generator.next()]
        let bytes = halves.flatMap { half in (0..<8).map { UInt8(truncatingIfNeeded: half >> (8 * UInt64($0))) } }
        return PackSalt(bytes) ?? PackSalt(zeros: ())
    }

    private init(zeros: ()) { self.bytes = [UInt8](repeating: 0, count: Self.length) }
}

/// The first bytes of a pack.
package struct PackHeader: Equatable, Sendable {
    package static let length = 32
    private static let magic = Array("FerryPak".utf8)
    private static let version: UInt16 = 1

    package let kind: ObjectKind
    package let salt: PackSalt

    package init(kind: ObjectKind, salt: PackSalt) { (self.kind, self.salt) = (kind, salt) }

    package var encoded: [UInt8] {
        var writer = ByteWriter()
        writer.raw(Self.magic)
        writer.fixed(Self.version)
        writer.fixed(self.kind.rawValue)
        writer.fixed(UInt8(0))
        writer.raw(self.salt.bytes)
        writer.fixed(Checksum.crc32c(writer.bytes))
        return writer.bytes
    }

    /// - Throws: `.integrity` if it is damaged, `.newerState` if a later Ferry wrote it.
    package init(_ bytes: [UInt8]) throws(FerryError) {
        var reader = ByteReader(bytes, "a pack's header")
        guard bytes.count == Self.length, try reader.raw(Self.magic.count) == Self.magic,
            Checksum.suffix(bytes) == Checksum.crc32c(Array(bytes.dropLast(4)))
        else { throw reader.damaged("its sum differs") }
        guard try reader.fixed(UInt16.self) == Self.version else {
            throw FerryError(.newerState, "a pack was written by a later version of Ferry", remedy: "upgrade Ferry")
        }
        guard let kind = ObjectKind(rawValue: try reader.fixed(UInt8.self)), try reader.fixed(UInt8.self) == 0,
            let salt = PackSalt(try reader.raw(PackSalt.length))
        else { throw reader.damaged("its kind is unknown") }
        self.init(kind: kind, salt: salt)
    }
}

/// The list of a pack's blocks. Its SHA-256 names the pack. Docs/format.md, "Packs".
package struct PackFooter: Equatable, Sendable {
    /// Bytes of a footer: of 64 MiB in chunks of a KiB, twice.
    package static let maximumLength = 8 << 20
    /// Bytes of a whole pack.
    package static let maximumPackLength = 128 << 20

    private static let ownerLimit = 255

    /// A block, and where it lies.
    package struct Block: Equatable, Sendable {
        /// In the pack, in bytes; of its header.
        package let offset: UInt32
        package let header: BlockHeader

        package init(offset: UInt32, header: BlockHeader) { (self.offset, self.header) = (offset, header) }
    }

    /// What a section is. One that is not known ends reading if its bit `critical` is set.
    private enum Section: UInt16 {
        case blocks = 1
        case owner = 2
        case epoch = 3
        case header = 4
    }
    private static let critical: UInt16 = 0x8000

    package let header: PackHeader
    /// The user whose transfer wrote it.
    package let owner: String
    /// Of the daemon's ownership of the repository: 0 today.
    package let epoch: UInt64
    package let blocks: [Block]

    package init(header: PackHeader, owner: String, epoch: UInt64 = 0, blocks: [Block]) {
        (self.header, self.owner, self.epoch, self.blocks) = (header, owner, epoch, blocks)
    }

    package var encoded: [UInt8] {
        var writer = ByteWriter()
        func put(_ section: Section, _ body: [UInt8]) {
            writer.fixed(section.rawValue | Self.critical)
            writer.fixed(UInt32(body.count))
            writer.raw(body)
        }
        put(.header, self.header.encoded)
        put(.owner, Array(self.owner.utf8))
        var epoch = ByteWriter()
        epoch.fixed(self.epoch)
        put(.epoch, epoch.bytes)
        var blocks = ByteWriter()
        blocks.fixed(UInt32(self.blocks.count))
        for block in self.blocks {
            blocks.fixed(block.offset)
            blocks.raw(block.header.encoded(salt: self.header.salt))
        }
        put(.blocks, blocks.bytes)
        return writer.bytes
    }

    /// The pack's name.
    package static func name(_ encoded: [UInt8]) -> ChunkID { ChunkID.hashing(encoded) }

    /// - Parameter bytes: an encoded footer, the name of which is the caller's to check.
    /// - Throws: `.integrity` if it is damaged, `.newerState` if it has a critical section that is not known.
    package init(_ bytes: [UInt8]) throws(FerryError) {
        var reader = ByteReader(bytes[...], "a pack's footer")
        var (header, owner, epoch, blocks) = (PackHeader?.none, "", UInt64(0), [Block]?.none)
        while !reader.isAtEnd {
            let type = try reader.fixed(UInt16.self)
            let body = try reader.raw(Int(try reader.fixed(UInt32.self)))
            switch Section(rawValue: type & ~Self.critical) {
            case .header: header = try PackHeader(body)
            case .owner:
                guard body.count <= Self.ownerLimit, let name = String(validating: body, as: UTF8.self) else {
                    throw reader.damaged("its owner has no name")
                }
                owner = name
            case .epoch:
                var number = ByteReader(body[...], "a pack's footer")
                epoch = try number.fixed(UInt64.self)
                try number.end()
            case .blocks:
                guard let header else { throw reader.damaged("its sections are not in order") }
                blocks = try Self.blocks(body, header)
            case nil:
                guard type & Self.critical == 0 else {
                    throw FerryError(
                        .newerState,
                        "a pack was written by a later version of Ferry",
                        remedy: "upgrade Ferry"
                    )
                }
            }
        }
        guard let header, let blocks else { throw reader.damaged("it lacks a section") }
        self.init(header: header, owner: owner, epoch: epoch, blocks: blocks)
    }

    private static func blocks(_ body: [UInt8], _ header: PackHeader) throws(FerryError) -> [Block] {
        var reader = ByteReader(body[...], "a pack's footer")
        let count = Int(try reader.fixed(UInt32.self))
        guard count <= body.count / BlockHeader.length else { throw reader.damaged("it ends early") }
        var blocks: [Block] = []
        var end = PackHeader.length
        for _ in 0..<count {
            let offset = try reader.fixed(UInt32.self)
            let start = try reader.raw(BlockHeader.length)
            let rest = try reader.raw(BlockHeader.headLength(start, salt: header.salt) - BlockHeader.length)
            let block = Block(offset: offset, header: try BlockHeader(start + rest, salt: header.salt))
            guard Int(offset) == end, block.header.kind == header.kind else {
                throw reader.damaged("its blocks do not follow each other")
            }
            end = Int(offset) + block.header.totalLength
            guard end <= Self.maximumPackLength else { throw reader.damaged("it is too long") }
            blocks.append(block)
        }
        try reader.end()
        return blocks
    }
}

/// The last bytes of a pack.
package struct PackTrailer: Equatable, Sendable {
    package static let length = 24
    private static let magic = Array("FerryEnd".utf8)

    package let footerOffset: UInt32
    package let footerLength: UInt32

    package init(footerOffset: UInt32, footerLength: UInt32) {
        (self.footerOffset, self.footerLength) = (footerOffset, footerLength)
    }

    package var encoded: [UInt8] {
        var writer = ByteWriter()
        writer.fixed(self.footerOffset)
        writer.fixed(self.footerLength)
        writer.fixed(UInt32(0))
        writer.raw(Self.magic)
        writer.fixed(Checksum.crc32c(writer.bytes))
        return writer.bytes
    }

    /// - Throws: `.integrity` if it is damaged.
    package init(_ bytes: [UInt8]) throws(FerryError) {
        var reader = ByteReader(bytes, "a pack's trailer")
        guard bytes.count == Self.length, Checksum.suffix(bytes) == Checksum.crc32c(Array(bytes.dropLast(4))) else {
            throw reader.damaged("its sum differs")
        }
        let (offset, length) = (try reader.fixed(UInt32.self), try reader.fixed(UInt32.self))
        guard try reader.fixed(UInt32.self) == 0, try reader.raw(Self.magic.count) == Self.magic,
            length <= PackFooter.maximumLength, offset <= PackFooter.maximumPackLength
        else { throw reader.damaged("its numbers are out of bounds") }
        self.init(footerOffset: offset, footerLength: length)
    }
}
