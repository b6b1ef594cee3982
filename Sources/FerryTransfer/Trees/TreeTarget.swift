import FerryErrors
import FerryFiles
import FerryWire

/// The tree that is here, compared with what the sender tells, thing by thing.
final class TreeTarget {
    /// What is to be done about a thing.
    enum Decision {
        case nothing
        /// It cannot be transferred; the rest goes on.
        case failed([UInt8], FerryError)
        /// Its content is needed.
        case needed(IncomingFile)
        /// It takes the place of a directory in the end.
        case later(TargetDirectory, path: [UInt8])
        /// A file gets a further name; late if a directory has that, which goes before.
        case link(TreeLink, isLate: Bool)
        case entered(TargetDirectory)
        case ended(TargetDirectory)
        /// The sender leaves it out, for nobody asked for its kind.
        case skipped([UInt8])
    }

    private enum Level {
        case open(TargetDirectory)
        /// It would be made: all that is in it is new.
        case planned([UInt8])
        /// What is in it cannot be transferred; that was said.
        case closed
    }

    private let top: OpenDirectory
    let options: TreeReceiver.Options
    private let accounts: Accounts
    /// Each with the last name that was told in it.
    private var levels: [(level: Level, lastName: [UInt8])] = []
    private var hasBegun = false

    /// - Parameters:
    ///   - top: of the tree.
    ///   - options: how it is received.
    ///   - found: told the path of each thing that is only here, at once, for there may be many.
    init(
        _ top: OpenDirectory,
        options: TreeReceiver.Options,
        found: @escaping (_ path: [UInt8]) throws(FerryError) -> Void
    ) {
        self.top = top
        self.options = options
        self.accounts = Accounts(isNumeric: options.metadata.isNumeric)
        self.found = found
    }

    private let found: (_ path: [UInt8]) throws(FerryError) -> Void
    private var changes: [TreeChange] = []

    /// What differs, found since the last call.
    func takeChanges() -> [TreeChange] {
        defer { self.changes = [] }
        return self.changes
    }

    var isAtEnd: Bool { self.hasBegun && self.levels.isEmpty }

    /// Decides the next thing.
    ///
    /// - Throws: `.violation` for one that may not come here, and what ends the whole transfer.
    func decide(_ item: TreeItem) throws(FerryError) -> Decision {
        guard let level = self.levels.last?.level else { return try self.begin(item) }
        if item.kind == .end {
            self.levels.removeLast()
            guard case .open(let directory) = level else { return .nothing }
            try self.findOthers(before: nil, in: directory)
            return .ended(directory)
        }
        // Also where nothing is made: the peer is told of it.
        let last = self.levels.count - 1
        try Self.check(item.name, after: self.levels[last].lastName)
        self.levels[last].lastName = item.name
        if case .planned(let path) = level {
            return try self.plan(item, path.isEmpty ? item.name : path + [UInt8(ascii: "/")] + item.name)
        }
        guard case .open(let directory) = level else {
            guard self.levels.count <= TreeWalk.maximumDepth else {
                throw FerryError(.limit, "the tree is more than \(TreeWalk.maximumDepth) directories deep")
            }
            if item.kind == .directory { self.levels.append((.closed, [])) }
            return .nothing
        }
        try self.findOthers(before: item.name, in: directory)
        if item.isLeftOut, item.kind != .directory {
            return item.isSpecial ? .skipped(directory.directory.path(of: item.name)) : .nothing
        }
        if let failure = item.failure {
            if item.kind == .directory { self.levels.append((.closed, [])) }
            return .failed(directory.directory.path(of: item.name), failure)
        }
        guard self.levels.count < TreeWalk.maximumDepth || item.kind != .directory else {
            throw FerryError(.limit, "the tree is more than \(TreeWalk.maximumDepth) directories deep")
        }
        do throws(FerryError) {
            return try self.compare(item, in: directory)
        } catch {
            guard !error.endsTree else { throw error }
            if item.kind == .directory { self.levels.append((.closed, [])) }
            return .failed(directory.directory.path(of: item.name), error)
        }
    }

