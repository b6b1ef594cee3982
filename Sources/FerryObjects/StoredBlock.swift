package import FerryChunking
package import FerryErrors

/// A block as a pack has it, which is also how it travels. Docs/format.md, "Packs".
package final class StoredBlock: Sendable {
    package let header: BlockHeader
    /// What is stored of it, behind header and table.
    package let body: ArraySlice<UInt8>

    /// - Parameters:
    ///   - bytes: header, table and body, and nothing else.
    ///   - salt: of the pack.
    /// - Throws: `.integrity` if they are none.
    package init(_ bytes: [UInt8], salt: PackSalt) throws(FerryError) {
        let head = try BlockHeader.headLength(Array(bytes.prefix(BlockHeader.length)), salt: salt)
        let header = try BlockHeader(Array(bytes.prefix(head)), salt: salt)
        guard header.totalLength == bytes.count else {
            throw FerryError(.integrity, "a block is damaged: its length is not the one that is listed")
        }
        (self.header, self.body) = (header, bytes[head...])
    }

    /// Whether the body has the sum that the header tells.
    package var isWhole: Bool {
        // SAFETY: the pointer does not leave the closure.
        unsafe self.body.withUnsafeBytes { unsafe Checksum.crc32c($0) } == self.header.checksum
    }

    /// The raw bytes of all its parts.
    ///
    /// - Throws: `.integrity` if they cannot be had.
    package func inflated(_ decompressor: BlockDecompressor) throws(FerryError) -> [UInt8] {
        guard self.header.isCompressed else { return Array(self.body) }
        let stored = self.body
        var raw = [UInt8](repeating: 0, count: self.header.rawLength)
        var span = raw.mutableSpan
        // SAFETY: the pointers do not leave the closures.
        try unsafe span.withUnsafeMutableBytes { output throws(FerryError) in
            try unsafe stored.span.withUnsafeBytes { body throws(FerryError) in
                unsafe try decompressor.decompress(body, into: output)
            }
        }
        return raw
    }
}
