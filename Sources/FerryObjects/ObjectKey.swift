package import FerryChunking

/// What an id stands for. A file whose bytes are those of a node is data all the same.
package enum ObjectKind: UInt8, Sendable, CaseIterable {
    /// Bytes of files.
    case data = 1
    /// A ``Node``.
    case node = 2
}

/// What names something in a repository: the kind and the SHA-256 of its bytes.
package struct ObjectKey: Hashable, Sendable, CustomStringConvertible {
    package let kind: ObjectKind
    package let id: ChunkID

    package init(_ kind: ObjectKind, _ id: ChunkID) {
        self.kind = kind
        self.id = id
    }

    package var description: String { "\(self.kind == .data ? "chunk" : "node") \(self.id)" }
}
