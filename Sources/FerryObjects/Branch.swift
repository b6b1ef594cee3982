package import FerryChunking
package import FerryErrors

/// Parts of a list too long for one node, in their order: those of a directory, or of a recipe.
package struct Branch: Equatable, Sendable {
    /// Levels of these above a leaf. With hundreds in each, three hold what no file system does.
    package static let maximumDepth = 8
    /// Parts in one node.
    package static let maximumCount = 4096

    /// A part, and what leads to it.
    package struct Child: Equatable, Sendable {
        package let id: ChunkID
        /// In a directory, the first name in it; in a recipe, nothing.
        package let firstName: [UInt8]
        /// In a recipe, the bytes of the file that it covers; in a directory, the number of entries.
        package let weight: UInt64

        package init(id: ChunkID, firstName: [UInt8], weight: UInt64) {
            (self.id, self.firstName, self.weight) = (id, firstName, weight)
        }
    }

    package let ofDirectory: Bool
    /// Height above the leaves, from 1.
    package let level: Int
    package let children: [Child]

    package init(ofDirectory: Bool, level: Int, children: [Child]) {
        (self.ofDirectory, self.level, self.children) = (ofDirectory, level, children)
    }

    package var weight: UInt64 { self.children.reduce(0) { $0.addingReportingOverflow($1.weight).partialValue } }

    package var node: Node {
        var (writer, refs) = (ByteWriter(), RefTable())
        writer.fixed((self.ofDirectory ? NodeForm.directories : .recipes).rawValue)
        writer.varint(self.level)
        writer.varint(self.children.count)
        for child in self.children {
            writer.varint(refs.cite(ObjectKey(.node, child.id)))
            if self.ofDirectory { writer.counted(child.firstName) }
            writer.varint(child.weight)
        }
        return Node(refs: refs.refs, content: writer.bytes)
    }

    /// - Throws: `.integrity` if the node is none.
    package init(_ node: Node) throws(FerryError) {
        var reader = ByteReader(node.content[...], "a list of parts")
        let form = NodeForm(rawValue: try reader.fixed(UInt8.self))
        guard form == .directories || form == .recipes else { throw reader.damaged("it is none") }
        let level = try reader.varint(upTo: Self.maximumDepth)
        let count = try reader.varint(upTo: Self.maximumCount)
        guard level > 0, count > 0 else { throw reader.damaged("it has no parts") }
        var children: [Child] = []
        var weight: UInt64 = 0
        for _ in 0..<count {
            let id = try reader.cited(reader.varint(upTo: node.refs.count), .node, node.refs)
            let name = form == .directories ? try reader.counted(upTo: DirectoryLeaf.nameLimit) : []
            let child = Child(id: id, firstName: name, weight: try reader.varint())
            let isInOrder = children.last.map { $0.firstName.lexicographicallyPrecedes(name) } ?? true
            weight = weight.addingReportingOverflow(child.weight).partialValue
            guard child.weight <= Int64.max, weight <= Int64.max, form == .recipes || isInOrder else {
                throw reader.damaged("its parts are not in order")
            }
            children.append(child)
        }
        try reader.end()
        self.init(ofDirectory: form == .directories, level: level, children: children)
        guard self.node == node else { throw reader.damaged("it could be written in another way") }
    }

    /// Whether the node is a list of parts, and not a leaf.
    package static func isBranch(_ node: Node) -> Bool {
        [NodeForm.directories.rawValue, NodeForm.recipes.rawValue].contains(node.content.first)
    }
}
