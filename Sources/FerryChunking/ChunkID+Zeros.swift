import Crypto

extension ChunkID {
    /// Lengths of zeros that have known ids: multiples of this many bytes, and all below.
    private static let page = 4096
    private static let ofPages = Self.table(step: page, through: ChunkLimits.maximumLength / page)
    private static let ofFew = Self.table(step: 1, through: page)

    private static func table(step: Int, through count: Int) -> [ChunkID] {
        let zeros = [UInt8](repeating: 0, count: step)
        var hash = SHA256()
        return (0...count).map { _ in
            defer { hash.update(data: zeros) }
            return ChunkID(hash.finalize())
        }
    }

    /// The id of so many zeros; nil for other lengths than ``zeros(atMost:)`` gives.
    package static func ofZeros(_ length: Int) -> ChunkID? {
        guard length > 0, length <= ChunkLimits.maximumLength else { return nil }
        if length < Self.page { return Self.ofFew[length] }
        return length % Self.page == 0 ? Self.ofPages[length / Self.page] : nil
    }

    /// The longest chunk with which a run of `length` zeros may begin, in bytes: a run is cut into few lengths, so that the ids
    /// of all are known without hashing.
    package static func zeros(atMost length: Int64) -> Int {
        let length = Int(min(length, Int64(ChunkLimits.maximumLength)))
        return length < Self.page ? length : length - length % Self.page
    }

    /// Whether it names `length` bytes of nothing but zeros; false, too, for lengths that runs of them are not cut into.
    package func isOfZeros(length: Int) -> Bool { Self.ofZeros(length) == self }
}
