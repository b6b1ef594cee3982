package import FerryErrors
package import FerryFiles

/// Where a received file goes: a partial file in a share, a partial file at the client, or a stream.
package protocol ByteDestination: AnyObject {
    /// False for a stream: it takes bytes in order only, and nothing can be read back.
    var isRandomAccess: Bool { get }
    /// What may be in place already, from a transfer that was cut; only where ``isRandomAccess``.
    var kept: (any PlacedBytes)? { get }
    /// Has zeros where this transfer wrote nothing, without writing them: false where they must be written.
    func makeHole(at offset: UInt64, length: Int) -> Bool
    /// Writes all of `bytes` at `offset`, in bytes from the file's start.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(FerryError)
    /// Fills `bytes` from `offset`; only where ``isRandomAccess``.
    func read(into bytes: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(FerryError)
    /// Makes the whole file of `size` bytes durable and visible under its name; returns its plain SHA-256 in hex
    /// where that was asked for.
    func commit(size: UInt64) throws(FerryError) -> String?
    /// Ends without a file: leaves nothing visible.
    ///
    /// - Parameter keeping: whether what was written may serve a later transfer.
    func abandon(keeping: Bool)
}

extension ByteDestination {
    package var kept: (any PlacedBytes)? { nil }
    package func makeHole(at offset: UInt64, length: Int) -> Bool { false }
}
