import CZlib

/// zlib itself: the reference for blocks.
package enum ReferenceZlib {
    /// A zlib stream; nil if zlib fails.
    package static func compress(_ raw: [UInt8], level: Int32 = 6) -> [UInt8]? {
        var length = compressBound(uLong(raw.count))
        var output = [UInt8](repeating: 0, count: Int(length))
        let result = compress2(&output, &length, raw, uLong(raw.count), level)
        return result == Z_OK ? Array(output.prefix(Int(length))) : nil
    }

    /// Inflates a whole zlib stream that has exactly `count` bytes; nil for anything else.
    package static func decompress(_ compressed: [UInt8], count: Int) -> [UInt8]? {
        // With no room at all zlib lends itself a byte, and would take a stream of one.
        var output = [UInt8](repeating: 0, count: max(count, 1))
        var length = uLong(output.count)
        var consumed = uLong(compressed.count)
        guard uncompress2(&output, &length, compressed, &consumed) == Z_OK else { return nil }
        return length == count && consumed == compressed.count ? Array(output.prefix(count)) : nil
    }

    /// Inflates raw deflate data, whatever stands after its end.
    ///
    /// - Returns: the bytes, and how many of the input made them; nil if it is damaged or makes more than `limit`.
    package static func inflateRaw(_ deflated: [UInt8], limit: Int) -> (bytes: [UInt8], consumed: Int)? {
        var stream = z_stream()
        guard inflateInit2_(&stream, -15, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else { return nil }
        defer { inflateEnd(&stream) }
        var output = [UInt8](repeating: 0, count: limit + 1)
        var input = deflated
        let inputCount = input.count
        let result = input.withUnsafeMutableBufferPointer { input in
            output.withUnsafeMutableBufferPointer { output in
                stream.next_in = input.baseAddress
                stream.avail_in = UInt32(inputCount)
                stream.next_out = output.baseAddress
                stream.avail_out = UInt32(output.count)
                return inflate(&stream, Z_FINISH)
            }
        }
        guard result == Z_STREAM_END else { return nil }
        return (Array(output.prefix(Int(stream.total_out))), Int(stream.total_in))
    }

    /// The checksum with which a zlib stream ends.
    package static func adler(_ bytes: [UInt8]) -> [UInt8] {
        let sum = UInt32(truncatingIfNeeded: adler32(1, bytes, UInt32(bytes.count)))
        return (0..<4).map { UInt8(truncatingIfNeeded: sum >> (24 - 8 * $0)) }
    }

    /// A valid zlib stream that inflates to `mebibytes` MiB of zeros, less than 64 or a multiple of it; made in pieces, so that it
    /// costs little. For 1 GiB it is below 1 MiB.
    package static func bomb(mebibytes: Int) -> [UInt8]? {
        var stream = z_stream()
        let size = Int32(MemoryLayout<z_stream>.size)
        guard deflateInit2_(&stream, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY, ZLIB_VERSION, size) == Z_OK else {
            return nil
        }
        defer { deflateEnd(&stream) }
        let mebibytesOfPiece = min(64, mebibytes)
        var zeros = [UInt8](repeating: 0, count: mebibytesOfPiece << 20)
        var piece = [UInt8](repeating: 0, count: 1 << 17)
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
        // After a full flush a piece refers to nothing before it, so that it can be repeated; then an empty last block.
        var output: [UInt8] = [0x78, 0xDA]
        for _ in 0..<(mebibytes / mebibytesOfPiece) { output += piece.prefix(length) }
        output += [0x03, 0x00]
        // Adler-32 of n zeros: the low sum stays 1, the high one counts them.
        let high = UInt32((mebibytes << 20) % 65_521)
        for shift in [24, 16, 8, 0] as [UInt32] { output.append(UInt8(truncatingIfNeeded: (high << 16 | 1) >> shift)) }
        return output
    }
}
