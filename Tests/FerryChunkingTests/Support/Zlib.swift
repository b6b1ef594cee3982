import CZlib

/// The reference for blocks: zlib itself.
enum Zlib {
    static func compress(_ raw: [UInt8], level: Int32) -> [UInt8]? {
        var length = compressBound(uLong(raw.count))
        var output = [UInt8](repeating: 0, count: Int(length))
        return compress2(&output, &length, raw, uLong(raw.count), level) == Z_OK
            ? Array(output.prefix(Int(length))) : nil
    }

    /// Inflates a whole zlib stream to `count` bytes; nil if it is damaged, has another length or a rest.
    static func decompress(_ compressed: [UInt8], count: Int) -> [UInt8]? {
        var length = uLong(count)
        var consumed = uLong(compressed.count)
        var output = [UInt8](repeating: 0, count: max(count, 1))
        guard uncompress2(&output, &length, compressed, &consumed) == Z_OK else { return nil }
        return length == count && consumed == compressed.count ? Array(output.prefix(count)) : nil
    }

    /// A valid zlib stream of `mebibytes` MiB of zeros, at a thousandth of that size, made without compressing it all.
    static func zeros(mebibytes: Int) -> [UInt8]? {
        var stream = z_stream()
        let version = ZLIB_VERSION
        let size = Int32(MemoryLayout<z_stream>.size)
        guard deflateInit2_(&stream, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY, version, size) == Z_OK else {
            return nil
        }
        defer { deflateEnd(&stream) }
        var zeros = [UInt8](repeating: 0, count: 1 << 20)
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        let length = zeros.withUnsafeMutableBufferPointer { zeros in
            piece.withUnsafeMutableBufferPointer { piece in
                stream.next_in = zeros.baseAddress
                stream.avail_in = UInt32(zeros.count)
                stream.next_out = piece.baseAddress
                stream.avail_out = UInt32(piece.count)
                return deflate(&stream, Z_FULL_FLUSH) == Z_OK ? piece.count - Int(stream.avail_out) : nil
            }
        }
        guard let length else { return nil }
        // After a full flush a piece refers to nothing before it, so it can be repeated; then an empty last block.
        var output: [UInt8] = [0x78, 0xDA]
        for _ in 0..<mebibytes { output += piece.prefix(length) }
        output += [0x03, 0x00]
        // Adler-32 of n zeros: the low sum stays 1, the high one counts them.
        let high = UInt32((mebibytes << 20) % 65521)
        withUnsafeBytes(of: (high << 16 | 1).bigEndian) { output.append(contentsOf: $0) }
        return output
    }
}
