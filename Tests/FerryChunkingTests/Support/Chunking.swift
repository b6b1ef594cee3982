import FerryChunking

/// Cutting whole buffers, by the chunker and by a second reading of `Docs/chunking.md`.
enum Chunking {
    static func lengths(of bytes: UnsafeRawBufferPointer, average: Int) throws -> [Int] {
        var chunker = GearChunker(parameters: try GearChunker.Parameters(average: average))
        var lengths: [Int] = []
        var rest = bytes
        while let length = chunker.nextCut(in: rest, atEnd: true) {
            lengths.append(length)
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(length))
        }
        return lengths
    }

    /// The rule of `Docs/chunking.md` word by word: slow, and without state between places.
    static func lengthsByTheBook(of bytes: UnsafeRawBufferPointer, average: Int) -> [Int] {
        var lengths: [Int] = []
        var start = 0
        while start < bytes.count {
            let rest = bytes.count - start
            let length = (average / 4..<max(average / 4, min(rest, average * 4))).first { length in
                let bits = average.trailingZeroBitCount + (length < average ? 2 : -2)
                return Self.hash(bytes, start + length) >> UInt64(64 - bits) == 0
            }
            lengths.append(length ?? min(rest, average * 4))
            start += lengths[lengths.count - 1]
        }
        return lengths
    }

    private static func hash(_ bytes: UnsafeRawBufferPointer, _ place: Int) -> UInt64 {
        var hash: UInt64 = 0
        for distance in 0..<64 { hash &+= GearTable.entries[Int(bytes[place - 1 - distance])] << UInt64(distance) }
        return hash
    }
}
