package import FerryChunking
package import FerryObjects

/// A pack as the index knows it.
package struct IndexedPack: Equatable, Sendable {
    /// What the index calls it.
    package let number: Int64
    package let name: ChunkID
    package let kind: ObjectKind
    package let salt: PackSalt
    /// Bytes of the whole.
    package let length: UInt64

    package init(number: Int64, name: ChunkID, kind: ObjectKind, salt: PackSalt, length: UInt64) {
        (self.number, self.name, self.kind, self.salt, self.length) = (number, name, kind, salt, length)
    }
}

/// An object, and where in a pack it lies.
package struct IndexedObject: Equatable, Sendable {
    package let id: ChunkID
    package let place: Place

    package init(id: ChunkID, place: Place) { (self.id, self.place) = (id, place) }

    /// Where in a pack an object lies.
    package struct Place: Hashable, Sendable {
        /// Of the block's header, in the pack.
        package let block: UInt32
        /// Bytes of the block with header and table.
        package let stored: UInt32
        /// In the block's raw bytes.
        package let offset: UInt32
        /// Raw bytes of the object.
        package let length: UInt32

        package init(block: UInt32, stored: UInt32, offset: UInt32, length: UInt32) {
            (self.block, self.stored, self.offset, self.length) = (block, stored, offset, length)
        }
    }
}

/// One of the places where an object lies.
package struct ObjectLocation: Hashable, Sendable {
    /// The pack's number.
    package let pack: Int64
    package let place: IndexedObject.Place

    package init(pack: Int64, place: IndexedObject.Place) { (self.pack, self.place) = (pack, place) }
}

/// What an index holds.
package struct IndexCounts: Equatable, Sendable {
    package var snapshots: UInt64 = 0
    package var packs: UInt64 = 0
    /// Different ones.
    package var chunks: UInt64 = 0
    package var nodes: UInt64 = 0
    /// Bytes of all packs.
    package var stored: UInt64 = 0
    /// Bytes of all different objects, before compression.
    package var raw: UInt64 = 0

    package init() {}
}

/// A place that is known to be no good.
package struct KnownDamage: Equatable, Sendable {
    /// The pack's name.
    let pack: ChunkID
    let id: ChunkID
    let block: Int64
    let isTold: Bool
}
