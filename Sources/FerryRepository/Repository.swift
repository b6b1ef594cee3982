import FerryCatalog
import FerryChunking
package import FerryErrors
package import FerryFiles
package import FerryObjects
package import FerryStorage
import Synchronization

/// A store of snapshots that this process alone has. Docs/format.md tells what lies in it.
///
/// Calls block; they may come from any thread.
package final class Repository: Sendable {
    static let indexName = "index.sqlite"

    package let configuration: RepositoryConfiguration
    let store: any ObjectStore
    var index: RepositoryIndex { self.currentIndex.withLock { $0 } }
    private let currentIndex: Mutex<RepositoryIndex>
    private let indexDirectory: String
    /// Held while a snapshot is committed, and while marks are voided, so that no snapshot builds on marks that are void.
    let commits: Mutex<Commits>
    /// Whether it is being verified or indexed.
    let isMaintained = Atomic(false)
    /// How far backups have come with marking what is complete, if they are about it.
    let marking = Mutex<MarkPass?>(nil)
    let limits: PackLimits
    private let now: @Sendable () -> (seconds: Int64, nanoseconds: UInt32)

    struct Commits {
        /// Of the latest snapshot.
        var sequence: UInt64 = 0
        var seconds: Int64 = .min
        var nanoseconds: UInt32 = 0
        /// Snapshots that could not be read when the repository was opened.
        var damaged: [ChunkID: FerryError] = [:]

        mutating func note(_ snapshot: Snapshot) {
            self.sequence = max(self.sequence, snapshot.sequence)
            if (snapshot.seconds, snapshot.nanoseconds) > (self.seconds, self.nanoseconds) {
                (self.seconds, self.nanoseconds) = (snapshot.seconds, snapshot.nanoseconds)
            }
        }
    }

    /// Makes a repository in a directory.
    ///
    /// - Parameters:
    ///   - path: an empty directory, or nothing.
    ///   - averageChunk: around how many bytes chunks gather: a power of two from 16 to 256 KiB.
    ///   - calls: for tests.
    /// - Throws: `.exists` if something is there, `.usage` for another number; what making it met.
    package static func create(
        at path: String,
        averageChunk: Int,
        calls: SystemCalls = .real
    ) throws(FerryError) {
        let configuration = try RepositoryConfiguration.random(averageChunk: averageChunk)
        try LocalStore.create(at: path, configuration: configuration.encoded, calls: calls)
    }

    /// Opens a repository for this process alone; what the index does not know yet is taken in.
    ///
    /// - Parameters:
    ///   - path: its directory.
    ///   - calls: for tests.
    /// - Throws: `.locked` if another process has it, `.notFound`, `.newerState`, `.integrity` if its configuration is damaged;
    ///   and what opening met.
    package convenience init(path: String, calls: SystemCalls = .real) throws(FerryError) {
        try self.init(store: try LocalStore(path: path, calls: calls), indexDirectory: path)
    }

    /// Opens a repository in a store.
    ///
    /// - Parameters:
    ///   - store: is closed with the repository, or if it cannot be opened.
    ///   - indexDirectory: where the index lies.
    ///   - limits: of the packs that are written.
    ///   - now: the time, since 1970-01-01 UTC.
    /// - Throws: as ``init(path:calls:)``.
    package convenience init(
        store: any ObjectStore,
        indexDirectory: String,
        limits: PackLimits = PackLimits(),
        now: @escaping @Sendable () -> (seconds: Int64, nanoseconds: UInt32) = {
            let now = Timestamp.now
            return (now.seconds, now.nanoseconds)
        }
    ) throws(FerryError) {
        let (configuration, index): (RepositoryConfiguration, RepositoryIndex)
        do throws(FerryError) {
            configuration = try RepositoryConfiguration(try store.configuration())
            index = try Self.openIndex(in: indexDirectory, configuration.id)
        } catch {
            store.close()
            throw error
        }
        self.init(store, index, indexDirectory, configuration, limits, now)
        do throws(FerryError) {
            do throws(FerryError) { try self.reconcile() } catch  where error.code == .integrity {
                // Everything else that is damaged is passed over.
                try self.replaceIndex()
                try self.reconcile()
            }
        } catch {
            self.close()
            throw error
        }
    }

    private init(
        _ store: any ObjectStore,
        _ index: RepositoryIndex,
        _ indexDirectory: String,
        _ configuration: RepositoryConfiguration,
        _ limits: PackLimits,
        _ now: @escaping @Sendable () -> (seconds: Int64, nanoseconds: UInt32)
    ) {
        (self.store, self.indexDirectory, self.configuration) = (store, indexDirectory, configuration)
        self.currentIndex = Mutex(index)
        (self.limits, self.now) = (limits, now)
        self.commits = Mutex(Commits())
    }

    private static func openIndex(in directory: String, _ repository: [UInt8]) throws(FerryError) -> RepositoryIndex {
        do throws(FerryError) {
            return try RepositoryIndex(path: directory + "/" + Self.indexName, repository: repository)
        } catch {
            guard error.code == .integrity else { throw error }
        }
        return try self.newIndex(in: directory, repository)
    }

    /// Makes an empty index in the place of one that is no good: it is a cache. What it knows of damage is in no pack, and is kept.
    private static func newIndex(in directory: String, _ repository: [UInt8]) throws(FerryError) -> RepositoryIndex {
        let path = directory + "/" + Self.indexName
        let known = RepositoryIndex.knownDamage(at: path)
        let files = try ObjectDirectory(path: directory)
        for name in RepositoryIndex.files(Self.indexName) { try files.remove(name) }
        let index = try RepositoryIndex(path: path, repository: repository)
        try index.note(known)
        return index
    }

    /// Puts an empty index in the place of one that SQLite cannot mend. Who is using that one fails.
    func replaceIndex() throws(FerryError) {
        try self.currentIndex.withLock { index throws(FerryError) in
            try? index.close()
            index = try Self.newIndex(in: self.indexDirectory, self.configuration.id)
        }
    }

    /// Lets another process have the repository. Calls after this one fail.
    package func close() {
        self.marking.withLock { $0 = nil }
        // What SQLite could not fold into the file it folds when it is opened again.
        try? self.index.close()
        self.store.close()
    }

    /// What one backup adds.
    ///
    /// - Parameter owner: the user who makes it.
    /// - Returns: a writer of its own; many may be there at once.
    package func writer(owner: String) -> RepositoryWriter { RepositoryWriter(self, owner: owner) }

    /// What one operation reads with. What it finds damaged is lacked from then on.
    package func reader() -> ObjectReader { ObjectReader(self, dropsDamaged: true) }

    func commit(
        root: ChunkID,
        owner: String,
        rest: [UInt8],
        begunIn begun: Int64?
    ) throws(FerryError) -> ChunkID {
        try self.commits.withLock { commits throws(FerryError) in
            let (answers, generation) = try self.index.has([ObjectKey(.node, root)])
            guard answers == [true] else {
                guard begun == nil || begun == generation else { throw RepositoryWriter.changed }
                throw FerryError(.violation, "the snapshot's root \(root) is not complete")
            }
            let now = self.now()
            let isLater = (now.seconds, now.nanoseconds) > (commits.seconds, commits.nanoseconds)
            let snapshot = Snapshot(
                root: root,
                sequence: commits.sequence + 1,
                seconds: isLater ? now.seconds : commits.seconds,
                nanoseconds: isLater ? now.nanoseconds : commits.nanoseconds,
                owner: owner,
                rest: rest
            )
            let (id, encoded) = (snapshot.id, snapshot.encoded)
            let upload = try self.store.begin()
            try upload.append(encoded)
            // If this fails it may be there all the same; its number is not given twice.
            commits.note(snapshot)
            try upload.finish(as: ObjectName(.snapshots, id))
            // It is committed, whatever the cache says; opening makes up for it.
            do throws(FerryError) { try self.index.addSnapshot(id, snapshot) } catch {
                guard error.code == .noSpace || error.code == .inputOutput else { throw error }
            }
            return id
        }
    }
}

extension RepositoryConfiguration {
    /// That of a new repository.
    ///
    /// - Throws: `.usage` if the number is none.
    static func random(averageChunk: Int) throws(FerryError) -> RepositoryConfiguration {
        guard averageChunk.nonzeroBitCount == 1, (16 << 10)...(256 << 10) ~= averageChunk else {
            throw FerryError(
                .usage,
                "chunks cannot have \(averageChunk) bytes",
                remedy: "name a power of two from 16384 to 262144"
            )
        }
        return RepositoryConfiguration(id: PackSalt.random().bytes, averageChunk: UInt32(averageChunk))
    }
}