    private func findOthers(before name: [UInt8]?, in directory: TargetDirectory) throws(FerryError) {
        while let other = try directory.nextOther(before: name) { try self.found(directory.directory.path(of: other)) }
    }

    /// Something in a directory that would be made.
    private func plan(_ item: TreeItem, _ path: [UInt8]) throws(FerryError) -> Decision {
        guard self.levels.count <= TreeWalk.maximumDepth else {
            throw FerryError(.limit, "the tree is more than \(TreeWalk.maximumDepth) directories deep")
        }
        if item.isLeftOut, item.kind != .directory { return item.isSpecial ? .skipped(path) : .nothing }
        if item.kind == .directory { self.levels.append((item.failure == nil ? .planned(path) : .closed, [])) }
        if let failure = item.failure { return .failed(path, failure) }
        self.report(path, .new, [], item)
        return .nothing
    }

    func report(_ path: [UInt8], _ kind: TreeChange.Kind, _ reasons: TreeChange.Reasons, _ item: TreeItem) {
        guard self.options.reports else { return }
        self.changes.append(
            TreeChange(path: path, kind: kind, reasons: reasons, size: item.size, isDirectory: item.kind == .directory)
        )
    }

    private func begin(_ item: TreeItem) throws(FerryError) -> Decision {
        guard !self.hasBegun, item.kind == .directory, item.name.isEmpty else {
            throw FerryError(.violation, "the tree does not begin with a directory, or goes on after its end")
        }
        self.hasBegun = true
        if self.options.isMissing { return self.planned([]) }
        return try self.enter(self.top, item, isNew: false, in: nil)
    }

    /// A name that can lie in a directory, and is told in its place: so none comes twice.
    private static func check(_ name: [UInt8], after last: [UInt8]) throws(FerryError) {
        guard (1...RelativePath.maximumComponentLength).contains(name.count), !name.contains(0),
            !name.contains(UInt8(ascii: "/")), !name.elementsEqual(".".utf8), !name.elementsEqual("..".utf8),
            !name.starts(with: RelativePath.reservedPrefix)
        else { throw FerryError(.violation, "the tree holds something that is not a name: \(Escaping.escape(name))") }
        guard last.lexicographicallyPrecedes(name) else {
            throw FerryError(.violation, "the tree is not in order at \(Escaping.escape(name))")
        }
    }

