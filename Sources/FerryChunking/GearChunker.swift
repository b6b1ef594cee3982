/// Cuts a stream of bytes into chunks at places that its content chooses, so that an insertion moves the cuts only
/// around itself.
///
/// The gear hash and the two bounds (normalised chunking, level 2) are those of Xia et al., "FastCDC: a Fast and
/// Efficient Content-Defined Chunking Approach for Data Deduplication", USENIX ATC 2016. `Docs/chunking.md` has the
/// rule to reimplement. Here the hash of a place is a pure function of the 64 bytes before it: it does not start anew
/// with each chunk, so that any number of places can be examined at once, and so that the only state is how far the
/// current chunk was examined.
package struct GearChunker: Sendable {
    /// The bytes before a place that its hash covers.
    static let window = 64

    package let parameters: Parameters
    /// The length up to which the current chunk is known to have no cut.
    private var scanned = 0

    /// - Parameter parameters: for the chunks from here on.
    package init(parameters: Parameters) { self.parameters = parameters }

    /// Finds where the current chunk ends.
    ///
    /// - Parameters:
    ///   - bytes: What is at hand from the start of the current chunk on; the bytes of an earlier call that returned
    ///     nil must come again, with more after them.
    ///   - atEnd: Whether the stream ends where `bytes` end.
    /// - Returns: The chunk's length, after which the next call must begin at the next chunk; or nil if more bytes are
    ///   needed, or if none are left.
    package mutating func nextCut(in bytes: UnsafeRawBufferPointer, atEnd: Bool) -> Int? {
        let limit = min(bytes.count, self.parameters.maximum)
        let cut = unsafe self.cut(in: bytes, upTo: limit)
        if cut != nil || limit == self.parameters.maximum || (atEnd && limit > 0) {
            self.scanned = 0
            return cut ?? limit
        }
        self.scanned = limit
        return nil
    }

    private func cut(in bytes: UnsafeRawBufferPointer, upTo limit: Int) -> Int? {
        let start = max(self.parameters.minimum, self.scanned + 1)
        let middle = self.parameters.average
        if start < middle,
            let cut = unsafe GearScan.first(
                in: bytes,
                from: start,
                through: min(limit, middle - 1),
                bound: self.parameters.strictBound
            )
        {
            return cut
        }
        return unsafe GearScan.first(
            in: bytes,
            from: max(start, middle),
            through: limit,
            bound: self.parameters.looseBound
        )
    }
}
