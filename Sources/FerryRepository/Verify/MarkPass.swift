import FerryCatalog
package import FerryErrors
import FerryObjects
import Synchronization

/// Marks all nodes that are complete and are not marked yet, some at a time.
struct MarkPass {
    private let repository: Repository
    fileprivate let generation: Int64
    private let packs: PackReader
    private var walk: NodeWalk
    /// The pack's number whose nodes are gone through, and those that are left of them.
    private var pack: Int64 = 0
    private var objects: ArraySlice<IndexedObject> = []

    /// - Throws: what the index met.
    init(_ repository: Repository) throws(FerryError) {
        self.repository = repository
        self.packs = PackReader(store: repository.store)
        // Before the walk reads it: whatever raises it between the two makes the pass count for nothing.
        self.generation = try repository.index.generation()
        self.walk = try NodeWalk(repository, trustsMarks: true)
    }

    /// Goes on.
    ///
    /// - Parameter nodes: after how many it pauses.
    /// - Returns: whether it has come to the end.
    /// - Throws: what index and store met.
    mutating func advance(_ nodes: Int) throws(FerryError) -> Bool {
        var left = nodes
        while try self.walk.advance(&left), left > 0 {
            left -= 1
            if let object = self.objects.popFirst() {
                try self.walk.begin(object.id)
            } else if try !self.open() {
                try self.walk.flush()
                try self.repository.index.noteMarked(generation: self.generation)
                return true
            }
        }
        return false
    }

    /// Goes on to the next pack that can be read.
    ///
    /// - Returns: false if there are no more.
    private mutating func open() throws(FerryError) -> Bool {
        while let next = try self.repository.index.packs(after: self.pack, .node, limit: 1).first {
            self.pack = next.number
            do throws(FerryError) {
                // In the order in which they were written, which is children first.
                self.objects = try self.packs.contents(of: next.name).objects[...]
                return true
            } catch {
                guard error.isDamage else { throw error }
            }
        }
        return false
    }
}

extension Repository {
    /// Nodes that are looked at before others get their turn: some 10 ms.
    private static let markedAtOnce = 256

    /// Marks all nodes that are complete and are not marked yet.
    ///
    /// - Throws: what index and store met.
    func restoreMarks() throws(FerryError) {
        guard try self.index.isUnmarked() else { return }
        var pass = try MarkPass(self)
        while try !pass.advance(.max) {}
    }

    /// Marks some more of what is complete after damage has voided all marks, so that a backup need not send it again. Several that
    /// wait for that do it together; who leaves stops asking. While somebody verifies it is left to them.
    ///
    /// - Returns: whether that is done.
    /// - Throws: what index and store met.
    package func restoreSomeMarks() throws(FerryError) -> Bool {
        try self.marking.withLock { pass throws(FerryError) in
            guard !self.isMaintained.load(ordering: .acquiring), try self.index.isUnmarked() else { return true }
            var current: MarkPass
            // What was begun before the last damage would mark nothing.
            if let begun = pass, begun.generation == (try self.index.generation()) {
                current = begun
            } else {
                current = try MarkPass(self)
            }
            // Held once, it is not copied; one that fails is begun anew.
            pass = nil
            guard try !current.advance(Self.markedAtOnce) else { return true }
            pass = current
            return false
        }
    }
}
