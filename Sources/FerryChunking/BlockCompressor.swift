import CDeflate
import CISAL

/// Compresses blocks, one after another, into zlib streams (RFC 1950). It holds about 360 KiB of state for reuse, a
/// MiB once `best` was asked for, and serves one thread at a time.
@safe package final class BlockCompressor {
    private let stream: UnsafeMutablePointer<isal_zstream>
    private let levelBuffer: UnsafeMutableRawPointer
    private var dense: OpaquePointer?

    private static let levelBufferSize = Int(ferry_isal_level1_buffer_size)
    /// On source code and logs level 7 is within 1 percent of 9 at more than twice its speed, and 4 percent behind 12 at
    /// twelve times its speed; below it, 6 is no denser than zlib's.
    private static let denseLevel: Int32 = 7

    package init() {
        // SAFETY: ISA-L initialises the stream before each use; the level buffer needs no initial value.
        unsafe self.stream = .allocate(capacity: 1)
        unsafe self.levelBuffer = .allocate(byteCount: Self.levelBufferSize, alignment: 64)
    }

    deinit {
        // SAFETY: both were allocated in init, and `dense` came from libdeflate; freed once.
        unsafe self.stream.deallocate()
        unsafe self.levelBuffer.deallocate()
        unsafe libdeflate_free_compressor(self.dense)
    }

    /// Compresses `raw` (at most ``ChunkLimits/maximumLength`` bytes) into the start of `output`.
    ///
    /// - Returns: The length of the stream, or nil if it would not be smaller than `raw` by more than a 32nd, or not fit
    ///   into `output`: such a block is better stored.
    package func compress(
        _ raw: UnsafeRawBufferPointer,
        into output: UnsafeMutableRawBufferPointer,
        effort: Effort
    ) -> Int? {
        let room = min(output.count, raw.count - raw.count / 32 - 1)
        guard room > 0, raw.count <= ChunkLimits.maximumLength else { return nil }
        let space = unsafe UnsafeMutableRawBufferPointer(rebasing: output[..<room])
        return switch effort {
        case .fast: unsafe self.compressFast(raw, into: space)
        case .best: unsafe self.compressDense(raw, into: space)
        }
    }

    private func compressFast(_ raw: UnsafeRawBufferPointer, into space: UnsafeMutableRawBufferPointer) -> Int? {
        unsafe isal_deflate_stateless_init(self.stream)
        // SAFETY: ISA-L only reads next_in, and neither reads nor writes past the counts given here, which fit 32 bits.
        unsafe self.stream.pointee.next_in = UnsafeMutablePointer(
            mutating: raw.baseAddress?.assumingMemoryBound(to: UInt8.self)
        )
        unsafe self.stream.pointee.avail_in = UInt32(raw.count)
        unsafe self.stream.pointee.next_out = space.baseAddress?.assumingMemoryBound(to: UInt8.self)
        unsafe self.stream.pointee.avail_out = UInt32(space.count)
        unsafe self.stream.pointee.level = 1
        unsafe self.stream.pointee.level_buf = self.levelBuffer.assumingMemoryBound(to: UInt8.self)
        unsafe self.stream.pointee.level_buf_size = UInt32(Self.levelBufferSize)
        unsafe self.stream.pointee.end_of_stream = 1
        unsafe self.stream.pointee.flush = UInt16(NO_FLUSH)
        unsafe self.stream.pointee.gzip_flag = UInt16(IGZIP_ZLIB)
        guard unsafe isal_deflate_stateless(self.stream) == COMP_OK else { return nil }
        return unsafe Int(self.stream.pointee.total_out)
    }

    private func compressDense(_ raw: UnsafeRawBufferPointer, into space: UnsafeMutableRawBufferPointer) -> Int? {
        if unsafe self.dense == nil { unsafe self.dense = libdeflate_alloc_compressor(Self.denseLevel) }
        guard let dense = unsafe self.dense else { return nil }
        // SAFETY: both buffers are passed with their own lengths.
        let length = unsafe libdeflate_zlib_compress(dense, raw.baseAddress, raw.count, space.baseAddress, space.count)
        return length > 0 ? length : nil
    }
}
