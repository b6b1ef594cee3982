import CISAL

/// CRC-32C (Castagnoli; RFC 3720, appendix B.4).
package enum Checksum {
    /// - Parameter bytes: what is summed up.
    /// - Returns: the sum.
    package static func crc32c(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        guard let start = bytes.baseAddress else { return 0 }
        // SAFETY: ISA-L reads `count` bytes, and writes none though its parameter is not const; blocks are far below 2 GiB.
        let buffer = unsafe UnsafeMutablePointer(mutating: start.assumingMemoryBound(to: UInt8.self))
        return unsafe ~crc32_iscsi(buffer, Int32(truncatingIfNeeded: bytes.count), ~0)
    }

    /// - Parameter bytes: what is summed up.
    /// - Returns: the sum.
    package static func crc32c(_ bytes: [UInt8]) -> UInt32 {
        // SAFETY: the pointer does not leave the closure.
        unsafe bytes.withUnsafeBytes { unsafe Self.crc32c($0) }
    }
}
