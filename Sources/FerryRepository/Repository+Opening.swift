import FerryCatalog
import FerryChunking
import FerryErrors
import FerryFiles
import FerryObjects
import FerryStorage
import Synchronization

extension Repository {
    /// Makes the index tell what the store has: packs that it does not know are taken in, those that are gone are dropped.
    func reconcile() throws(FerryError) {
        try self.dropMissingPacks()
        // What cannot be read is lacked; the rest is as good as before. Verifying tells of it.
        try self.addUnknownPacks()
        try self.readSnapshots()
        try self.restoreMarks()
    }

    /// - Returns: the packs that cannot be read.
    @discardableResult
    func addUnknownPacks() throws(FerryError) -> [(pack: ChunkID, error: FerryError)] {
        var unreadable: [(pack: ChunkID, error: FerryError)] = []
        try self.store.list(.packs) { name throws(FerryError) in
            guard try self.index.pack(named: name) == nil else { return }
            switch try self.settled(name) {
            case .failure(let error): unreadable.append((name, error))
            case .success(let contents):
                try self.index.add(
                    name,
                    contents.header,
                    length: contents.length,
                    contents.objects,
                    completeIn: nil
                )
            }
        }
        return unreadable
    }

    /// What lies in a pack that was found; its name may have appeared a moment before the last process ended.
    ///
    /// - Returns: a failure if it is damaged.
    func settled(_ name: ChunkID) throws(FerryError) -> Result<PackContents, FerryError> {
        try self.store.settle(ObjectName(.packs, name))
        do throws(FerryError) {
            return .success(try PackReader(store: self.store).contents(of: name))
        } catch {
            guard error.isDamage else { throw error }
            return .failure(error)
        }
    }

    /// Drops packs that are gone; the index tells of them until verifying has.
    func dropMissingPacks() throws(FerryError) {
        var missing: [IndexedPack] = []
        var last: Int64 = 0
        while true {
            let packs = try self.index.packs(after: last, nil)
            guard let end = packs.last else { break }
            for pack in packs {
                do throws(FerryError) { _ = try self.store.size(of: ObjectName(.packs, pack.name)) } catch {
                    guard error.code == .notFound else { throw error }
                    missing.append(pack)
                }
            }
            last = end.number
        }
        guard !missing.isEmpty else { return }
        try self.voidingMarks { () throws(FerryError) in
            try self.index.dropPacks(missing.map(\.number), areMissing: true)
        }
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
                try self.index.addSnapshot(id, snapshot)
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

extension Repository {
    /// Whether a directory holds a repository that could be opened, as far as its configuration tells.
    package static func isThere(_ path: String) -> Bool {
        guard let bytes = try? Directories.readFile(path + "/config", limit: RepositoryConfiguration.maximumLength)
        else {
            return false
        }
        return (try? RepositoryConfiguration(bytes)) != nil
    }
}
