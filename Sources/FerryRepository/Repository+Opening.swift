import FerryCatalog
import FerryChunking
import FerryErrors
import FerryObjects
import FerryStorage
import Synchronization

extension Repository {
    /// Packs that are compared with the index at once.
    private static let batch = 1024

    /// Makes the index tell what the store has: packs it does not know are taken in, those that are gone are dropped.
    func reconcile() throws(FerryError) {
        try self.dropMissingPacks()
        try self.addUnknownPacks()
        try self.readSnapshots()
    }

    private func addUnknownPacks() throws(FerryError) {
        try self.store.list(.packs) { name throws(FerryError) in
            guard try self.index.pack(named: name) == nil else { return }
            try self.take(in: name)
        }
    }

    /// Tells the index what a pack holds.
    private func take(in name: ChunkID) throws(FerryError) {
        // Its name may have appeared a moment before the last process ended.
        try self.store.settle(ObjectName(.packs, name))
        let contents: PackContents
        do throws(FerryError) { contents = try PackReader(store: self.store).contents(of: name) } catch {
            // What lies in it is lacked. The rest of the repository is as good as before; verify tells of it.
            guard error.code == .integrity || error.code == .inputOutput else { throw error }
            return
        }
        try self.index.add(
            name,
            contents.header,
            length: contents.length,
            contents.objects,
            completeIn: nil
        )
    }

    private func dropMissingPacks() throws(FerryError) {
        var missing: [Int64] = []
        var last: Int64 = 0
        while true {
            let packs = try self.index.packs(after: last, nil)
            guard let end = packs.last else { break }
            for pack in packs {
                do throws(FerryError) { _ = try self.store.size(of: ObjectName(.packs, pack.name)) } catch {
                    guard error.code == .notFound else { throw error }
                    missing.append(pack.number)
                }
            }
            last = end.number
        }
        if !missing.isEmpty { try self.index.dropPacks(missing) }
    }

    private func readSnapshots() throws(FerryError) {
        for id in try self.index.snapshotIDs() {
            do throws(FerryError) {
                _ = try self.store.size(of: ObjectName(.snapshots, id))
                guard let encoded = try self.index.snapshot(id) else { continue }
                let snapshot = try Snapshot(encoded)
                self.commits.withLock { $0.note(snapshot) }
            } catch {
                // Gone, or the copy is no good: it is read again below, if it is there.
                guard error.code == .notFound || error.code == .integrity else { throw error }
                try self.index.removeSnapshot(id)
            }
        }
        try self.store.list(.snapshots) { id throws(FerryError) in
            guard try self.index.snapshot(id) == nil else { return }
            let name = ObjectName(.snapshots, id)
            try self.store.settle(name)
            do throws(FerryError) {
                let snapshot = try self.readSnapshot(id)
                try self.index.addSnapshot(id, snapshot.encoded)
                self.commits.withLock { $0.note(snapshot) }
            } catch {
                guard error.code == .integrity || error.code == .inputOutput else { throw error }
                self.commits.withLock { $0.damaged[id] = error }
            }
        }
    }

    /// Reads a snapshot from the store.
    func readSnapshot(_ id: ChunkID) throws(FerryError) -> Snapshot {
        let name = ObjectName(.snapshots, id)
        let snapshot = try Snapshot(try self.store.read(name, at: 0, count: Snapshot.maximumLength + 1))
        guard snapshot.id == id else { throw FerryError(.integrity, "the \(name) is another one's") }
        return snapshot
    }
}
