import FerryCatalog
import FerryChunking
import FerryErrors
import FerryObjects

/// Finds out which nodes are complete: all that they point to is there, and the nodes among that are complete. It marks those, and
/// notes what it found in the index, so that it holds little however many there are.
struct NodeWalk {
    /// What is found between two notes.
    private static let batch = 2048
    /// Bytes of citations that are held; those nearest the top are read again.
    private static let budget = 32 << 20
    /// Nodes below each other; deeper ones are not looked at.
    private static let maximumDepth = 1 << 20

    private let index: RepositoryIndex
    private let reader: ObjectReader
    private let trustsMarks: Bool
    private let generation: Int64
    private var found: [ChunkID: Bool] = [:]

    /// A node whose children are being looked at.
    private struct Step {
        let id: ChunkID
        /// The nodes that it points to; nil if they were let go.
        var children: [ChunkID]?
        var next = 0
        var isComplete: Bool
    }

    /// - Parameters:
    ///   - repository: of the nodes.
    ///   - trustsMarks: whether what is marked is taken for complete, and not gone through.
    /// - Throws: what the index met.
    init(_ repository: Repository, trustsMarks: Bool) throws(FerryError) {
        self.index = repository.index
        self.reader = ObjectReader(repository, dropsDamaged: false)
        self.trustsMarks = trustsMarks
        self.generation = try self.index.generation()
        try self.index.beginWalk()
    }

    /// Goes through all below a node that it has not been to.
    ///
    /// - Throws: what index and store met, but not what is damaged.
    mutating func isComplete(_ root: ChunkID) throws(FerryError) -> Bool {
        if let known = try self.known(root) { return known }
        var steps = [try self.step(root)]
        var held = steps[0].children?.count ?? 0
        while let last = steps.indices.last {
            if steps[last].children == nil {
                steps[last].children = try self.children(steps[last].id)
                held += steps[last].children?.count ?? 0
            }
            guard let children = steps[last].children, steps[last].next < children.count else {
                let done = steps.removeLast()
                held -= done.children?.count ?? 0
                try self.note(done)
                if !done.isComplete, !steps.isEmpty { steps[last - 1].isComplete = false }
                continue
            }
            let child = children[steps[last].next]
            steps[last].next += 1
            if let known = try self.known(child) {
                if !known { steps[last].isComplete = false }
            } else if steps.count < Self.maximumDepth {
                steps.append(try self.step(child))
                held += steps[last + 1].children?.count ?? 0
                Self.letGo(&steps, &held)
            } else {
                steps[last].isComplete = false
            }
        }
        return try self.known(root) ?? false
    }

    private static func letGo(_ steps: inout [Step], _ held: inout Int) {
        guard held * ChunkID.length > Self.budget else { return }
        for place in steps.indices.dropLast() {
            held -= steps[place].children?.count ?? 0
            steps[place].children = nil
        }
    }

    private func known(_ id: ChunkID) throws(FerryError) -> Bool? {
        if let found = self.found[id] { return found }
        return try self.index.walked([id], trustsMarks: self.trustsMarks)[0]
    }

    private mutating func note(_ step: Step) throws(FerryError) {
        self.found[step.id] = step.isComplete
        if self.found.count >= Self.batch { try self.flush() }
    }

    /// Notes what was found.
    ///
    /// - Throws: what the index met.
    mutating func flush() throws(FerryError) {
        try self.index.noteWalked(self.found, generation: self.generation)
        self.found = [:]
    }

    /// Looks at one node, and at the data that it points to.
    private func step(_ id: ChunkID) throws(FerryError) -> Step {
        guard let refs = try self.refs(id) else { return Step(id: id, children: [], isComplete: false) }
        var data = refs.filter { $0.kind == .data }[...]
        var isComplete = true
        while isComplete, !data.isEmpty {
            isComplete = try self.index.isStored(Array(data.prefix(RepositoryIndex.maximumKeys))).allSatisfy(\.self)
            data = data.dropFirst(RepositoryIndex.maximumKeys)
        }
        return Step(id: id, children: refs.filter { $0.kind == .node }.map(\.id), isComplete: isComplete)
    }

    private func children(_ id: ChunkID) throws(FerryError) -> [ChunkID] {
        (try self.refs(id) ?? []).filter { $0.kind == .node }.map(\.id)
    }

    /// What a node points to; nil if it cannot be read.
    private func refs(_ id: ChunkID) throws(FerryError) -> [ObjectKey]? {
        do throws(FerryError) { return try self.reader.node(id).refs } catch {
            guard error.isDamage else { throw error }
            return nil
        }
    }
}

extension Repository {
    /// Marks all nodes that are complete and are not marked yet.
    ///
    /// - Throws: what index and store met.
    func restoreMarks() throws(FerryError) {
        guard try self.index.isUnmarked() else { return }
        let generation = try self.index.generation()
        var walk = try NodeWalk(self, trustsMarks: true)
        let packs = PackReader(store: self.store)
        var last: Int64 = 0
        while let pack = try self.index.packs(after: last, .node, limit: 1).first {
            last = pack.number
            // In the order in which they were written, which is children first.
            let contents: PackContents
            do throws(FerryError) { contents = try packs.contents(of: pack.name) } catch {
                guard error.isDamage else { throw error }
                continue
            }
            for object in contents.objects { _ = try walk.isComplete(object.id) }
        }
        try walk.flush()
        try self.index.noteMarked(generation: generation)
    }
}

extension FerryError {
    /// Whether what was to be read is not there, or not what it should be; and not that nothing can be read at all.
    var isDamage: Bool { [.integrity, .notFound, .inputOutput, .unsupported].contains(self.code) }
    /// Whether that will not be otherwise the next time. What cannot be read now may be read later: verifying decides about that.
    var isLoss: Bool { [.integrity, .notFound].contains(self.code) }
}
