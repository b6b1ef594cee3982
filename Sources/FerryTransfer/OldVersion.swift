import FerryChunking
import FerryErrors
import FerryFiles
import FerryProtocol
import NIOCore

/// The file that a received one replaces, as a source of chunks.
///
/// A chunk is looked for where the last find says that it should lie: as long as nothing was inserted or removed, that is
/// where it is, and the old version is read and hashed once, in step with the new one's names, and not cut. Where the two
/// part, a search goes on from there. So neither side waits for the other to read a whole file first.
///
/// It is a hint: whatever happens to the file meanwhile, a chunk is given out only if its bytes hash to its name.
final class OldVersion {
    /// Bytes beyond the expected place that are always searched.
    private static let ahead = 512 << 10
    /// Bytes that may be searched further for each byte in which nothing was found since the last find.
    private static let aheadPerMiss: UInt64 = 16

    private let reader: AheadReader
    private let search: ChunkSearch
    /// How much further on than in the new file chunks lie in this one, by the last find.
    private var shift: Int64 = 0
    /// Nothing lies where it is expected.
    private var isLost = false
    private var missed: UInt64 = 0

    /// - Parameters:
    ///   - source: open.
    ///   - average: as the sender announced it, in bytes.
    /// - Throws: `.violation` for an average that the chunker does not have.
    init(_ source: SourceFile, average: UInt32) throws(FerryError) {
        guard let parameters = try? GearChunker.Parameters(average: Int(average)) else {
            throw FerryError(
                .violation,
                "the sender cuts at an average of \(average) bytes, which is not one of the allowed"
            )
        }
        self.reader = AheadReader(source)
        self.search = ChunkSearch(source, parameters)
    }

    /// Bytes that searching read and hashed since the last call: what it costs whoever waits.
    func takeEffort() -> Int { self.search.takeEffort() }

    /// Looks for the next chunks where they are expected.
    ///
    /// - Parameters:
    ///   - names: of neighbours, from the next one on.
    ///   - found: takes the verified bytes of chunks that are there, neighbours together, and where they belong in the new
    ///     file.
    /// - Returns: for each name up to the last whose chunk is there, whether it is. Those between that are not stand where
    ///   something else was; what was there is remembered. Empty if none is there.
    /// - Throws: what `found` throws.
    func look(
        for names: some Collection<ReceiveMachine.Name>,
        found: (UnsafeRawBufferPointer, UInt64) throws(FerryError) -> Void
    ) throws(FerryError) -> [Bool] {
        guard !self.isLost, let first = names.first else { return [] }
        let place = self.expected(first.offset)
        var verdicts: [Bool] = []
        _ = unsafe try self.reader.look(for: names, at: place) { bytes, looked throws(FerryError) in
            var start = 0
            var rest = looked[...]
            while let next = rest.first {
                // Neighbours of one kind are one piece.
                let end = rest.firstIndex { $0.isThere != next.isThere } ?? rest.endIndex
                let length = rest[..<end].reduce(0) { $0 + $1.name.length }
                let piece = unsafe UnsafeRawBufferPointer(rebasing: bytes[start..<(start + length)])
                if next.isThere {
                    unsafe try found(piece, next.name.offset)
                } else if end < rest.endIndex {
                    unsafe self.search.remember(piece, at: place + UInt64(start))
                } else {
                    break
                }
                verdicts += repeatElement(next.isThere, count: end - rest.startIndex)
                start += length
                rest = rest[end...]
            }
        }
        self.isLost = verdicts.isEmpty
        if !self.isLost {
            self.missed = 0
            self.search.passed(place)
        }
        return verdicts
    }

    /// Looks for a chunk that is not where it is expected.
    ///
    /// - Parameters:
    ///   - name: as the sender named it.
    ///   - isReplaced: something else lies in its place, and what follows is where it is expected: only where it is
    ///     remembered to lie is looked then.
    /// - Returns: its bytes, verified; nil if they were not found.
    func chunk(_ name: ReceiveMachine.Name, isReplaced: Bool) -> ByteBuffer? {
        if isReplaced { return self.search.recall(name.id, length: name.length)?.bytes }
        let expected = self.expected(name.offset)
        // The bound keeps the products from overflowing.
        let reach = UInt64(name.length + Self.ahead) + self.missed * Self.aheadPerMiss
        guard let found = self.search.find(name.id, length: name.length, expected: expected, reach: reach) else {
            self.missed = min(self.missed + UInt64(name.length), 1 << 40)
            return nil
        }
        self.shift = Int64(clamping: found.place) - Int64(clamping: name.offset)
        self.missed = 0
        self.isLost = false
        return found.bytes
    }

    private func expected(_ position: UInt64) -> UInt64 {
        UInt64(clamping: Int64(clamping: position).addingReportingOverflow(self.shift).partialValue)
    }
}
