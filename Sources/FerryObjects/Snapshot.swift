package import FerryChunking
package import FerryErrors

/// One version of what a machine had, as the repository keeps it: a visible part that the daemon writes, and a rest that the
/// client states and that may be sealed one day. Docs/format.md, "Snapshots".
package struct Snapshot: Equatable, Sendable {
    /// Bytes of an encoded snapshot.
    package static let maximumLength = 1 << 20
    /// Bytes of the client's part.
    package static let restLimit = 512 << 10
    private static let magic = Array("FerrySnp".utf8)
    private static let version: UInt16 = 1
    private static let nameLimit = 255

    /// The node of the top directory.
    package let root: ChunkID
    /// Counts the snapshots of the repository, from 1.
    package let sequence: UInt64
    /// Of the daemon's ownership of the repository: 0 today.
    package let epoch: UInt64
    /// When the daemon committed it, by a clock that never goes back within a repository; since 1970-01-01 UTC.
    package let seconds: Int64
    package let nanoseconds: UInt32
    /// The user who made it.
    package let owner: String
    package let rest: [UInt8]

    package init(
        root: ChunkID,
        sequence: UInt64,
        epoch: UInt64 = 0,
        seconds: Int64,
        nanoseconds: UInt32,
        owner: String,
        rest: [UInt8]
    ) {
        (self.root, self.sequence, self.epoch) = (root, sequence, epoch)
        (self.seconds, self.nanoseconds, self.owner, self.rest) = (seconds, nanoseconds, owner, rest)
    }

    /// The bytes, of which the last 32 are the SHA-256 of those before them.
    package var encoded: [UInt8] {
        var writer = ByteWriter()
        writer.raw(Self.magic)
        writer.fixed(Self.version)
        writer.id(self.root)
        writer.fixed(self.sequence)
        writer.fixed(self.epoch)
        writer.fixed(self.seconds)
        writer.fixed(self.nanoseconds)
        writer.counted(Array(self.owner.utf8))
        writer.counted(self.rest)
        writer.id(ChunkID.hashing(writer.bytes))
        return writer.bytes
    }

    /// What names it: the sum at the end of its encoding.
    package var id: ChunkID { ChunkID.hashing(Array(self.encoded.dropLast(ChunkID.length))) }

    /// - Parameter bytes: an encoded snapshot.
    /// - Throws: `.integrity` if it is damaged, `.newerState` if a later Ferry wrote it.
    package init(_ bytes: [UInt8]) throws(FerryError) {
        var reader = ByteReader(bytes.dropLast(ChunkID.length), "a snapshot")
        guard bytes.count <= Self.maximumLength, try reader.raw(Self.magic.count) == Self.magic else {
            throw reader.damaged("it does not begin as one")
        }
        let sum = ChunkID.hashing(Array(bytes.dropLast(ChunkID.length)))
        guard ChunkID(bytes: bytes.suffix(ChunkID.length)) == sum else { throw reader.damaged("its sum differs") }
        guard try reader.fixed(UInt16.self) == Self.version else {
            throw FerryError(.newerState, "a snapshot was written by a later version of Ferry", remedy: "upgrade Ferry")
        }
        let root = try reader.id()
        let sequence = try reader.fixed(UInt64.self)
        let epoch = try reader.fixed(UInt64.self)
        let seconds = try reader.fixed(Int64.self)
        let nanoseconds = try reader.fixed(UInt32.self)
        guard let owner = String(validating: try reader.counted(upTo: Self.nameLimit), as: UTF8.self) else {
            throw reader.damaged("its owner has no name")
        }
        let rest = try reader.counted(upTo: Self.restLimit)
        try reader.end()
        self.init(
            root: root,
            sequence: sequence,
            epoch: epoch,
            seconds: seconds,
            nanoseconds: nanoseconds,
            owner: owner,
            rest: rest
        )
    }
}

extension ChunkID {
    /// The SHA-256 of bytes in an array.
    package static func hashing(_ bytes: [UInt8]) -> ChunkID {
        // SAFETY: the pointer does not leave the closure.
        unsafe bytes.withUnsafeBytes { unsafe ChunkID(hashing: $0) }
    }
}
