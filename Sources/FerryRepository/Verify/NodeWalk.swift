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
    /// From where it began down to where it is.
    private var steps: [Step] = []
    /// Citations that are held in these.
    private var held = 0

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
        try self.begin(root)
        var left = Int.max
        while try !self.advance(&left) {}
        return try self.known(root) ?? false
    }

    /// Begins to go through all below a node that it has not been to.
    ///
    /// - Throws: as ``isComplete(_:)``.
    mutating func begin(_ root: ChunkID) throws(FerryError) {
        guard try self.known(root) == nil else { return }
        self.steps = [try self.step(root)]
        self.held = self.steps[0].children?.count ?? 0
    }

    /// Goes on with what was begun.
    ///
    /// - Parameter left: nodes that are looked at before it pauses; what was not needed of these is left.
    /// - Returns: whether it has come to the end.
    /// - Throws: as ``isComplete(_:)``.
    mutating func advance(_ left: inout Int) throws(FerryError) -> Bool {
        while let last = self.steps.indices.last {
            guard left > 0 else { return false }
            left -= 1
            if self.steps[last].children == nil {
                let children = try self.children(self.steps[last].id)
                self.steps[last].children = children
                self.held += children.count
            }
            guard let children = self.steps[last].children, self.steps[last].next < children.count else {
                let done = self.steps.removeLast()
                self.held -= done.children?.count ?? 0
                try self.note(done)
                if !done.isComplete, !self.steps.isEmpty { self.steps[last - 1].isComplete = false }
                continue
            }
            let child = children[self.steps[last].next]
            self.steps[last].next += 1
            if let known = try self.known(child) {
                if !known { self.steps[last].isComplete = false }
            } else if self.steps.count < Self.maximumDepth {
                self.steps.append(try self.step(child))
                self.held += self.steps[last + 1].children?.count ?? 0
                self.letGo()
            } else {
                self.steps[last].isComplete = false
            }
        }
        return true
    }

    private mutating func letGo() {
        guard self.held * ChunkID.length > Self.budget else { return }
        for place in self.steps.indices.dropLast() {
            self.held -= self.steps[place].children?.count ?? 0
            self.steps[place].children = nil
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

extension FerryError {
    /// Whether what was to be read is not there, or not what it should be; and not that nothing can be read at all.
    var isDamage: Bool { [.integrity, .notFound, .inputOutput, .unsupported].contains(self.code) }
    /// Whether that will not be otherwise the next time. What cannot be read now may be read later: verifying decides about that.
    var isLoss: Bool { [.integrity, .notFound].contains(self.code) }
}
