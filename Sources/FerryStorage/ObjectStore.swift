package import FerryChunking
package import FerryErrors

/// Where in a store an object lies.
package enum StoreArea: String, Sendable, CaseIterable {
    case packs
    case snapshots
}

/// What an object is called.
package struct ObjectName: Hashable, Sendable, CustomStringConvertible {
    package let area: StoreArea
    package let id: ChunkID

    package init(_ area: StoreArea, _ id: ChunkID) { (self.area, self.id) = (area, id) }

    package var description: String { "\(self.area == .packs ? "pack" : "snapshot") \(self.id)" }
}

/// Keeps objects that never change: each appears whole and durably or not at all, and is gone as durably.
///
/// Calls block and may come from any thread. None repeats what failed: a caller may, but for a sync, after which what it covered
/// is gone.
package protocol ObjectStore: Sendable {
    /// The one object that tells what the repository is.
    /// - Throws: `.notFound` if there is none, and what reading met.
    func configuration() throws(FerryError) -> [UInt8]

    /// Begins an object, the name of which is told at its end.
    /// - Throws: what making it met.
    func begin() throws(FerryError) -> any ObjectUpload

    /// - Throws: `.notFound` and what looking met.
    func size(of name: ObjectName) throws(FerryError) -> UInt64

    /// Reads at `offset` until `buffer` is full or the object ends.
    /// - Returns: bytes read; fewer than asked for only at the object's end.
    /// - Throws: `.notFound`, and what reading met.
    func read(
        _ name: ObjectName,
        at offset: UInt64,
        into buffer: UnsafeMutableRawBufferPointer
    ) throws(FerryError) -> Int

    /// Tells the names of an area in any order, in constant memory. What does not look like a name is passed over.
    /// - Throws: what listing met, and what `body` does.
    func list(_ area: StoreArea, _ body: (ChunkID) throws(FerryError) -> Void) throws(FerryError)

    /// Makes durable that an object is there which was found, and may have appeared a moment before a process ended.
    /// - Throws: what syncing met.
    func settle(_ name: ObjectName) throws(FerryError)

    /// Removes an object durably; that there is none is success.
    /// - Throws: what removing met; whether it is gone is unknown then.
    func remove(_ name: ObjectName) throws(FerryError)

    /// Lets others have the store.
    func close()
}

/// An object on its way into a store. One thread at a time uses it.
package protocol ObjectUpload: AnyObject {
    /// - Throws: what writing met; only ``discard()`` may follow.
    func append(_ bytes: UnsafeRawBufferPointer) throws(FerryError)

    /// Gives the object its name. When this returns it is whole and durable.
    /// - Throws: what syncing and naming met; the object is gone then.
    func finish(as name: ObjectName) throws(FerryError)

    /// Forgets the object; after ``finish(as:)`` it does nothing.
    func discard()
}

extension ObjectStore {
    /// Reads up to `count` bytes at `offset`.
    /// - Returns: fewer only at the object's end.
    /// - Throws: as ``read(_:at:into:)``.
    package func read(_ name: ObjectName, at offset: UInt64, count: Int) throws(FerryError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var span = bytes.mutableSpan
        // SAFETY: the pointer does not leave the closure.
        let read = try unsafe span.withUnsafeMutableBytes { buffer throws(FerryError) in
            unsafe try self.read(name, at: offset, into: buffer)
        }
        if read < count { bytes.removeLast(count - read) }
        return bytes
    }
}

extension ObjectUpload {
    /// - Throws: as ``append(_:)-(UnsafeRawBufferPointer)``.
    package func append(_ bytes: [UInt8]) throws(FerryError) {
        // SAFETY: the pointer does not leave the closure.
        try unsafe bytes.span.withUnsafeBytes { buffer throws(FerryError) in unsafe try self.append(buffer) }
    }
}
