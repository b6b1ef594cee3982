import FerryChunking
import FerryErrors
import FerryFiles

/// A tree on a disk, as a source.
final class DiskTree: TreeSource {
    private let walk: TreeWalk
    private let metadata: MetadataReader
    private var links = HardLinks()
    private var reader = TreeReader()
    private var files: [Int: TreeReader.File] = [:]
    private var lastNumber = 0

    /// - Parameters:
    ///   - walk: through the tree.
    ///   - metadata: what is told besides the content.
    init(_ walk: TreeWalk, _ metadata: MetadataReader) {
        self.walk = walk
        self.metadata = metadata
    }

    func next() throws(FerryError) -> TreeSourceStep? {
        switch try self.walk.next() {
        case .entry(let entry): .item(try self.item(entry))
        case .end: .end
        case .pause: .pause
        case nil: nil
        }
    }

    private func item(_ entry: TreeEntry) throws(FerryError) -> ToldItem {
        var entry = entry
        let told = try self.metadata(of: entry)
        // Of whatever kind it is on disk: a file may stand for a device.
        let isSpecial = !(told.isFile || told.isDirectory || told.isLink)
        var isSkipped = false
        if isSpecial, entry.failure == nil, !entry.isLeftOut, !self.metadata.policy.specials || told.isSocket {
            (entry.isLeftOut, isSkipped) = (true, true)
        }
        let path = entry.directory.path(of: entry.name)
        if let failure = entry.failure { self.failures.append((path, failure)) }
        let mayBeLinked = !told.isDirectory && !entry.isLeftOut && entry.failure == nil
        var item = ToldItem(name: entry.name, path: path, told: told, modified: entry.info.modified)
        item.firstName = mayBeLinked ? self.links.firstName(of: entry) : nil
        item.isOnlyNamed = entry.isLeftOut && entry.opened == nil && !isSkipped
        let isOnDisk = entry.info.kind == .file && !item.isOnlyNamed
        item.size = isOnDisk ? UInt64(clamping: entry.info.size) : 0
        item.isSparse = entry.info.isSparse && told.isFile && !item.isOnlyNamed
        (item.linkText, item.failure) = (entry.linkText, entry.failure)
        (item.isLeftOut, item.isSkipped) = (entry.isLeftOut, isSkipped)
        // A further name has no attributes of its own.
        item.weight = item.firstName == nil && !isSkipped ? told.weight : 1
        if told.isFile, entry.failure == nil, item.firstName == nil, !entry.isLeftOut { item.file = self.file(entry) }
        return item
    }

    private func file(_ entry: TreeEntry) -> ToldItem.File {
        self.lastNumber += 1
        self.files[self.lastNumber] = TreeReader.File(
            directory: entry.directory,
            name: entry.name,
            listed: entry.info
        )
        return ToldItem.File(number: self.lastNumber, size: UInt64(clamping: entry.info.size))
    }

    /// What is told of an entry. One whose attributes cannot be is named, and told without.
    private func metadata(of entry: TreeEntry) throws(FerryError) -> ToldMetadata {
        let plain = ToldMetadata(posixMode: entry.info.posixMode)
        guard entry.failure == nil, !entry.isLeftOut || entry.opened != nil else { return plain }
        do throws(FerryError) { return try self.metadata.metadata(of: entry) } catch {
            // Without its top there is no tree.
            guard !entry.name.isEmpty else { throw error }
            // What is gone is told as it was; what becomes of it is seen when it is read.
            if error.code != .notFound { self.failures.append((entry.directory.path(of: entry.name), error)) }
            return plain
        }
    }

    // MARK: Content

    func need(_ file: ToldItem.File, oldSize: Int64?) {
        guard var needed = self.files.removeValue(forKey: file.number) else { return }
        needed.oldSize = oldSize
        self.reader.append(needed)
    }

    func forget(_ file: ToldItem.File) { self.files[file.number] = nil }

    var isIdle: Bool { self.reader.isIdle }
    func read(isSlow: Bool) -> [Piece] { self.reader.next(isSlow: isSlow) }
    var number: Int { self.reader.number }
    var longestSegment: Int { self.reader.longestSegment }
    var digest: RecipeDigest { self.reader.digest }
    var size: UInt64 { self.reader.size }

    var failures: [(path: [UInt8], error: FerryError)] {
        get { self.reader.failures }
        set { self.reader.failures = newValue }
    }
}
