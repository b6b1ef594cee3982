import FerryCatalog
import FerryChunking
import FerryErrors
import FerryObjects

/// A snapshot, as far as verifying needs it.
struct SnapshotRoot {
    let id: ChunkID
    let sequence: UInt64
    let root: ChunkID

    init(_ id: ChunkID, _ snapshot: Snapshot) {
        (self.id, self.sequence, self.root) = (id, snapshot.sequence, snapshot.root)
    }
}

/// Finds what of a snapshot cannot be restored. It goes only where something is not complete.
struct TouchedPaths {
    /// Bytes of a path from which on it goes no deeper.
    private static let maximumLength = 64 << 10
    /// Nodes that are looked at; what lies below the rest is not told one by one.
    private static let maximumNodes = 1_000_000

    private let repository: Repository
    private let reader: ObjectReader

    init(_ repository: Repository) {
        (self.repository, self.reader) = (repository, ObjectReader(repository, dropsDamaged: false))
    }

    private struct Paths {
        var listed: [[UInt8]] = []
        var more: UInt64 = 0
        let limit: Int

        mutating func add(_ path: [UInt8]) {
            if self.listed.count < self.limit { self.listed.append(path) } else { self.more += 1 }
        }
    }

    /// Finds them.
    ///
    /// - Parameters:
    ///   - snapshot: one that is not complete.
    ///   - limit: paths that are listed; if it is 0, none is looked for.
    /// - Returns: what is touched.
    /// - Throws: what index and store met, but not what is damaged.
    func find(_ snapshot: SnapshotRoot, limit: Int) throws(FerryError) -> VerifyReport.Touched {
        var paths = Paths(limit: limit)
        guard limit > 0 else { return .init(id: snapshot.id, unreadable: nil, paths: [], morePaths: 1) }
        var left = Self.maximumNodes
        var waiting: [(node: ChunkID, path: [UInt8])] = [(snapshot.root, [])]
        while let (id, path) = waiting.popLast() {
            left -= 1
            guard left > 0, path.count <= Self.maximumLength else {
                paths.add(path)
                continue
            }
            do throws(FerryError) {
                let node = try self.reader.node(id)
                if Branch.isBranch(node) {
                    // Backwards, for the last is looked at first.
                    for child in try Branch(node).children.reversed() where try !self.isComplete(child.id) {
                        waiting.append((child.id, path))
                    }
                } else {
                    for entry in try DirectoryLeaf(node).entries.reversed() {
                        let name = path.isEmpty ? entry.name : path + [UInt8(ascii: "/")] + entry.name
                        if case .directory(let id) = entry.content {
                            if try !self.isComplete(id) { waiting.append((id, name)) }
                        } else if try !self.isWhole(entry) {
                            paths.add(name)
                        }
                    }
                }
            } catch {
                guard error.isDamage else { throw error }
                guard id != snapshot.root else {
                    return .init(id: snapshot.id, unreadable: error, paths: [], morePaths: 0)
                }
                paths.add(path)
            }
        }
        return .init(id: snapshot.id, unreadable: nil, paths: paths.listed, morePaths: paths.more)
    }

    private func isComplete(_ node: ChunkID) throws(FerryError) -> Bool {
        try self.repository.index.has([ObjectKey(.node, node)]).answers == [true]
    }

    private func isWhole(_ entry: Entry) throws(FerryError) -> Bool {
        switch entry.content {
        case .segments(let segments):
            let keys = segments.compactMap { segment -> ObjectKey? in
                if case .chunk(let id, _) = segment { ObjectKey(.data, id) } else { nil }
            }
            return try self.repository.index.isStored(keys).allSatisfy(\.self)
        case .recipe(let id, _): return try self.isComplete(id)
        default: return true
        }
    }
}
