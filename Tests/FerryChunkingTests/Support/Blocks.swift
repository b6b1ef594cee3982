import FerryChunking
import FerryErrors

/// The codec on arrays.
enum Blocks {
    /// Returns the zlib stream of `raw`, or nil if it is better stored or longer than `room`.
    static func compress(_ raw: [UInt8], _ effort: Effort, by compressor: BlockCompressor, room: Int? = nil) -> [UInt8]?
    {
        var output = [UInt8](repeating: 0, count: room ?? raw.count)
        let length = raw.withUnsafeBytes { raw in
            output.withUnsafeMutableBytes { compressor.compress(raw, into: $0, effort: effort) }
        }
        return length.map { Array(output.prefix($0)) }
    }

    /// Inflates to `count` bytes, or returns nil if that throws `integrity`; checks that nothing was written past them.
    static func decompress(_ compressed: [UInt8], count: Int, by decompressor: BlockDecompressor) throws -> [UInt8]? {
        let guardBytes = [UInt8](repeating: 0xA5, count: 64)
        var output = [UInt8](repeating: 0, count: count) + guardBytes
        defer { precondition(Array(output.suffix(64)) == guardBytes, "written past the declared length") }
        do {
            try compressed.withUnsafeBytes { compressed in
                try output.withUnsafeMutableBytes { output in
                    try decompressor.decompress(
                        compressed,
                        into: UnsafeMutableRawBufferPointer(rebasing: output.prefix(count))
                    )
                }
            }
        } catch let error as FerryError where error.code == .integrity {
            return nil
        }
        return Array(output.prefix(count))
    }
}
