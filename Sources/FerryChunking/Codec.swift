/// How a block's bytes are encoded; the raw value is the number on the wire and on disk.
package enum Codec: UInt8, Sendable {
    /// As they are.
    case stored = 0
    /// A zlib stream (RFC 1950).
    case zlib = 1
}

/// How hard to compress. Either way the result is a zlib stream.
package enum Effort: Sendable {
    /// Several hundred MB/s a core, at the density of zlib's level 1.
    case fast
    /// Denser than zlib's level 6, at about the speed of zlib's level 6.
    case best
}
