import CChunking

extension ChunkID {
    // Asked once: the instruction that tells costs a microsecond or two in a virtual machine.
    private static let canHashInPairs = ferry_sha256_is_supported()

    /// Hashes several chunks; the ids come in the order of `chunks`.
    ///
    /// Where the machine has the SHA instructions two chunks are hashed at a time, which takes little more than half as
    /// long as one after the other: hash what is at hand in one call, best in pairs of like length.
    package static func hashing(_ chunks: [UnsafeRawBufferPointer]) -> [ChunkID] {
        guard Self.canHashInPairs, unsafe chunks.count > 1 else {
            return unsafe chunks.map { unsafe ChunkID(hashing: $0) }
        }
        let bytes = unsafe chunks.count * ChunkID.length
        // SAFETY: each job reads one of the chunks, which outlive the call, and writes its own 32 bytes of `digests`,
        // whose storage every job fills before an id is taken from it.
        return unsafe withUnsafeTemporaryAllocation(byteCount: bytes, alignment: 16) { digests in
            let digest = unsafe digests.assumingMemoryBound(to: UInt8.self).baseAddress
            let jobs = unsafe chunks.indices.map { index in
                unsafe ferry_sha256_job(
                    bytes: chunks[index].assumingMemoryBound(to: UInt8.self).baseAddress,
                    length: chunks[index].count,
                    digest: digest.map { unsafe $0 + index * ChunkID.length }
                )
            }
            unsafe jobs.withUnsafeBufferPointer { unsafe ferry_sha256($0.baseAddress, $0.count) }
            return unsafe chunks.indices.compactMap { index in
                unsafe ChunkID(packed: UnsafeRawBufferPointer(digests), at: index * ChunkID.length)
            }
        }
    }
}
