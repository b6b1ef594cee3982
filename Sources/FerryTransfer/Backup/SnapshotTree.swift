import FerryChunking
import FerryErrors
package import FerryFiles
package import FerryObjects

/// A directory of a snapshot, or something else in one, as the source of a tree.
package final class SnapshotTree: TreeSource {
    /// What is sent.
    package struct Part {
        /// The directory.
        let top: Entry
        /// Its path from the snapshot's top.
        let path: [UInt8]
        /// What is told alone, below a top that stands for nothing.
        let single: Entry?

        package init(top: Entry, path: [UInt8]) { (self.top, self.path, self.single) = (top, path, nil) }

        /// - Parameter single: no directory, and no further name.
        package init(single: Entry) {
            let nothing = Entry(name: [], mode: 0o040755, seconds: 0, nanoseconds: 0, content: .special(device: 0))
            (self.top, self.path, self.single) = (nothing, [], single)
        }
    }

    private struct Level {
        let next: SnapshotContent.NextEntry
        let filter: FilterLevel?
        /// From the top of the part.
        let path: [UInt8]
    }

    /// Entries that are left out, after which others get their turn.
    private static let pauseAfter = 1000
    /// Files that have further names outside of what is told, and are remembered.
    private static let linkLimit = 1 << 16

    private let content: any SnapshotContent
    private let part: Part
    private let filter: TreeFilter
    private let policy: MetadataPolicy
    private let tellsLeftOut: Bool
    private var levels: [Level] = []
    private var hasBegun = false
    private var reader: SnapshotFiles
    private var files: [Int: SnapshotFiles.File] = [:]
    private var lastNumber = 0
    /// Where the first name that is told lies of files whose first name in the snapshot may not be.
    private var firstNames: [[UInt8]: [UInt8]] = [:]

    /// - Parameters:
    ///   - part: the directory that is sent.
    ///   - content: the snapshot.
    ///   - filter: which entries take part; there are no ignore files in a snapshot.
    ///   - policy: what is told besides the content.
    ///   - tellsLeftOut: whether what the filter leaves out is told.
    ///   - average: how the repository's files are cut.
    package init(
        _ part: Part,
        of content: any SnapshotContent,
        filter: TreeFilter,
        policy: MetadataPolicy,
        tellsLeftOut: Bool,
        average: UInt32
    ) {
        (self.part, self.content, self.filter, self.policy) = (part, content, filter, policy)
        self.tellsLeftOut = tellsLeftOut
        self.reader = SnapshotFiles(content, average: average)
    }

    func next() throws(FerryError) -> TreeSourceStep? {
        guard self.hasBegun else {
            self.hasBegun = true
            if var single = self.part.single.map({ [$0] }) {
                self.levels.append(Level(next: { single.popLast() }, filter: nil, path: []))
            } else {
                try self.enter(self.part.top, [], self.filter.top(ignoreFile: nil))
            }
            return .item(self.item(self.part.top, [], name: []))
        }
        var passed = 0
        while let level = self.levels.last {
            guard passed < Self.pauseAfter else { return .pause }
            passed += 1
            guard let entry = try self.next(in: level) else {
                self.levels.removeLast()
                return .end
            }
            if let item = try self.item(entry, in: level) { return .item(item) }
        }
        return nil
    }

    private func next(in level: Level) throws(FerryError) -> Entry? {
        do throws(FerryError) { return try level.next() } catch {
            // It was told as one that can be read: to end it here would be to say that nothing else is in it.
            throw FerryError(
                error.code,
                "only a part of the directory \(Escaping.escape(level.path)) can be read",
                remedy: "restore what lies beside it by itself, and run `ferryd verify` on the daemon's machine",
                cause: error
            )
        }
    }

    private func item(_ entry: Entry, in level: Level) throws(FerryError) -> ToldItem? {
        let path = level.path.isEmpty ? entry.name : level.path + [UInt8(ascii: "/")] + entry.name
        let info = entry.info
        if let filter = level.filter, filter.excludes(entry.name, info) {
            guard self.tellsLeftOut else { return nil }
            var item = ToldItem(
                name: entry.name,
                path: path,
                told: ToldMetadata(posixMode: entry.mode),
                modified: info.modified
            )
            (item.isLeftOut, item.isOnlyNamed) = (true, true)
            return item
        }
        var item = self.item(entry, path, name: entry.name)
        switch entry.content {
        case .directory: self.begin(entry, path, level.filter, &item)
        case .link(let target): item.linkText = target
        case .special: self.leaveOut(entry, &item)
        case .segments, .recipe: item.file = self.file(entry, path)
        case .furtherName(let first): self.name(entry, first, path, &item)
        }
        if let file = item.file { item.size = file.size }
        return item
    }

    private func item(_ entry: Entry, _ path: [UInt8], name: [UInt8]) -> ToldItem {
        var told = entry.told
        if !self.policy.owners { (told.user, told.group) = (nil, nil) }
        if !self.policy.attributes { (told.attributes, told.accounts) = ([], []) }
        var item = ToldItem(
            name: name,
            path: path,
            told: told,
            modified: Timestamp(seconds: entry.seconds, nanoseconds: entry.nanoseconds)
        )
        item.weight = told.weight
        item.isSparse = self.hasHoles(entry)
        return item
    }

    private func begin(_ entry: Entry, _ path: [UInt8], _ filter: FilterLevel?, _ item: inout ToldItem) {
        do throws(FerryError) {
            guard self.levels.count < TreeWalk.maximumDepth else {
                throw FerryError(
                    .tooLarge,
                    "\(Escaping.escape(path)) lies more than \(TreeWalk.maximumDepth) directories deep"
                )
            }
            try self.enter(entry, path, filter?.entering(entry.name, ignoreFile: nil, named: ""))
        } catch {
            item.failure = error
            self.failures.append((path, error))
            self.levels.append(Level(next: { nil }, filter: nil, path: path))
        }
    }

    private func enter(_ entry: Entry, _ path: [UInt8], _ filter: FilterLevel?) throws(FerryError) {
        guard case .directory(let node) = entry.content else {
            throw FerryError(.notADirectory, "\(Escaping.escape(path)) is not a directory")
        }
        let entries = try self.content.entries(of: node)
        // Damage is to show while the directory can still be told as one that cannot be read: nothing in it is deleted then, and the
        // rest of the tree is restored.
        try self.content.checkParts(of: node)
        var first = try entries()
        let next = { () throws(FerryError) -> Entry? in
            guard let entry = first else { return try entries() }
            first = nil
            return entry
        }
        self.levels.append(Level(next: next, filter: filter, path: path))
    }

    private func leaveOut(_ entry: Entry, _ item: inout ToldItem) {
        guard !self.policy.specials || item.told.isSocket else { return }
        (item.isLeftOut, item.isSkipped, item.weight) = (true, true, 1)
    }

    private func file(_ entry: Entry, _ path: [UInt8]) -> ToldItem.File {
        self.lastNumber += 1
        self.files[self.lastNumber] = SnapshotFiles.File(path: path, entry: entry)
        return ToldItem.File(number: self.lastNumber, size: entry.size)
    }

    /// A further name of something the first name of which may not be told, or not in this part.
    private func name(_ entry: Entry, _ first: [UInt8], _ path: [UInt8], _ item: inout ToldItem) {
        let top = self.part.path.isEmpty ? [] : self.part.path + [UInt8(ascii: "/")]
        if entry.isSpecial, !self.policy.specials { return self.leaveOut(entry, &item) }
        // Who only compares looks at what each link says.
        if entry.isLink, case .link(let target)? = (try? self.content.entry(at: first))?.content {
            item.linkText = target
        }
        if first.starts(with: top), self.isTold(Array(first.dropFirst(top.count)), top) {
            item.firstName = Array(first.dropFirst(top.count))
        } else if let told = self.firstNames[first] {
            item.firstName = told
        }
        guard item.firstName == nil else {
            item.weight = 1
            return
        }
        do throws(FerryError) {
            let named = try self.content.entry(at: first)
            switch named.content {
            case .link(let target): item.linkText = target
            case .special: self.leaveOut(named, &item)
            case .segments, .recipe:
                item.file = self.file(named, path)
                item.isSparse = self.hasHoles(named)
            case .directory, .furtherName:
                throw FerryError(.integrity, "\(Escaping.escape(path)) is a name of what is no file")
            }
            if self.firstNames.count < Self.linkLimit { self.firstNames[first] = path }
        } catch {
            item.failure = error
            self.failures.append((path, error))
        }
    }

    /// Whether the filter leaves in what is at a path of the part.
    private func isTold(_ path: [UInt8], _ top: [UInt8]) -> Bool {
        guard !self.filter.isEmpty else { return true }
        do throws(FerryError) {
            var level = try self.filter.top(ignoreFile: nil)
            var names = path.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).map(Array.init)
            guard let last = names.popLast() else { return false }
            for name in names {
                guard !level.excludes(name, isDirectory: true) else { return false }
                level = try level.entering(name, ignoreFile: nil, named: "")
            }
            return !level.excludes(last, try self.content.entry(at: top + path).info)
        } catch {
            // It is told what is wrong where it lies.
            return false
        }
    }

    // MARK: Content

    func need(_ file: ToldItem.File, oldSize: Int64?) {
        if let needed = self.files.removeValue(forKey: file.number) { self.reader.append(needed) }
    }

    func forget(_ file: ToldItem.File) { self.files[file.number] = nil }

    var isIdle: Bool { self.reader.isIdle }
    func read(isSlow: Bool) -> [Piece] { self.reader.next() }
    var number: Int { self.reader.number }
    var longestSegment: Int { SnapshotFiles.longestWindow }
    var digest: RecipeDigest { self.reader.digest }
    var size: UInt64 { self.reader.size }

    var failures: [(path: [UInt8], error: FerryError)] {
        get { self.reader.failures }
        set { self.reader.failures = newValue }
    }

    /// Whether a file has holes, as far as its entry alone tells: what a node lists may have some.
    private func hasHoles(_ entry: Entry) -> Bool {
        switch entry.content {
        case .segments(let segments): segments.contains { if case .hole = $0 { true } else { false } }
        case .recipe: true
        default: false
        }
    }
}

extension Entry {
    fileprivate var info: FileInfo {
        FileInfo(
            posixMode: self.mode,
            size: Int64(clamping: self.size),
            modified: Timestamp(seconds: self.seconds, nanoseconds: self.nanoseconds)
        )
    }

    // By its mode, which further names have as well.
    fileprivate var isLink: Bool { self.info.kind == .symlink }
    fileprivate var isSpecial: Bool { ![.file, .directory, .symlink].contains(self.info.kind) }
}
