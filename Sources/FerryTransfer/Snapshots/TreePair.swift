package import FerryChunking
package import FerryErrors
import FerryFiles
package import FerryObjects

/// Walks two trees of snapshots side by side, directory by directory, in the order of the names' bytes.
///
/// It goes only where it is told to (``enter(_:old:new:)``), and holds one entry for each level and side, besides what the snapshots'
/// contents hold of directories that are read.
package struct TreePair {
    package enum Side: Sendable, Equatable { case old, new }

    package enum Event {
        /// What has this name on the two sides; there is something on one of them at least.
        case entry(path: [UInt8], old: Entry?, new: Entry?)
        /// All of the directory that was entered last, and not left, has been told.
        case left
        /// The rest of that directory cannot be read on this side.
        case damaged(path: [UInt8], Side, FerryError)
    }

    /// Bytes of a path that still fits a frame with what is told of it; directories with longer ones are not entered.
    private static let pathLimit = 32 << 10

    private struct Cursor {
        let next: SnapshotContent.NextEntry
        /// The next one, read ahead.
        var entry: Entry?

        init?(_ content: (any SnapshotContent)?, _ node: ChunkID?) {
            guard let content, let node else { return nil }
            do throws(FerryError) { self.next = try content.entries(of: node) } catch {
                let failure = error
                self.next = { () throws(FerryError) in throw failure }
            }
        }

        init(failing error: FerryError) { self.next = { () throws(FerryError) in throw error } }
    }

    private struct Level {
        let path: [UInt8]
        var old: Cursor?
        var new: Cursor?
    }

    private let old: (any SnapshotContent)?
    private let new: (any SnapshotContent)?
    private var levels: [Level] = []

    /// - Parameters:
    ///   - old: where the one side is read; nil if there is nothing on it.
    ///   - new: where the other side is read.
    package init(old: (any SnapshotContent)?, new: (any SnapshotContent)?) {
        self.old = old
        self.new = new
    }

    /// Goes into a directory; what is in it comes next.
    ///
    /// - Parameters:
    ///   - path: of the directory.
    ///   - old: its node on the one side; nil if nothing is to be read there.
    ///   - new: its node on the other side.
    package mutating func enter(_ path: [UInt8], old: ChunkID?, new: ChunkID?) {
        var level = Level(path: path, old: Cursor(self.old, old), new: Cursor(self.new, new))
        if self.levels.count >= TreeWalk.maximumDepth || path.count > Self.pathLimit {
            let refusal = Cursor(failing: FerryError(.tooLarge, "it lies too deep to be looked through"))
            level.old = level.old.map { _ in refusal }
            level.new = level.new.map { _ in refusal }
        }
        self.levels.append(level)
    }

    /// Passes over what is left of the directory that was entered last.
    package mutating func skipRest() {
        guard let level = self.levels.popLast() else { return }
        self.levels.append(Level(path: level.path, old: nil, new: nil))
    }

    /// - Returns: what comes next; nil once all that was entered is left.
    package mutating func next() -> Event? {
        guard var level = self.levels.popLast() else { return nil }
        if let event = Self.fill(&level.old, .old, level.path) ?? Self.fill(&level.new, .new, level.path) {
            self.levels.append(level)
            return event
        }
        let (old, new) = (level.old?.entry, level.new?.entry)
        guard let name = Self.first(old?.name, new?.name) else { return .left }
        let (takesOld, takesNew) = (old?.name == name, new?.name == name)
        if takesOld { level.old?.entry = nil }
        if takesNew { level.new?.entry = nil }
        self.levels.append(level)
        let path = level.path.isEmpty ? name : level.path + [UInt8(ascii: "/")] + name
        return .entry(path: path, old: takesOld ? old : nil, new: takesNew ? new : nil)
    }

    /// Reads ahead; a side that fails, or has no more, is over.
    private static func fill(_ cursor: inout Cursor?, _ side: Side, _ path: [UInt8]) -> Event? {
        guard let open = cursor, open.entry == nil else { return nil }
        do throws(FerryError) {
            if let entry = try open.next() { cursor?.entry = entry } else { cursor = nil }
            return nil
        } catch {
            cursor = nil
            return .damaged(path: path, side, error)
        }
    }

    private static func first(_ one: [UInt8]?, _ other: [UInt8]?) -> [UInt8]? {
        guard let one else { return other }
        guard let other else { return one }
        return other.lexicographicallyPrecedes(one) ? other : one
    }
}