    /// A path that was told before: nothing hidden, and nothing elsewhere.
    private static func check(first path: [UInt8]) throws(FerryError) {
        for name in path.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
            try self.check(Array(name), after: [])
        }
    }

    private func compare(_ item: TreeItem, in directory: TargetDirectory) throws(FerryError) -> Decision {
        let here = directory.isNew ? nil : try directory.directory.info(item.name)
        let path = directory.directory.path(of: item.name)
        switch item.kind {
        case .directory: return try self.directory(item, here, in: directory, path)
        case .file where !item.firstName.isEmpty, .special where !item.firstName.isEmpty,
            .symlink where !item.firstName.isEmpty && !self.options.verifies:
            try Self.check(first: item.firstName)
            if here?.kind == .directory { return try self.replaceDirectory(item, in: directory, path) }
            let link = TreeLink(name: item.name, first: item.firstName, directory: directory)
            if here == nil {
                self.report(path, .new, [], item)
            } else if self.options.reports, !link.isMade(in: self.top) {
                self.report(path, .changed, .target, item)
            }
            return self.options.isDryRun ? .nothing : .link(link, isLate: false)
        case .file: return try self.file(item, here, in: directory, path)
        case .symlink: return try self.symlink(item, here, in: directory, path)
        case .special: return try self.special(item, here, in: directory, path)
        case .other: throw FerryError(.notAFile, "\(Escaping.escape(path)) is no file, directory or link")
        case .end: return .nothing
        }
    }

    private func file(
        _ item: TreeItem,
        _ here: FileInfo?,
        in directory: TargetDirectory,
        _ path: [UInt8]
    ) throws(FerryError) -> Decision {
        if here?.kind == .directory { return try self.replaceDirectory(item, in: directory, path) }
        if self.options.verifies { return self.verify(item, here, in: directory, path) }
        guard let here, here.kind == .file, self.options.mayRead else {
            self.report(path, here == nil ? .new : .changed, here == nil ? [] : .kind, item)
            return self.needed(item, in: directory, oldSize: nil)
        }
        let metadata = self.metadata(of: item, here, in: directory)
        var reasons = try directory.directory.reasons(item.name, here, metadata)
        let isEqual = here.isUnchanged(size: item.size, modified: item.modified)
        if isEqual, reasons.isEmpty, self.options.comparesContent {
            return .needed(
                IncomingFile(
                    item,
                    in: directory,
                    metadata,
                    oldSize: here.size,
                    isVerified: self.options.isDryRun,
                    isCompared: true
                )
            )
        }
        guard isEqual, !self.options.comparesContent else {
            if here.size != item.size { reasons.insert(.size) }
            if here.modified != item.modified { reasons.insert(.time) }
            self.report(path, .changed, reasons.isEmpty ? .content : reasons, item)
            return self.needed(item, in: directory, oldSize: here.size)
        }
        if !reasons.isEmpty {
            self.report(path, .changed, reasons, item)
            guard !self.options.isDryRun else { return .nothing }
            try directory.directory.give(item.name, metadata, now: here)
        }
        return .nothing
    }

    private func needed(
        _ item: TreeItem,
        in directory: TargetDirectory,
        oldSize: Int64?,
        replacesDirectory: Bool = false
    ) -> Decision {
        guard !self.options.isDryRun else { return .nothing }
        let metadata = self.metadata(of: item, nil, in: directory)
        return .needed(
            IncomingFile(item, in: directory, metadata, oldSize: oldSize, replacesDirectory: replacesDirectory)
        )
    }

    /// What a thing is to have besides its content.
    ///
    /// - Parameters:
    ///   - item: as it was told.
    ///   - here: what has its name and stays; nil for what will be new.
    ///   - directory: where it lies; nil for the top.
    /// - Returns: as this side can set it.
    func metadata(of item: TreeItem, _ here: FileInfo?, in directory: TargetDirectory?) -> FileMetadata {
        var policy = self.options.metadata
        policy.keepsAccess = !item.told.hasAccessList && (directory?.keepsInherited ?? true)
        return FileMetadata(item.told, here: here, policy: policy, accounts: self.accounts)
    }

    /// A file of which the content is only compared.
    private func verify(
        _ item: TreeItem,
        _ here: FileInfo?,
        in directory: TargetDirectory,
        _ path: [UInt8]
    ) -> Decision {
        guard let here else {
            self.report(path, .new, [], item)
            return .nothing
        }
        guard here.kind == .file, here.size == item.size else {
            self.report(path, .changed, here.kind == .file ? .size : .kind, item)
            return .nothing
        }
        let metadata = self.metadata(of: item, here, in: directory)
        return .needed(IncomingFile(item, in: directory, metadata, oldSize: nil, isVerified: true))
    }

    // MARK: Directories that become something else

    /// How many of them: what takes their places waits in memory, or open.
    private static let replacedLimit = 256
    private var links: [(item: TreeItem, directory: TargetDirectory)] = []
    private var replaced = 0

    /// A directory has the name of a file or a link: it goes in the end, where that is asked for.
    func replaceDirectory(
        _ item: TreeItem,
        in directory: TargetDirectory,
        _ path: [UInt8]
    ) throws(FerryError) -> Decision {
        guard self.options.deletes, self.replaced < Self.replacedLimit else {
            throw FerryError.taken(directory.directory.path(of: item.name))
        }
        self.report(path, .changed, .kind, item)
        try self.found(path)
        guard !self.options.isDryRun else { return .nothing }
        self.replaced += 1
        guard item.firstName.isEmpty else {
            return .link(TreeLink(name: item.name, first: item.firstName, directory: directory), isLate: true)
        }
        guard item.kind != .file else {
            return self.needed(item, in: directory, oldSize: nil, replacesDirectory: true)
        }
        self.links.append((item, directory))
        return .later(directory, path: path)
    }

    /// Makes the links and special files that take the places of directories.
    ///
    /// - Parameter mayDelete: whether the directories could go.
    /// - Returns: what could not be made.
    func replaceDirectories(_ mayDelete: Bool) -> [([UInt8], FerryError)] {
        var failures: [([UInt8], FerryError)] = []
        for (item, directory) in self.links {
            do throws(FerryError) {
                guard mayDelete else { throw FerryError.taken(directory.directory.path(of: item.name)) }
                try self.make(item, in: directory)
            } catch {
                failures.append((directory.directory.path(of: item.name), error))
            }
        }
        return failures
    }

    /// The directories in which ``replaceDirectories(_:)`` acted, one for each link.
    func takeReplaced() -> [TargetDirectory] {
        defer { self.links = [] }
        return self.links.map(\.directory)
    }

    /// Opens or makes a directory, in the place of whatever else has its name.
    private func directory(
        _ item: TreeItem,
        _ here: FileInfo?,
        in parent: TargetDirectory,
        _ path: [UInt8]
    ) throws(FerryError) -> Decision {
        var here = here
        if here == nil { self.report(path, .new, [], item) }
        if let found = here, found.kind != .directory {
            self.report(path, .changed, .kind, item)
            guard !self.options.isDryRun else { return self.planned(path) }
            try parent.willChange()
            try parent.directory.remove(item.name, isDirectory: false)
            here = nil
        }
        guard here != nil || !self.options.isDryRun else { return self.planned(path) }
        if let here {
            // Its owner may have taken that right away, also from itself; it gets its mode when it ends.
            if here.isOurs, here.mode & 0o500 != 0o500, !self.options.isDryRun {
                try parent.directory.setMode(item.name, to: here.mode | 0o500)
            }
            return try self.enter(parent.directory.directory(item.name), item, isNew: false, in: parent)
        }
        try parent.willChange()
        guard let made = try parent.directory.makeDirectory(item.name) else {
            // Somebody made one in this moment.
            return try self.enter(parent.directory.directory(item.name), item, isNew: false, in: parent)
        }
        return try self.enter(made, item, isNew: true, in: parent)
    }

    private func planned(_ path: [UInt8]) -> Decision {
        self.levels.append((.planned(path), []))
        return .nothing
    }

    private func enter(
        _ opened: OpenDirectory,
        _ item: TreeItem,
        isNew: Bool,
        in parent: TargetDirectory?
    ) throws(FerryError) -> Decision {
        let info = try opened.info()
        let mayChange = parent != nil || self.options.mayChangeTop(info)
        let directory = try TargetDirectory(
            opened,
            info: info,
            told: item.told,
            metadata: self.metadata(of: item, info, in: parent),
            modified: item.modified,
            isNew: isNew,
            isChanged: mayChange && !self.options.isDryRun,
            findsOthers: self.options.deletes && !item.isLeftOut
        )
        if self.options.reports, mayChange, !isNew, !self.options.verifies {
            let reasons = try opened.reasons([], info, directory.metadata)
            if !reasons.isEmpty { self.report(opened.path, .changed, reasons, item) }
        }
        self.levels.append((.open(directory), []))
        return .entered(directory)
    }
}

extension FerryError {
    /// Whether a failure about one file ends the whole transfer: the next one would fail as well.
    var endsTree: Bool { [.noSpace, .inputOutput, .readOnly, .violation, .limit, .integrity].contains(self.code) }

    /// Something is to have a name that a directory has.
    static func taken(_ path: [UInt8]) -> FerryError {
        FerryError(
            .notAFile,
            "\(Escaping.escape(path)) is a directory at the target, and none in the source",
            remedy: "remove it first, which `--delete` of a sync or a restore of the tree does"
        )
    }
}
