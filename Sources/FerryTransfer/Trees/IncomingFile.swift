import FerryChunking
import FerryErrors
import FerryFiles
import FerryProtocol
import FerryWire
import NIOCore

/// A file of a tree that is needed and on its way.
final class IncomingFile {
    let directory: TargetDirectory
    let name: [UInt8]
    /// Bytes, as it was listed.
    let listedSize: UInt64
    /// It has holes at the sender.
    let isSparse: Bool
    /// What it gets besides its content.
    var metadata: FileMetadata
    /// For how many things it counts in the window of things.
    let weight: Int
    private(set) var modified: Timestamp
    /// Bytes of the version that is here; nil if there is none that may be used.
    let oldSize: Int64?
    /// Where its content begins in the content of the whole tree, in bytes; known with its first name.
    private(set) var start: UInt64?
    /// Bytes that were named.
    private(set) var named: UInt64 = 0
    /// Bytes that are wanted and have not come.
    var wanted: UInt64 = 0
    private(set) var average: UInt32 = 0
    /// Names that wait to be decided, with their places in the file, until there is an ``assembly``.
    var undecided = CircularBuffer<ReceiveMachine.Name>()
    var assembly: FileAssembly?
    /// Another file here that may be the same, looked for with the first name.
    var twin: SourceFile?
    var isSearched = false
    var destination: TreeDestination?
    /// Nothing of it is to appear.
    var isGivenUp = false
    /// What is here is only compared; opened with the first name.
    let isVerified: Bool
    var here: SourceFile?
    /// Size and time are equal: if content is too, what is here stays.
    let isCompared: Bool
    /// All so far is what is here.
    var isUnmoved = true
    /// What is here is something else.
    var differs = false
    /// A directory has its name, and goes before it comes.
    let replacesDirectory: Bool
    /// It changed while it was read, and comes once more as this one.
    private(set) var successor: IncomingFile?
    /// How often it came before.
    private let attempts: Int
    /// More than any sender tries.
    private static let maximumAttempts = 8
    /// It is being made on another thread.
    var isBeingWritten = false
    /// It is ready to be published, or counts for nothing any more.
    var isSettled = false
    /// The same of the one that counts.
    var isDone: Bool { self.successor?.isDone ?? self.isSettled }
    var hasEnded = false

    /// - Parameters:
    ///   - item: as it was told.
    ///   - directory: where it goes.
    ///   - metadata: what it gets besides its content.
    ///   - oldSize: of the version that is here and may be used, in bytes.
    ///   - isVerified: whether what is here is only compared.
    ///   - isCompared: whether what is here stays if content is equal, for all else is.
    ///   - replacesDirectory: whether a directory has its name.
    init(
        _ item: TreeItem,
        in directory: TargetDirectory,
        _ metadata: FileMetadata,
        oldSize: Int64?,
        isVerified: Bool = false,
        isCompared: Bool = false,
        replacesDirectory: Bool = false
    ) {
        self.attempts = 0
        self.isVerified = isVerified
        self.isCompared = isCompared
        self.replacesDirectory = replacesDirectory
        self.directory = directory
        self.name = item.name
        self.listedSize = item.size
        self.isSparse = item.isSparse
        self.metadata = metadata
        self.weight = item.told.weight
        self.modified = item.modified
        self.oldSize = oldSize
    }

    /// The same file, to come once more from its start.
    private init(again file: IncomingFile) {
        self.attempts = file.attempts + 1
        self.isVerified = file.isVerified
        self.isCompared = file.isCompared
        self.replacesDirectory = file.replacesDirectory
        self.directory = file.directory
        self.name = file.name
        self.listedSize = file.listedSize
        self.isSparse = file.isSparse
        self.metadata = file.metadata
        self.weight = file.weight
        self.modified = file.modified
        self.oldSize = file.oldSize
    }

    /// Takes its next names.
    ///
    /// - Parameters:
    ///   - names: neighbours, with their places in the content of the tree.
    ///   - average: how it is cut by content, with its first names; 0 if it is not.
    func append(_ names: ArraySlice<ReceiveMachine.Name>, average: UInt32) {
        guard let first = names.first else { return }
        let start = self.start ?? first.offset
        if self.start == nil { self.average = average }
        self.start = start
        for name in names {
            self.undecided.append(ReceiveMachine.Name(id: name.id, offset: name.offset - start, length: name.length))
            self.named += UInt64(name.length)
        }
    }

    /// Whether there is no version here that may be used.
    var isNew: Bool { self.oldSize == nil && !self.isVerified }

    var path: [UInt8] { self.directory.directory.path(of: self.name) }

    /// Whether names wait to be decided.
    var isUndecided: Bool { !self.undecided.isEmpty || self.assembly?.isUndecided ?? false }

    /// The name to be decided next; nil if there is none, or while it is looked for.
    var nextName: ReceiveMachine.Name? { self.assembly.map { $0.nextName } ?? self.undecided.first }

    /// Whether so many bytes that just came in one piece are all that it has: nothing else was put together for it.
    func isWhole(_ count: Int) -> Bool {
        self.isComplete && self.named == UInt64(count) && self.destination == nil && self.assembly == nil
            && !(self.isGivenUp || self.isVerified || self.isCompared || self.replacesDirectory || self.isSparse)
    }

    var isComplete: Bool { self.hasEnded && !self.isUndecided && self.wanted == 0 }

    /// Whether what is here is what has come.
    var isHereAlready: Bool { self.isCompared && self.isUnmoved && self.named == self.listedSize }

    /// What it has become since it was listed.
    func update(_ metadata: WireMetadata) throws(FerryError) {
        self.metadata.setMode(metadata.mode)
        self.modified = try metadata.modified()
    }

    /// It comes once more from its start.
    ///
    /// - Returns: what is to come.
    /// - Throws: `.violation` if that happens again and again.
    func replace() throws(FerryError) -> IncomingFile {
        guard self.attempts < Self.maximumAttempts else {
            throw FerryError(.violation, "a file comes again and again")
        }
        let next = IncomingFile(again: self)
        self.successor = next
        self.discard()
        return next
    }

    /// All its names are decided: what chunks are looked for in is not needed any more, however long it still takes.
    func releaseSources() {
        self.assembly?.stop()
        self.assembly?.forgetOld()
        self.assembly = nil
        self.twin = nil
        self.here = nil
    }

    /// Nothing of it is to appear. Its names are to be decided all the same: the sender waits for that.
    func discard() {
        self.isGivenUp = true
        self.assembly?.stop()
        if let names = self.assembly?.takeUndecided() { self.undecided = CircularBuffer(names + Array(self.undecided)) }
        self.assembly = nil
        self.destination?.abandon(keeping: false)
        self.destination = nil
        self.here = nil
    }
}
