import Crypto

/// The gear table: for each byte value a 64-bit number that looks random and that anyone can derive again.
package enum GearTable {
    /// Entry i is the first 8 bytes, big endian, of the SHA-256 of the ASCII text `ferry gear 1` followed by the byte i.
    ///
    /// With this label no run of one byte value, however long, is cut anywhere but at the maximum.
    package static let entries: [UInt64] = (UInt8.min...UInt8.max).map { value in
        SHA256.hash(data: Array("ferry gear 1".utf8) + [value]).prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// The entries bytewise, as ferry_gear_first_group wants them: byte k (from the lowest) of entry i at 256 * k + i.
    static let planes: [UInt8] = (0..<8).flatMap { k in
        Self.entries.map { UInt8(truncatingIfNeeded: $0 >> UInt64(8 * k)) }
    }

    /// Calls `body` with the 256 entries, which are valid only during the call.
    static func withEntries<Result>(_ body: (UnsafePointer<UInt64>) -> Result) -> Result {
        // SAFETY: the array is never empty.
        unsafe Self.entries.withUnsafeBufferPointer { unsafe body($0.baseAddress.unsafelyUnwrapped) }
    }
}
