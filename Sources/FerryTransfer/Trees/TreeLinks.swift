import FerryFiles
import NIOCore

/// A further name that a file of the tree gets.
struct TreeLink {
    let name: [UInt8]
    /// The file's path from the top of the tree.
    let first: [UInt8]
    let directory: TargetDirectory

    var action: TreePublisher.Action { .link(name: self.name, directory: self.directory.directory, first: self.first) }
    var subject: TreeBatch.Subject {
        TreeBatch.Subject(directory: self.directory, path: self.directory.directory.path(of: self.name))
    }

    /// Whether it is there already.
    func isMade(in top: OpenDirectory) -> Bool {
        guard !self.directory.isNew, let there = try? self.directory.directory.info(self.name),
            let (parent, last) = try? top.parent(of: self.first), let file = try? parent.info(last)
        else { return false }
        return there.isSameFile(as: file)
    }
}

/// Further names wait for the files that were needed before them: theirs may be one of those.
struct LinkOrder {
    private enum Entry {
        case file(IncomingFile)
        case link(TreeLink)
    }

    private var entries = CircularBuffer<Entry>()

    var isEmpty: Bool { self.entries.isEmpty }
    var count: Int { self.entries.count }

    mutating func append(_ file: IncomingFile) { self.entries.append(.file(file)) }
    mutating func append(_ link: TreeLink) { self.entries.append(.link(link)) }

    /// Those for which nothing is to be waited any more.
    mutating func takeReady() -> [TreeLink] {
        var ready: [TreeLink] = []
        while let next = self.entries.first {
            switch next {
            case .file(let file): guard file.isDone else { return ready }
            case .link(let link): ready.append(link)
            }
            self.entries.removeFirst()
        }
        return ready
    }
}

/// What takes the places of directories, once those are gone.
struct TreeReplacements {
    /// Further names that may wait; files are fewer, for whoever tells of them bounds them.
    private static let linkLimit = 4096

    private var paths: Set<[UInt8]> = []
    private(set) var files: [(file: PartialFile, metadata: FileMetadata, subject: TreeBatch.Subject)] = []
    private(set) var links: [TreeLink] = []

    /// A file is to come that will take a directory's place.
    mutating func expect(_ path: [UInt8]) { self.paths.insert(path) }

    mutating func add(_ file: PartialFile, _ metadata: FileMetadata, _ subject: TreeBatch.Subject) {
        self.files.append((file, metadata, subject))
    }

    /// Whether the file with this name waits, or will.
    func holds(_ path: [UInt8]) -> Bool { self.paths.contains(path) }

    /// - Returns: false if there are too many.
    mutating func add(_ link: TreeLink) -> Bool {
        guard self.links.count < Self.linkLimit else { return false }
        self.links.append(link)
        self.paths.insert(link.subject.path)
        return true
    }
}
