import FerryCatalog
import FerryChunking
package import FerryErrors
import FerryObjects
import FerryStorage
import Synchronization

extension Repository {
    /// Checks the repository; others may go on using it. Places that are no good are dropped from the index, so that a later backup sends
    /// again what is lost and still exists.
    ///
    /// - Parameters:
    ///   - depth: how much is read.
    ///   - onProgress: is told after each pack; what it throws ends verifying.
    /// - Returns: what was found; findings are no error.
    /// - Throws: `.busy` if that is being done already; what index and store met.
    package func verify(
        _ depth: VerifyDepth,
        onProgress: (VerifyProgress) throws(FerryError) -> Void = { _ in }
    ) throws(FerryError) -> VerifyReport {
        try self.alone { () throws(FerryError) in
            var report = VerifyReport()
            if !self.index.isSound() {
                report.note(nil, "the index was damaged, and was made anew")
                try self.fillIndex { _ in }
            }
            let missing = try self.findPacks(&report)
            try self.checkPacks(depth, &report, onProgress)
            let snapshots = try self.checkSnapshots(&report)
            if depth == .full { try self.walk(snapshots, &report) }
            // What a snapshot lacked may have been sent again since its nodes were looked at.
            let roots = snapshots.map(\.root)
            if try !self.index.hasAll(roots.map { ObjectKey(.node, $0) }).answers.allSatisfy(\.self) {
                try self.index.noteUnmarked()
            }
            try self.restoreMarks()
            for snapshot in snapshots {
                guard try self.index.has([ObjectKey(.node, snapshot.root)]).answers != [true] else { continue }
                report.touch(try TouchedPaths(self).find(snapshot, limit: report.pathsLeft))
            }
            // Those that were gone before are told as long as something is lacked.
            if report.touched.isEmpty {
                try self.index.forgetMissing(missing.map(\.name))
            } else {
                let still = Set(try self.index.missing().map(\.name))
                for pack in missing where still.contains(pack.name) { Self.noteMissing(pack, &report) }
            }
            return report
        }
    }

    /// Runs what only one may do at a time.
    func alone<Value>(_ body: () throws(FerryError) -> Value) throws(FerryError) -> Value {
        guard self.isMaintained.compareExchange(expected: false, desired: true, ordering: .acquiring).exchanged else {
            throw FerryError(.busy, "the repository is being verified or indexed already", remedy: "wait for its end")
        }
        defer { self.isMaintained.store(false, ordering: .releasing) }
        // Backups that mark what is complete leave that to this one.
        self.marking.withLock { $0 = nil }
        return try body()
    }

    /// Runs what voids marks, while nobody commits.
    func voidingMarks(_ body: () throws(FerryError) -> Void) throws(FerryError) {
        try self.commits.withLock { _ throws(FerryError) in try body() }
    }

    /// Finds packs that are gone, and those that cannot be read.
    ///
    /// - Returns: those that were found to be gone before.
    private func findPacks(
        _ report: inout VerifyReport
    ) throws(FerryError) -> [(name: ChunkID, objects: UInt64)] {
        let before = try self.index.missing()
        let known = Set(before.map(\.name))
        try self.dropMissingPacks()
        for pack in try self.index.missing() where !known.contains(pack.name) { Self.noteMissing(pack, &report) }
        for (pack, error) in try self.addUnknownPacks() {
            report.note(pack, "the pack \(pack) cannot be read: \(error.message)")
        }
        return before
    }

    private static func noteMissing(_ pack: (name: ChunkID, objects: UInt64), _ report: inout VerifyReport) {
        report.note(pack.name, "the pack \(pack.name) is gone, and \(pack.objects) objects with it")
        report.lost += pack.objects
    }

    private func checkPacks(
        _ depth: VerifyDepth,
        _ report: inout VerifyReport,
        _ onProgress: (VerifyProgress) throws(FerryError) -> Void
    ) throws(FerryError) {
        let counts = try self.index.placeCounts()
        var generator = SystemRandomNumberGenerator()
        var progress = VerifyProgress()
        progress.ofPacks = UInt64(counts.count)
        let check = PackCheck(repository: self)
        // A sample of few packs is one of them at least.
        let chosen = UInt64.random(in: 0..<max(1, progress.ofPacks), using: &generator)
        var last: Int64 = 0
        while let pack = try self.index.packs(after: last, nil, limit: 1).first {
            last = pack.number
            // What came since is as good as it was when it came.
            guard let places = counts[pack.number] ?? (pack.number <= counts.keys.max() ?? 0 ? 0 : nil) else { break }
            let reads =
                switch depth {
                case .quick: false
                case .full: true
                case .sampled(let percent):
                    progress.packs == chosen || Int.random(in: 0..<100, using: &generator) < percent
                }
            try check.check(pack, places: places, reads: reads, &report)
            progress.packs += 1
            progress.bytes = report.bytes
            try onProgress(progress)
        }
    }

