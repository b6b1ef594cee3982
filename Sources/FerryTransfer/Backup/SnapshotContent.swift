package import FerryChunking
package import FerryErrors
package import FerryObjects

/// What a snapshot is made of, read from a repository; used by one thread at a time.
package protocol SnapshotContent: AnyObject {
    /// What is in a directory, in the order of the names' bytes: each call gives the next, nil the end.
    typealias NextEntry = () throws(FerryError) -> Entry?
    /// Where a file's bytes are, in their order.
    typealias NextSegment = () throws(FerryError) -> Segment?

    /// - Throws: `.integrity` if it is damaged.
    func entries(of directory: ChunkID) throws(FerryError) -> NextEntry
    /// Finds out whether all of a directory can be read that has several nodes; the first is left to ``entries(of:)``.
    ///
    /// - Throws: `.integrity` if one is damaged.
    func checkParts(of directory: ChunkID) throws(FerryError)
    /// - Throws: `.integrity` if it is damaged.
    func segments(of entry: Entry) throws(FerryError) -> NextSegment
    /// The bytes of a chunk, which hash to its id.
    ///
    /// - Throws: `.integrity` if they are damaged.
    func read(_ chunk: ChunkID) throws(FerryError) -> [UInt8]
    /// Reads many chunks, what lies together only once, in the order in which it lies.
    ///
    /// - Parameters:
    ///   - chunks: each with its length in bytes.
    ///   - output: as long as all of them, which gets their bytes one behind another.
    /// - Returns: of each why it could not be read; nil if its bytes hash to its id.
    func read(
        _ chunks: [(id: ChunkID, length: Int)],
        into output: UnsafeMutableRawBufferPointer
    ) -> [FerryError?]
    /// Finds the blocks of which many chunks are the greatest part, so that they can be sent as they are kept.
    ///
    /// - Parameter chunks: each with its length in bytes; called for one window of them after another.
    /// - Returns: nil for a chunk that is better read by itself.
    func parts(of chunks: [(id: ChunkID, length: Int)]) -> [BlockPart?]
    /// What is at a path from the snapshot's top.
    ///
    /// - Throws: `.notFound`, `.notADirectory`, `.integrity`.
    func entry(at path: [UInt8]) throws(FerryError) -> Entry
}
