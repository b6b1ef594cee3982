import CDeflate
package import FerryErrors

/// Inflates zlib blocks. It holds 12 KiB of state for reuse, and serves one thread at a time.
@safe package final class BlockDecompressor {
    private let inflater: OpaquePointer?

    package init() { unsafe self.inflater = libdeflate_alloc_decompressor() }

    deinit { unsafe libdeflate_free_decompressor(self.inflater) }

    /// Inflates `compressed`, a whole zlib stream, into `output`, whose count is the block's declared raw length.
    ///
    /// Nothing is written past `output`, whatever the stream says. After an error its content is undefined.
    /// - Throws: `integrity` if the stream is damaged, ends early, has bytes after its end, or does not inflate to
    ///   exactly `output.count` bytes.
    package func decompress(
        _ compressed: UnsafeRawBufferPointer,
        into output: UnsafeMutableRawBufferPointer
    ) throws(FerryError) {
        guard let inflater = unsafe self.inflater else {
            throw FerryError(.internalError, "no memory for inflating a block")
        }
        var consumed = 0
        var produced = 0
        // SAFETY: both buffers are passed with their own lengths.
        let result = unsafe libdeflate_zlib_decompress_ex(
            inflater,
            compressed.baseAddress,
            compressed.count,
            output.baseAddress,
            output.count,
            &consumed,
            &produced
        )
        switch result {
        case LIBDEFLATE_SUCCESS: break
        case LIBDEFLATE_INSUFFICIENT_SPACE:
            throw FerryError(.integrity, "a block inflates past its declared \(output.count) bytes")
        default: throw FerryError(.integrity, "a compressed block is damaged")
        }
        guard produced == output.count else {
            throw FerryError(.integrity, "a block inflates to \(produced) bytes, not to its declared \(output.count)")
        }
        guard consumed == compressed.count else {
            throw FerryError(.integrity, "a compressed block has \(compressed.count - consumed) bytes after its end")
        }
    }
}
