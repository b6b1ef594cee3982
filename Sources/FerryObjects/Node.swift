import FerryChunking
package import FerryErrors

/// Metadata of a snapshot: what it points to, which the daemon reads, and a content, which cites that by its position and may
/// be sealed one day. Docs/format.md, "Nodes", has it byte by byte.
package struct Node: Equatable, Sendable {
    /// Bytes of an encoded node.
    package static let maximumLength = 256 << 10

    /// In the order in which the content cites them first; none twice.
    package let refs: [ObjectKey]
    package let content: [UInt8]

    package init(refs: [ObjectKey], content: [UInt8]) {
        self.refs = refs
        self.content = content
    }

    /// The bytes of which the id is the SHA-256.
    package var encoded: [UInt8] {
        var writer = ByteWriter()
        writer.varint(self.refs.count)
        for ref in self.refs {
            writer.fixed(ref.kind.rawValue)
            writer.id(ref.id)
        }
        writer.raw(self.content)
        return writer.bytes
    }

    /// Reads a node.
    ///
    /// - Parameter bytes: from a peer or a pack; their id is the caller's to check.
    /// - Throws: `.integrity` if it is none.
    package init(_ bytes: some Collection<UInt8>) throws(FerryError) {
        var reader = ByteReader(bytes, "a node")
        guard bytes.count <= Self.maximumLength else { throw reader.damaged("it has \(bytes.count) bytes") }
        let count = try reader.varint(upTo: bytes.count / (ChunkID.length + 1))
        var refs: [ObjectKey] = []
        refs.reserveCapacity(count)
        for _ in 0..<count {
            guard let kind = ObjectKind(rawValue: try reader.fixed(UInt8.self)) else {
                throw reader.damaged("it points to something unknown")
            }
            refs.append(ObjectKey(kind, try reader.id()))
        }
        guard Set(refs).count == refs.count else { throw reader.damaged("it points to something twice") }
        self.init(refs: refs, content: try reader.raw(reader.count))
    }
}

/// The refs of a node being built.
struct RefTable {
    private(set) var refs: [ObjectKey] = []
    private var places: [ObjectKey: Int] = [:]

    /// The position by which the content cites it.
    mutating func cite(_ key: ObjectKey) -> Int {
        if let place = self.places[key] { return place }
        self.places[key] = self.refs.count
        self.refs.append(key)
        return self.refs.count - 1
    }

    /// Whether citing it would add to the refs.
    func has(_ key: ObjectKey) -> Bool { self.places[key] != nil }
}

/// What the content of a node is, its first byte.
enum NodeForm: UInt8 {
    case directory = 1
    case directories = 2
    case recipe = 3
    case recipes = 4
}
