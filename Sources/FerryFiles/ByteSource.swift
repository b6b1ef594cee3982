package import FerryErrors

/// Bytes to be sent, read once from beginning to end by one thread at a time.
package protocol ByteSource: AnyObject, Sendable {
    /// Fills the beginning of `buffer` with the next bytes.
    /// - Returns: how many; less than `buffer.count` only where the source cannot give more now; 0 at the end.
    /// - Throws: mapped errors, which belong to the source.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(FerryError) -> Int

    /// Passes over the hole in which the source stands: bytes that are zeros and that nobody need read.
    ///
    /// A source that is asked this before each read ends its reads before the next hole.
    /// - Returns: how many bytes were passed over; 0 where there is none.
    /// - Throws: mapped errors, which belong to the source.
    func skipHole() throws(FerryError) -> Int64

    /// How many bytes the source had when it was opened; nil for a stream.
    var knownSize: Int64? { get }

    /// Asked once, after the end was read and before the bytes are acknowledged as a whole.
    /// - Throws: `sourceChanged`, or why what was read must not be kept.
    func verifyUnchanged() throws(FerryError)
}

extension ByteSource {
    package func skipHole() throws(FerryError) -> Int64 { 0 }

    /// A stream is what was read from it.
    package func verifyUnchanged() throws(FerryError) {}
}
