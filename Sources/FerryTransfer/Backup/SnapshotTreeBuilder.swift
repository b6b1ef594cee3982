import FerryChunking
import FerryErrors
import FerryObjects

/// Puts the nodes of a snapshot together from entries in the order of a walk, and says in what order all must be named: nothing
/// before what it points to.
struct SnapshotTreeBuilder {
    private struct Level {
        var entry: Entry?
        var directory = DirectoryBuilder()
    }

    private var levels: [Level] = []
    /// The node of the top, once that has ended.
    private(set) var root: ChunkID?

    /// A directory begins.
    ///
    /// - Parameter entry: of it; its node is not known yet. Nil for the top.
    mutating func begin(_ entry: Entry?) { self.levels.append(Level(entry: entry)) }

    /// Something that is no directory.
    mutating func append(
        _ entry: Entry,
        _ emit: (Node) throws(FerryError) -> ChunkID
    ) throws(FerryError) {
        guard var level = self.levels.popLast() else { return }
        // One that is refused must not take the directory with it.
        defer { self.levels.append(level) }
        try level.directory.append(entry, emit)
    }

    /// The directory that began last ends.
    ///
    /// - Returns: its entry, for the directory that it is in; nil for the top.
    mutating func end(_ emit: (Node) throws(FerryError) -> ChunkID) throws(FerryError) -> Entry? {
        guard var level = self.levels.popLast() else { return nil }
        let node = try level.directory.finish(emit)
        guard var entry = level.entry else {
            self.root = node
            return nil
        }
        entry.content = .directory(node)
        return entry
    }
}
