package import FerryChunking
package import FerryErrors
package import FerryFiles
import Synchronization

/// A store in a directory of the daemon's own. Docs/format.md, "The directory".
package final class LocalStore: ObjectStore {
    private static let configurationName = "config"
    private static let configurationLimit = 64 << 10
    private static let temporaries = "tmp"

    private let directory: ObjectDirectory
    fileprivate let temporary: ObjectDirectory
    private let snapshots: ObjectDirectory
    private let packs: ObjectDirectory
    /// Directories of packs, by the first byte of their names.
    private let shelves = Mutex<[Int: ObjectDirectory]>([:])
    private let lock: Mutex<DirectoryLock?>
    fileprivate let uploads = Atomic<UInt64>(0)

    /// Makes a store with its configuration, which is what makes it one, last.
    /// - Parameters:
    ///   - path: nothing, an empty directory, or what an attempt left that did not end.
    ///   - configuration: the bytes.
    ///   - calls: for tests.
    /// - Throws: `.exists` if something else lies there; what making it met.
    package static func create(
        at path: String,
        configuration: [UInt8],
        calls: SystemCalls = .real
    ) throws(FerryError) {
        try Directories.makePrivate(path, calls: calls)
        let directory = try ObjectDirectory(path: path, calls: calls)
        let own = Set(["lock", Self.temporaries] + StoreArea.allCases.map(\.rawValue))
        try directory.list { name throws(FerryError) in
            var isOurs = own.contains(name)
            for area in StoreArea.allCases where area.rawValue == name {
                try directory.directory(name).list { _ in isOurs = false }
            }
            guard isOurs else {
                throw FerryError(
                    .exists,
                    "\(Escaping.escape(path)) is not empty",
                    remedy: "name an empty directory, or one that does not exist"
                )
            }
        }
        let lock = try DirectoryLock(path, calls: calls)
        defer { withExtendedLifetime(lock) {} }
        for area in StoreArea.allCases { _ = try directory.makeDirectory(area.rawValue) }
        let temporary = try directory.makeDirectory(Self.temporaries)
        try temporary.list { name throws(FerryError) in try temporary.remove(name) }
        let file = try temporary.create(Self.configurationName)
        // SAFETY: the pointer does not leave the closure.
        try unsafe configuration.span.withUnsafeBytes { bytes throws(FerryError) in unsafe try file.append(bytes) }
        try file.sync()
        try temporary.move(Self.configurationName, to: directory, as: Self.configurationName)
        try directory.sync()
    }

    /// Opens a store for this process alone, and removes what an earlier one left unfinished.
    /// - Parameters:
    ///   - path: its directory.
    ///   - calls: for tests.
    /// - Throws: `.locked` if another process has it; `.notFound`, and what opening met.
    package init(path: String, calls: SystemCalls = .real) throws(FerryError) {
        self.directory = try ObjectDirectory(path: path, calls: calls)
        let lock = try DirectoryLock(path, calls: calls)
        self.packs = try self.directory.directory(StoreArea.packs.rawValue)
        self.snapshots = try self.directory.directory(StoreArea.snapshots.rawValue)
        let temporary = try self.directory.makeDirectory(Self.temporaries)
        try temporary.list { name throws(FerryError) in try temporary.remove(name) }
        self.temporary = temporary
        self.lock = Mutex(lock)
    }

    package func configuration() throws(FerryError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Self.configurationLimit + 1)
        var span = bytes.mutableSpan
        // SAFETY: the pointer does not leave the closure.
        let count = try unsafe span.withUnsafeMutableBytes { buffer throws(FerryError) in
            unsafe try self.directory.read(Self.configurationName, at: 0, into: buffer)
        }
        return Array(bytes.prefix(count))
    }

    package func begin() throws(FerryError) -> any ObjectUpload { try LocalUpload(self) }

    package func size(of name: ObjectName) throws(FerryError) -> UInt64 {
        try self.place(of: name).size(name.id.description)
    }

    package func read(
        _ name: ObjectName,
        at offset: UInt64,
        into buffer: UnsafeMutableRawBufferPointer
    ) throws(FerryError) -> Int {
        unsafe try self.place(of: name).read(name.id.description, at: offset, into: buffer)
    }

    package func list(_ area: StoreArea, _ body: (ChunkID) throws(FerryError) -> Void) throws(FerryError) {
        switch area {
        case .snapshots:
            try self.snapshots.list { name throws(FerryError) in
                if let id = ChunkID(hex: name) { try body(id) }
            }
        case .packs:
            for byte in 0..<256 {
                let shelf: ObjectDirectory
                do throws(FerryError) { shelf = try self.shelf(byte) } catch  where error.code == .notFound { continue }
                try shelf.list { name throws(FerryError) in
                    // One on a wrong shelf would not be found again.
                    if let id = ChunkID(hex: name), id.firstByte == byte { try body(id) }
                }
            }
        }
    }

    package func settle(_ name: ObjectName) throws(FerryError) { try self.place(of: name).sync() }

    package func remove(_ name: ObjectName) throws(FerryError) {
        let place: ObjectDirectory
        do throws(FerryError) { place = try self.place(of: name) } catch  where error.code == .notFound { return }
        try place.remove(name.id.description)
        try place.sync()
    }

    package func close() { self.lock.withLock { $0 = nil } }

    /// The directory that an object lies in, if it is there.
    private func place(of name: ObjectName) throws(FerryError) -> ObjectDirectory {
        name.area == .snapshots ? self.snapshots : try self.shelf(name.id.firstByte)
    }

    private func shelf(_ byte: Int, make: Bool = false) throws(FerryError) -> ObjectDirectory {
        if let shelf = self.shelves.withLock({ $0[byte] }) { return shelf }
        let name = Hexadecimal.byte(byte)
        // Two that open the same one at once do no harm.
        let shelf = make ? try self.packs.makeDirectory(name) : try self.packs.directory(name)
        self.shelves.withLock { $0[byte] = shelf }
        return shelf
    }

    /// The directory that an object is to lie in.
    fileprivate func target(of name: ObjectName) throws(FerryError) -> ObjectDirectory {
        name.area == .snapshots ? self.snapshots : try self.shelf(name.id.firstByte, make: true)
    }
}

/// A file among the temporaries of a ``LocalStore``.
private final class LocalUpload: ObjectUpload {
    private let store: LocalStore
    private let name: String
    private var file: ObjectFile?

    init(_ store: LocalStore) throws(FerryError) {
        self.store = store
        self.name = String(store.uploads.add(1, ordering: .relaxed).newValue)
        self.file = try store.temporary.create(self.name)
    }

    deinit { self.discard() }

    func append(_ bytes: UnsafeRawBufferPointer) throws(FerryError) {
        guard let file = self.file else { throw FerryError(.internalError, "an object was written after its end") }
        unsafe try file.append(bytes)
    }

    func finish(as name: ObjectName) throws(FerryError) {
        guard let file = self.file else { throw FerryError(.internalError, "an object was ended twice") }
        // Whatever fails, nothing of it is tried again.
        defer { self.discard() }
        try file.sync()
        let target = try self.store.target(of: name)
        try self.store.temporary.move(self.name, to: target, as: name.id.description)
        do throws(FerryError) { try target.sync() } catch {
            // Its bytes are durable, its name perhaps is not: nobody is to take it for what it may not be.
            try? target.remove(name.id.description)
            throw error
        }
        self.file = nil
    }

    func discard() {
        guard self.file != nil else { return }
        self.file = nil
        // What stays goes when the store is opened the next time.
        try? self.store.temporary.remove(self.name)
    }
}
