import Crypto

/// The name of a chunk: the SHA-256 of its bytes.
///
/// Kept as four words in memory order, so that comparing, hashing and copying cost no allocation.
package struct ChunkID: Hashable, Sendable {
    /// The length of an id in bytes, in memory and on the wire.
    package static let length = 32

    private let word0: UInt64
    private let word1: UInt64
    private let word2: UInt64
    private let word3: UInt64

    /// Hashes `bytes` (FIPS 180-4, SHA-256).
    package init(hashing bytes: UnsafeRawBufferPointer) {
        var hash = SHA256()
        unsafe hash.update(bufferPointer: bytes)
        self.init(hash.finalize())
    }

    init(_ digest: SHA256.Digest) {
        // SAFETY: a SHA-256 digest has exactly 32 bytes.
        self = unsafe digest.withUnsafeBytes { unsafe ChunkID(loadingFrom: $0, at: 0) }
    }

    /// Takes the id from `bytes`; nil unless they are exactly 32.
    package init?(bytes: some Collection<UInt8>) {
        guard bytes.count == Self.length else { return nil }
        var words = (UInt64(0), UInt64(0), UInt64(0), UInt64(0))
        // SAFETY: `words` is 32 bytes of plain storage; the copy stops at its end.
        unsafe withUnsafeMutableBytes(of: &words) { unsafe $0.copyBytes(from: bytes.prefix(Self.length)) }
        (self.word0, self.word1, self.word2, self.word3) = words
    }

    /// Takes the id that starts at `offset` of a list of packed ids; nil unless 32 bytes lie there.
    package init?(packed bytes: UnsafeRawBufferPointer, at offset: Int) {
        guard offset >= 0, offset <= bytes.count - Self.length else { return nil }
        // SAFETY: the line above proved that the 32 bytes lie within `bytes`.
        unsafe self.init(loadingFrom: bytes, at: offset)
    }

    private init(loadingFrom bytes: UnsafeRawBufferPointer, at offset: Int) {
        unsafe self.word0 = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
        unsafe self.word1 = bytes.loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self)
        unsafe self.word2 = bytes.loadUnaligned(fromByteOffset: offset + 16, as: UInt64.self)
        unsafe self.word3 = bytes.loadUnaligned(fromByteOffset: offset + 24, as: UInt64.self)
    }

    /// Calls `body` with the 32 bytes, which are valid only during the call.
    package func withUnsafeBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        // SAFETY: the struct is four words without padding, so its storage is the id's 32 bytes.
        try unsafe Swift.withUnsafeBytes(of: self, body)
    }

    /// Appends the 32 bytes to `bytes`.
    package func append(to bytes: inout [UInt8]) {
        // SAFETY: the pointer does not leave the closure.
        unsafe self.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
    }

    // One word is enough to spread ids, which are uniform. It goes through the seeded hasher, so that someone who
    // grinds ids with like first words does not choose the buckets.
    package func hash(into hasher: inout Hasher) { hasher.combine(self.word0) }
}

extension ChunkID: Comparable {
    /// As their bytes are ordered.
    package static func < (first: ChunkID, second: ChunkID) -> Bool {
        (first.word0.bigEndian, first.word1.bigEndian, first.word2.bigEndian, first.word3.bigEndian)
            < (second.word0.bigEndian, second.word1.bigEndian, second.word2.bigEndian, second.word3.bigEndian)
    }
}

extension ChunkID: CustomStringConvertible {
    /// The id in 64 lower-case hexadecimal digits.
    package var description: String {
        // SAFETY: the pointer does not leave the closure.
        unsafe self.withUnsafeBytes { Hex.string(unsafe Array($0)) }
    }
}
