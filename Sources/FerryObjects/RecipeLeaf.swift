package import FerryErrors

/// Segments of a file, as one node holds them.
package struct RecipeLeaf: Equatable, Sendable {
    /// Segments in one node.
    package static let maximumCount = 4096

    package let segments: [Segment]

    package init(_ segments: [Segment]) { self.segments = segments }

    package var size: UInt64 { self.segments.reduce(0) { $0.addingReportingOverflow($1.length).partialValue } }

    package var node: Node {
        var (writer, refs) = (ByteWriter(), RefTable())
        writer.fixed(NodeForm.recipe.rawValue)
        writer.varint(self.segments.count)
        for segment in self.segments { SegmentCoding.write(segment, &writer, &refs) }
        return Node(refs: refs.refs, content: writer.bytes)
    }

    /// - Throws: `.integrity` if the node is none.
    package init(_ node: Node) throws(FerryError) {
        var reader = ByteReader(node.content[...], "a recipe")
        guard try reader.fixed(UInt8.self) == NodeForm.recipe.rawValue else { throw reader.damaged("it is none") }
        let count = try reader.varint(upTo: Self.maximumCount)
        var segments: [Segment] = []
        segments.reserveCapacity(count)
        var size: UInt64 = 0
        for _ in 0..<count {
            let segment = try SegmentCoding.read(&reader, node.refs)
            size = size.addingReportingOverflow(segment.length).partialValue
            guard size <= Int64.max else { throw reader.damaged("a file is too large") }
            segments.append(segment)
        }
        try reader.end()
        self.init(segments)
        guard self.node == node else { throw reader.damaged("it could be written in another way") }
    }
}
