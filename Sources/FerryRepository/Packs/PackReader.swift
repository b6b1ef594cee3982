import FerryCatalog
import FerryChunking
import FerryErrors
import FerryObjects
import FerryStorage

/// What a pack holds, as its footer lists it or a scan found it.
struct PackContents {
    let header: PackHeader
    let length: UInt64
    let blocks: [PackFooter.Block]
    /// Why its footer did not serve, if the blocks were found by their headers.
    let damage: FerryError?

    var objects: [IndexedObject] { self.blocks.flatMap(\.objects) }
}

/// Finds out what packs hold. Docs/format.md, "Packs".
struct PackReader {
    /// Bytes looked through at once for the next block.
    private static let window = 64 << 10

    let store: any ObjectStore

    /// What a pack holds: by its footer, and if that is damaged by the headers of its blocks.
    ///
    /// - Parameter name: of the pack.
    /// - Returns: its blocks; those that a scan found are whole.
    /// - Throws: `.integrity` if neither can be read, `.newerState`, and what the store met.
    func contents(of name: ChunkID) throws(FerryError) -> PackContents {
        let length = try self.store.size(of: ObjectName(.packs, name))
        guard length <= PackFooter.maximumPackLength else {
            throw FerryError(.integrity, "the pack \(name) is damaged: it has \(length) bytes")
        }
        do throws(FerryError) {
            let footer = try self.footer(of: name, length: length)
            return PackContents(header: footer.header, length: length, blocks: footer.blocks, damage: nil)
        } catch  where error.code == .integrity {
            return try self.scan(name, length: length, because: error)
        }
    }

    /// - Throws: `.integrity` if the footer is damaged, `.newerState`, and what the store met.
    func footer(of name: ChunkID, length: UInt64) throws(FerryError) -> PackFooter {
        let object = ObjectName(.packs, name)
        guard length >= UInt64(PackHeader.length + PackTrailer.length) else {
            throw FerryError(.integrity, "the pack \(name) is damaged: it ends early")
        }
        let end = length - UInt64(PackTrailer.length)
        let trailer = try PackTrailer(try self.store.read(object, at: end, count: PackTrailer.length))
        guard UInt64(trailer.footerOffset) + UInt64(trailer.footerLength) == end else {
            throw FerryError(.integrity, "the pack \(name) is damaged: its footer is not where it should be")
        }
        let bytes = try self.store.read(object, at: UInt64(trailer.footerOffset), count: Int(trailer.footerLength))
        guard PackFooter.name(bytes) == name else {
            throw FerryError(.integrity, "the pack \(name) is damaged: its footer is another one's")
        }
        let footer = try PackFooter(bytes)
        let last = footer.blocks.last.map { Int($0.offset) + $0.header.totalLength } ?? PackHeader.length
        guard last == Int(trailer.footerOffset) else {
            throw FerryError(.integrity, "the pack \(name) is damaged: its footer does not list what is in it")
        }
        return footer
    }

    /// Finds the blocks of a pack by their headers, and takes those whose bytes have the right sum.
    private func scan(_ name: ChunkID, length: UInt64, because damage: FerryError) throws(FerryError) -> PackContents {
        let object = ObjectName(.packs, name)
        let header = try PackHeader(try self.store.read(object, at: 0, count: PackHeader.length))
        var blocks: [PackFooter.Block] = []
        var offset = UInt64(PackHeader.length)
        while offset < length {
            if let block = try self.block(object, at: offset, header), block.kind == header.kind {
                blocks.append(PackFooter.Block(offset: UInt32(truncatingIfNeeded: offset), header: block))
                offset += UInt64(block.totalLength)
            } else {
                offset = try self.magic(object, from: offset + 1) ?? length
            }
        }
        return PackContents(header: header, length: length, blocks: blocks, damage: damage)
    }

    /// The block at `offset`, if one begins there and is whole.
    private func block(_ object: ObjectName, at offset: UInt64, _ pack: PackHeader) throws(FerryError) -> BlockHeader? {
        let start = try self.store.read(object, at: offset, count: BlockHeader.length)
        let header: BlockHeader
        do throws(FerryError) {
            let count = try BlockHeader.headLength(start, salt: pack.salt)
            header = try BlockHeader(try self.store.read(object, at: offset, count: count), salt: pack.salt)
        } catch  where error.code == .integrity {
            return nil
        }
        let place = offset + UInt64(header.headLength)
        let body = try self.store.read(object, at: place, count: header.storedLength)
        return body.count == header.storedLength && Checksum.crc32c(body) == header.checksum ? header : nil
    }

    /// Where the next thing begins that could be a block.
    private func magic(_ object: ObjectName, from offset: UInt64) throws(FerryError) -> UInt64? {
        var offset = offset
        while true {
            let bytes = try self.store.read(object, at: offset, count: Self.window)
            guard bytes.count >= BlockHeader.magic.count else { return nil }
            for place in 0...(bytes.count - BlockHeader.magic.count)
            where bytes[place] == BlockHeader.magic[0]
                && bytes[place..<(place + BlockHeader.magic.count)].elementsEqual(BlockHeader.magic)
            {
                return offset + UInt64(place)
            }
            offset += UInt64(bytes.count - BlockHeader.magic.count + 1)
        }
    }
}