    /// Reads every snapshot in the store; one that is damaged and has a good copy in the index is written again.
    private func checkSnapshots(_ report: inout VerifyReport) throws(FerryError) -> [SnapshotRoot] {
        var (good, damaged): ([SnapshotRoot], [ChunkID: FerryError]) = ([], [:])
        try self.store.list(.snapshots) { id throws(FerryError) in
            report.snapshots += 1
            do throws(FerryError) {
                good.append(SnapshotRoot(id, try self.readSnapshot(id)))
            } catch {
                guard error.isDamage else { throw error }
                damaged[id] = error
            }
        }
        for (id, error) in damaged {
            let finding = "the snapshot \(id) cannot be read: \(error.message)"
            guard let encoded = try self.index.snapshot(id), let snapshot = try? Snapshot(encoded), snapshot.id == id
            else {
                report.note(nil, finding)
                report.touch(.init(id: id, unreadable: error, paths: [], morePaths: 0))
                continue
            }
            let upload = try self.store.begin()
            try upload.append(encoded)
            try upload.finish(as: ObjectName(.snapshots, id))
            report.note(nil, finding + "; it was written again")
            good.append(SnapshotRoot(id, snapshot))
        }
        return good.sorted { $0.sequence < $1.sequence }
    }

    /// Goes through all that the snapshots point to, whatever is marked.
    private func walk(_ snapshots: [SnapshotRoot], _ report: inout VerifyReport) throws(FerryError) {
        var walk = try NodeWalk(self, trustsMarks: false)
        var isWrong = false
        for snapshot in snapshots {
            let root = snapshot.root
            guard try !walk.isComplete(root) else { continue }
            if try self.index.has([ObjectKey(.node, root)]).answers == [true] { isWrong = true }
        }
        try walk.flush()
        guard isWrong else { return }
        // Nothing but a damaged index, or a fault of ours, marks what is not complete.
        report.note(nil, "the index told of nodes that they were complete, and they are not; all were looked at again")
        try self.voidingMarks { () throws(FerryError) in try self.index.raiseGeneration() }
    }

    /// Makes the index anew from the packs; until its end others read by the old one, and what they write waits.
    ///
    /// - Parameter onProgress: is told after each pack; what it throws leaves the index as it was.
    /// - Throws: `.busy` if it is being verified; what index and store met.
    package func rebuildIndex(
        onProgress: (VerifyProgress) throws(FerryError) -> Void = { _ in }
    ) throws(FerryError) {
        try self.alone { () throws(FerryError) in
            try self.fillIndex(onProgress)
            try self.restoreMarks()
        }
    }

    private func fillIndex(_ onProgress: (VerifyProgress) throws(FerryError) -> Void) throws(FerryError) {
        do throws(FerryError) { try self.refillIndex(onProgress) } catch {
            guard error.code == .integrity else { throw error }
            try self.replaceIndex()
            try self.refillIndex(onProgress)
        }
    }

    private func refillIndex(_ onProgress: (VerifyProgress) throws(FerryError) -> Void) throws(FerryError) {
        try self.voidingMarks { () throws(FerryError) in
            try self.index.rebuild { filling throws(FerryError) in
                var progress = VerifyProgress()
                try self.store.list(.packs) { _ throws(FerryError) in progress.ofPacks += 1 }
                try self.store.list(.packs) { name throws(FerryError) in
                    progress.packs += 1
                    if case .success(let contents) = try self.settled(name) {
                        try filling.add(name, contents.header, length: contents.length, contents.objects)
                        progress.bytes += contents.length
                    }
                    try onProgress(progress)
                }
                try self.store.list(.snapshots) { id throws(FerryError) in
                    do throws(FerryError) { try filling.add(id, try self.readSnapshot(id)) } catch {
                        guard error.isDamage else { throw error }
                    }
                }
            }
        }
    }

    /// Counts what there is, in time that grows with it.
    ///
    /// - Throws: what the index met.
    package func statistics() throws(FerryError) -> RepositoryStatistics {
        let counts = try self.index.counts()
        return RepositoryStatistics(
            snapshots: counts.snapshots,
            packs: counts.packs,
            chunks: counts.chunks,
            nodes: counts.nodes,
            storedBytes: counts.stored,
            rawBytes: counts.raw
        )
    }
}
