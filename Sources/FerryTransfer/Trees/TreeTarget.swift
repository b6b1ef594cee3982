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
        case link(name: [UInt8], first: [UInt8], TargetDirectory)
        case entered(TargetDirectory)
        case ended(TargetDirectory)
    }

    private enum Level {
        case open(TargetDirectory)
        /// What is in it cannot be transferred; that was said.
        case closed
    }

    private let top: OpenDirectory
    private let options: TreeReceiver.Options
    private var levels: [Level] = []
    private var hasBegun = false

    init(_ top: OpenDirectory, options: TreeReceiver.Options) {
        self.top = top
        self.options = options
    }

    var isAtEnd: Bool { self.hasBegun && self.levels.isEmpty }

    /// Decides the next thing.
    ///
    /// - Throws: `.violation` for one that may not come here, and what ends the whole transfer.
    func decide(_ item: TreeItem) throws(FerryError) -> Decision {
        guard let level = self.levels.last else { return try self.begin(item) }
        if item.kind == .end {
            self.levels.removeLast()
            if case .open(let directory) = level { return .ended(directory) }
            return .nothing
        }
        guard case .open(let directory) = level else {
            guard self.levels.count <= TreeWalk.maximumDepth else {
                throw FerryError(.limit, "the tree is more than \(TreeWalk.maximumDepth) directories deep")
            }
            if item.kind == .directory { self.levels.append(.closed) }
            return .nothing
        }
        try Self.check(item.name, after: directory.lastName)
        directory.lastName = item.name
        if let failure = item.failure {
            if item.kind == .directory { self.levels.append(.closed) }
            return .failed(directory.directory.path(of: item.name), failure)
        }
        guard self.levels.count < TreeWalk.maximumDepth || item.kind != .directory else {
            throw FerryError(.limit, "the tree is more than \(TreeWalk.maximumDepth) directories deep")
        }
        do throws(FerryError) {
            return try self.compare(item, in: directory)
        } catch {
            guard !error.endsTree else { throw error }
            if item.kind == .directory { self.levels.append(.closed) }
            return .failed(directory.directory.path(of: item.name), error)
        }
    }

    private func begin(_ item: TreeItem) throws(FerryError) -> Decision {
        guard !self.hasBegun, item.kind == .directory, item.name.isEmpty else {
            throw FerryError(.violation, "the tree does not begin with a directory, or goes on after its end")
        }
        self.hasBegun = true
        return .entered(try self.enter(self.top, item, isNew: false))
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

    private func compare(_ item: TreeItem, in directory: TargetDirectory) throws(FerryError) -> Decision {
        let here = directory.isNew ? nil : try directory.directory.info(item.name)
        switch item.kind {
        case .directory: return .entered(try self.directory(item, here, in: directory))
        case .file where !item.firstName.isEmpty:
            return .link(name: item.name, first: item.firstName, directory)
        case .file: return try self.file(item, here, in: directory)
        case .symlink:
            try self.symlink(item, here, in: directory)
            return .nothing
        case .other:
            throw FerryError(
                .notAFile,
                "\(Escaping.escape(directory.directory.path(of: item.name))) is no file, directory or link"
            )
        case .end: return .nothing
        }
    }

    private func file(
        _ item: TreeItem,
        _ here: FileInfo?,
        in directory: TargetDirectory
    ) throws(FerryError) -> Decision {
        if here?.kind == .directory { throw directory.directory.taken(item.name) }
        guard let here, here.kind == .file, self.options.mayRead else {
            return .needed(IncomingFile(item, in: directory, oldSize: nil))
        }
        guard here.isUnchanged(size: item.size, modified: item.modified), !self.options.comparesContent else {
            return .needed(IncomingFile(item, in: directory, oldSize: here.size))
        }
        if here.mode & 0o777 != item.mode & 0o777 {
            try directory.directory.setMode(item.name, to: here.mode & 0o7000 | item.mode & 0o777)
        }
        return .nothing
    }

    private func symlink(_ item: TreeItem, _ here: FileInfo?, in directory: TargetDirectory) throws(FerryError) {
        guard !item.target.isEmpty, !item.target.contains(0), item.target.count <= RelativePath.maximumLength else {
            throw FerryError(.violation, "a link says what no link can say")
        }
        if let here {
            if here.kind == .directory { throw directory.directory.taken(item.name) }
            if here.kind == .symlink, here.modified == item.modified,
                try directory.directory.linkText(item.name) == item.target
            {
                return
            }
        }
        try directory.willChange()
        try directory.directory.makeLink(item.name, text: item.target, modified: item.modified)
    }

    /// Opens or makes a directory, in the place of whatever else has its name.
    private func directory(
        _ item: TreeItem,
        _ here: FileInfo?,
        in parent: TargetDirectory
    ) throws(FerryError) -> TargetDirectory {
        var here = here
        if let found = here, found.kind != .directory {
            try parent.willChange()
            try parent.directory.remove(item.name, isDirectory: false)
            here = nil
        }
        if let here {
            // Its owner may have taken that right away, also from itself; it gets its mode when it ends.
            if here.isOurs, here.mode & 0o500 != 0o500 {
                try parent.directory.setMode(item.name, to: here.mode | 0o500)
            }
            return try self.enter(parent.directory.directory(item.name), item, isNew: false)
        }
        try parent.willChange()
        guard let made = try parent.directory.makeDirectory(item.name) else {
            // Somebody made one in this moment.
            return try self.enter(parent.directory.directory(item.name), item, isNew: false)
        }
        return try self.enter(made, item, isNew: true)
    }

    private func enter(_ opened: OpenDirectory, _ item: TreeItem, isNew: Bool) throws(FerryError) -> TargetDirectory {
        let directory = try TargetDirectory(opened, mode: item.mode, modified: item.modified, isNew: isNew)
        self.levels.append(.open(directory))
        return directory
    }
}

extension OpenDirectory {
    /// Something is to have a name that a directory has.
    fileprivate func taken(_ name: [UInt8]) -> FerryError {
        FerryError(
            .notAFile,
            "\(Escaping.escape(self.path(of: name))) is a directory there, and no longer one here"
        )
    }
}

extension FerryError {
    /// Whether a failure about one file ends the whole transfer: the next one would fail as well.
    var endsTree: Bool { [.noSpace, .inputOutput, .readOnly, .violation, .limit, .integrity].contains(self.code) }
}
