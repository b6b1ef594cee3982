extension ChunkID {
    /// The ids of zeros, by their number: of each length that an even cut has, and that content-defined cuts make of long runs
    /// of zeros, in which nothing is a cut before the maximum.
    private static let ofZeros: [Int: ChunkID] = {
        let zeros = [UInt8](repeating: 0, count: ChunkLimits.maximumLength)
        var ids: [Int: ChunkID] = [:]
        var length = ChunkLimits.maximumLength
        while length >= 4096 {
            ids[length] = unsafe zeros.withUnsafeBytes { bytes in
                unsafe ChunkID(hashing: UnsafeRawBufferPointer(rebasing: bytes.prefix(length)))
            }
            length /= 2
        }
        return ids
    }()

    /// Whether it names `length` bytes of nothing but zeros; false, too, for lengths that long runs of them are not cut into:
    /// other than powers of two from 4 KiB.
    package func isOfZeros(length: Int) -> Bool { Self.ofZeros[length] == self }
}
