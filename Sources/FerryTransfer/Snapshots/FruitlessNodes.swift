package import FerryChunking

/// Remembers directories in which nothing was found, so that no other snapshot has them looked through again.
///
/// It forgets those that were not asked for longest: there are two halves, and when the newer one is full the older one goes.
package struct FruitlessNodes {
    private let half: Int
    private var newer: Set<ChunkID> = []
    private var older: Set<ChunkID> = []

    /// - Parameter limit: how many are remembered at most; at 32 bytes and what a set takes beside them.
    package init(limit: Int = 32_768) { self.half = max(1, limit / 2) }

    package var count: Int { self.newer.count + self.older.count }

    package mutating func insert(_ node: ChunkID) {
        if self.newer.count >= self.half { (self.newer, self.older) = ([], self.newer) }
        self.older.remove(node)
        self.newer.insert(node)
    }

    /// - Returns: whether it is remembered, and so for longer from now on.
    package mutating func contains(_ node: ChunkID) -> Bool {
        if self.newer.contains(node) { return true }
        guard self.older.contains(node) else { return false }
        self.insert(node)
        return true
    }
}
