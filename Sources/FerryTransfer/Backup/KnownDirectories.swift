import FerryChunking
import FerryObjects

/// Which of the directories on the way of a walk are, as far as was seen, what they were in the last backup.
///
/// What lies in such a one is not named yet: if all of it is the same, its node stands for it, and costs one question. If
/// something is not, what was held back is named, though not read: the repository had it.
struct KnownDirectories {
    private struct Level {
        var isSame: Bool
        var heldBack: [SourceReader.Chunk] = []
    }

    /// Names that are held back of one directory.
    private static let limit = 4096

    private var levels: [Level] = []

    mutating func begin(isSame: Bool) { self.levels.append(Level(isSame: isSame)) }

    /// The directory that began last ends.
    ///
    /// - Returns: whether all of it is the same.
    mutating func end() -> Bool { self.levels.popLast()?.isSame ?? false }

    /// Something in the directory that began last is not what it was.
    ///
    /// - Returns: what is to be named now.
    mutating func change() -> [SourceReader.Chunk] {
        guard let level = self.levels.last else { return [] }
        self.levels[self.levels.count - 1] = Level(isSame: false)
        return level.heldBack
    }

    /// Something in it is what it was.
    ///
    /// - Returns: what is to be named now.
    mutating func assume(_ content: Entry.Content, _ number: Int) -> [SourceReader.Chunk] {
        self.hold(Self.assumed(content, number))
    }

    /// A node of it was built.
    ///
    /// - Returns: what is to be named now.
    mutating func named(_ node: SourceReader.Chunk) -> [SourceReader.Chunk] {
        guard self.levels.last?.isSame ?? false else { return [node] }
        return self.hold([
            SourceReader.Chunk(assumed: node.id, length: node.length, isNode: true, number: node.number)
        ])
    }

    private mutating func hold(_ chunks: [SourceReader.Chunk]) -> [SourceReader.Chunk] {
        guard let level = self.levels.last, level.isSame else { return chunks }
        guard level.heldBack.count + chunks.count <= Self.limit else {
            self.levels[self.levels.count - 1].heldBack = []
            return level.heldBack + chunks
        }
        self.levels[self.levels.count - 1].heldBack += chunks
        return []
    }

    private static func assumed(_ content: Entry.Content, _ number: Int) -> [SourceReader.Chunk] {
        switch content {
        case .segments(let segments):
            segments.compactMap { segment in
                guard case .chunk(let id, let length) = segment else { return nil }
                return SourceReader.Chunk(assumed: id, length: length, isNode: false, number: number)
            }
        // How long a node is that was not read does not matter: the repository has it, or all is read again.
        case .recipe(let id, _), .directory(let id):
            [SourceReader.Chunk(assumed: id, length: 1, isNode: true, number: number)]
        case .link, .special, .furtherName: []
        }
    }
}
