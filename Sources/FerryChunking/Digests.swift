import Crypto

/// The digest by which both ends of a transfer agree on a whole file: SHA-256 over its chunks in order, each
/// as its id (32 bytes) and its length (32 bits, big endian).
package struct RecipeDigest: Sendable {
    private var hash = SHA256()

    package init() {}

    /// Adds the next chunk, `length` bytes long.
    package mutating func update(id: ChunkID, length: UInt32) {
        // SAFETY: the pointers do not leave the closures.
        unsafe id.withUnsafeBytes { unsafe self.hash.update(bufferPointer: $0) }
        unsafe withUnsafeBytes(of: length.bigEndian) { unsafe self.hash.update(bufferPointer: $0) }
    }

    /// Returns the digest of what was added so far; more may be added afterwards.
    package func finalize() -> ChunkID { ChunkID(self.hash.finalize()) }
}

/// A file's plain SHA-256, as `sha256sum` prints it.
package struct StreamDigest: Sendable {
    private var hash = SHA256()

    package init() {}

    /// Adds the next bytes of the file.
    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        unsafe self.hash.update(bufferPointer: bytes)
    }

    /// Adds as many zeros.
    package mutating func update(zeros count: UInt64) {
        let zeros = [UInt8](repeating: 0, count: 1 << 20)
        var left = count
        while left > 0 {
            let step = Int(min(left, UInt64(zeros.count)))
            unsafe zeros.withUnsafeBytes { unsafe self.update(UnsafeRawBufferPointer(rebasing: $0.prefix(step))) }
            left -= UInt64(step)
        }
    }

    /// Returns the digest of what was added so far, in 64 lower-case hexadecimal digits.
    package func finalize() -> String { Hex.string(self.hash.finalize().map { $0 }) }
}
