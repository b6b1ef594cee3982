import FerryChunking
import FerryErrors
import FerryFiles
import FerryProtocol
import FerryWire
import NIOCore

/// The content of a tree's files on its way: one recipe over all of them, cut where files end.
struct TreeContent {
    private enum Ordered {
        case file(IncomingFile)
        case link(name: [UInt8], first: [UInt8], TargetDirectory)
    }

    /// Less than this is read whole and compared, if at all; more is put together with what is here, in bytes.
    private static let assemblyLimit: UInt64 = 64 << 10
    /// Files of which a part has come, each of which is open.
    private static let openLimit = 256
    /// Further names of files that wait for directories to go.
    private static let waitingLinkLimit = 4096
    /// Directories that are open because files in them are on their way.
    private static let directoryLimit = 256

    private let top: OpenDirectory
    private let owner: String
    private let willWrite: TreeReceiver.WillWrite?
    private let blocks: BlockReceiver

    /// Needed, and the content has not begun.
    private var expected = CircularBuffer<IncomingFile>()
    /// What is needed, and further names of files, in the order in which they were told.
    private var order = CircularBuffer<Ordered>()
    /// The file that is being named.
    private var current: IncomingFile?
    /// Files of which names wait to be decided.
    private var naming = CircularBuffer<IncomingFile>()
    /// Files of which chunks are wanted, in the order of their places in the tree's content.
    private var coming = CircularBuffer<IncomingFile>()

    private(set) var batch: TreeBatch
    /// Directories that were entered and have not got their metadata.
    private var openDirectories = 0
    private var openLevels = 0
    /// Files of which a part has come.
    private var openFiles = 0
    /// Whole, and waiting for the directories whose places they take.
    private var waiting: [(file: PartialFile, subject: TreeBatch.Subject, name: [UInt8])] = []
    /// Further names of such files, and such as take directories' places.
    private var waitingLinks: [(name: [UInt8], first: [UInt8], directory: TargetDirectory)] = []
    /// Paths of both.
    private var waitingPaths: Set<[UInt8]> = []
    private var changes: [TreeChange] = []
    private var failures: [(path: [UInt8], error: FerryError)] = []
    private(set) var summary = TransferSummary()

    init(
        top: OpenDirectory,
        options: TreeReceiver.Options,
        limits: FrameLimits,
        window: (@Sendable () -> Int)?,
        willWrite: TreeReceiver.WillWrite?
    ) {
        self.top = top
        self.owner = options.owner
        self.willWrite = willWrite
        self.batch = TreeBatch(top: top, mostFiles: options.batchFiles)
        let machine = ReceiveMachine(limits: limits, announcedSize: nil, repeats: .resent)
        self.blocks = BlockReceiver(machine: machine, limits: limits, window: window)
    }

    /// Bytes named so far.
    var size: UInt64 { self.blocks.machine.size }
    /// Files that are needed and have not ended.
    var outstanding: Int { self.expected.count + (self.current == nil ? 0 : 1) }
    /// Nothing more is to be decided before some of what was is done.
    var isHeldBack: Bool {
        self.openDirectories - self.openLevels > Self.directoryLimit || self.order.count > 2 * WireConstants.itemWindow
    }
    /// What a cut transfer left is being looked through.
    var isLookedFor: Bool { self.naming.first.map { $0.isUndecided && $0.nextName == nil } ?? false }
    /// All is published, though the last names may not be durable.
    var isEmpty: Bool { self.batch.isEmpty && self.order.isEmpty }

    mutating func takeFailures() -> [(path: [UInt8], error: FerryError)] {
        defer { self.failures = [] }
        return self.failures
    }

    /// Files that were compared and differ.
    mutating func takeChanges() -> [TreeChange] {
        defer { self.changes = [] }
        return self.changes
    }

    mutating func confirm(_ digest: ChunkID) { self.summary.digest = digest }

    // MARK: Directories

    mutating func entered(_ directory: TargetDirectory) {
        self.openDirectories += 1
        self.openLevels += 1
        self.batch.entered(directory)
    }

    mutating func ended(_ directory: TargetDirectory) {
        directory.hasEnded = true
        self.openLevels -= 1
        self.finishIfComplete(directory)
    }

    /// Puts the files that take the places of directories there.
    ///
    /// - Parameter mayDelete: whether the directories could go.
    mutating func replaceDirectories(_ mayDelete: Bool) {
        for (file, subject, name) in self.waiting {
            if mayDelete {
                self.batch.add(.file(file, path: subject.path), subject)
            } else {
                file.discard()
                self.failures.append((subject.path, subject.directory.directory.taken(name)))
                self.replaced(in: subject.directory)
            }
        }
        for (name, first, directory) in self.waitingLinks {
            let subject = TreeBatch.Subject(directory: directory, path: directory.directory.path(of: name))
            if mayDelete {
                self.batch.add(.link(name: name, directory: directory.directory, first: first), subject)
            } else {
                self.failures.append((subject.path, directory.directory.taken(name)))
                self.replaced(in: directory)
            }
        }
        (self.waiting, self.waitingLinks) = ([], [])
    }

    /// Something that was to take a directory's place has done so, or never will.
    mutating func replaced(in directory: TargetDirectory) {
        directory.pending -= 1
        self.finishIfComplete(directory)
    }

    private mutating func finishIfComplete(_ directory: TargetDirectory) {
        guard directory.isComplete else { return }
        self.openDirectories -= 1
        do throws(FerryError) { try directory.finish() } catch {
            self.failures.append((directory.directory.path, error))
        }
    }

    // MARK: What is to come

    mutating func expect(_ file: IncomingFile) {
        file.directory.pending += 1
        if file.replacesDirectory { self.waitingPaths.insert(file.path) }
        self.expected.append(file)
        self.order.append(.file(file))
    }

    /// Gives a file a further name, once those that are needed so far are there: it may be one of them.
    ///
    /// - Parameters:
    ///   - name: in the directory.
    ///   - first: the file's path from the top of the tree.
    ///   - directory: where the name goes.
    ///   - isLate: whether a directory has the name, which goes before.
    mutating func link(_ name: [UInt8], to first: [UInt8], in directory: TargetDirectory, isLate: Bool = false) {
        if isLate || self.waitingPaths.contains(first) {
            guard self.waitingLinks.count < Self.waitingLinkLimit else {
                return self.failures.append((directory.directory.path(of: name), directory.directory.taken(name)))
            }
            directory.pending += 1
            self.waitingPaths.insert(directory.directory.path(of: name))
            self.waitingLinks.append((name, first, directory))
            return
        }
        // While nothing is on its way, what is here is what will be.
        if self.isEmpty, self.isLinked(name, first, directory) { return }
        directory.pending += 1
        self.order.append(.link(name: name, first: first, directory))
        self.advance()
    }

    private func isLinked(_ name: [UInt8], _ first: [UInt8], _ directory: TargetDirectory) -> Bool {
        guard !directory.isNew, let there = try? directory.directory.info(name),
            let (parent, last) = try? self.top.parent(of: first), let file = try? parent.info(last)
        else { return false }
        return there.isSameFile(as: file)
    }

    private mutating func advance() {
        while let next = self.order.first {
            switch next {
            case .file(let file): guard file.isDone else { return }
            case .link(let name, let first, let directory):
                let path = directory.directory.path(of: name)
                // What goes wrong here goes wrong with the link as well.
                try? directory.willChange()
                self.batch.add(
                    .link(name: name, directory: directory.directory, first: first),
                    TreeBatch.Subject(directory: directory, path: path)
                )
            }
            self.order.removeFirst()
        }
    }

    /// Takes the next names of the tree's content, and ends of files between them.
    mutating func namesReceived(_ names: WireNames) throws(FerryError) {
        let named = try self.blocks.machine.namesReceived(names)
        guard names.ends.count <= WireConstants.namesPerFrame, names.ends.allSatisfy({ $0 <= named.count }),
            zip(names.ends, names.ends.dropFirst()).allSatisfy({ $0 <= $1 })
        else { throw FerryError(.violation, "files end where there is nothing") }
        var notes = names.notes[...]
        var start = 0
        var average = names.average
        for (place, end) in names.ends.enumerated() {
            let file = try self.name(named[start..<Int(end)], average)
            (start, average) = (Int(end), 0)
            var note: WireEndNote?
            if let next = notes.first, next.end == place { note = notes.removeFirst() }
            try self.fileEnded(file, note)
        }
        if start < named.count { _ = try self.name(named[start...], average) }
        guard notes.isEmpty else { throw FerryError(.violation, "a note tells of no file's end") }
    }

    /// Notes names of the file that is being named.
    private mutating func name(
        _ names: ArraySlice<ReceiveMachine.Name>,
        _ average: UInt32
    ) throws(FerryError) -> IncomingFile {
        guard let file = self.current ?? self.expected.popFirst() else {
            throw FerryError(.violation, "content came that is not needed")
        }
        self.current = file
        guard let first = names.first else { return file }
        let start = file.start ?? first.offset
        if file.start == nil { file.average = average }
        file.start = start
        for name in names {
            file.undecided.append(ReceiveMachine.Name(id: name.id, offset: name.offset - start, length: name.length))
            file.named += UInt64(name.length)
        }
        if self.naming.last !== file { self.naming.append(file) }
        return file
    }

    private mutating func fileEnded(_ file: IncomingFile, _ note: WireEndNote?) throws(FerryError) {
        self.current = nil
        file.hasEnded = true
        if let note, note.again {
            if file.destination != nil { self.openFiles -= 1 }
            self.current = try file.replace()
        } else if let note, note.hasFailure {
            self.giveUp(file, FerryError(peer: note.failure))
        } else if let note, note.hasMetadata {
            try file.update(note.metadata)
        }
        if !file.isUndecided { file.releaseSources() }
        // One of which nothing is left to decide or to come.
        if self.naming.last !== file { try self.finishIfComplete(file) }
    }

    // MARK: Deciding

    /// Takes in what was published.
    ///
    /// - Throws: what syncing failed with.
    mutating func refresh() throws(FerryError) {
        for (subject, error) in try self.batch.take() {
            if let error { self.failures.append((subject.path, error)) }
            subject.directory.pending -= 1
            self.finishIfComplete(subject.directory)
        }
    }

    /// Decides names.
    ///
    /// - Returns: whether it did something.
    mutating func proceed(_ sink: any FrameSink) throws(FerryError) -> Bool {
        self.publishIfDue(sink)
        var wants: [ChunkID] = []
        var decided = 0
        var read = 0
        while read < FileReceiver.decisionStep, decided < WireConstants.namesPerFrame, !self.batch.isSaturated,
            let file = self.naming.first, file.destination != nil || self.openFiles < Self.openLimit
        {
            try self.prepare(file, sink)
            guard let name = file.nextName else {
                if file.isUndecided { break }
                self.naming.removeFirst()
                if file.hasEnded { file.releaseSources() }
                try self.finishIfComplete(file)
                continue
            }
            let effort = try self.decide(name, of: file, wants: &wants)
            decided += 1
            read += effort
        }
        guard decided > 0 else { return false }
        sink.send(.wants(decided: decided, ids: ChunkID.pack(wants)))
        return true
    }

    /// Opens what a file is put together from, where that pays.
    private mutating func prepare(_ file: IncomingFile, _ sink: any FrameSink) throws(FerryError) {
        file.assembly?.refresh()
        guard !file.isGivenUp, !file.isVerified, !file.undecided.isEmpty else { return }
        if file.assembly == nil, file.listedSize >= Self.assemblyLimit || file.oldSize != nil && file.average > 0 {
            do throws(FerryError) {
                let destination = try self.destination(of: file)
                let old = file.oldSize == nil ? nil : try? file.directory.directory.file(file.name)
                file.assembly = FileAssembly(destination: destination, old: old)
            } catch {
                try self.fail(file, error)
                return
            }
        }
        guard let assembly = file.assembly else { return }
        let names = file.undecided
        file.undecided = []
        try assembly.append(names, average: file.average, sink: sink)
        assembly.refresh()
    }

    /// Decides a name.
    ///
    /// - Returns: bytes that were read for it.
    private mutating func decide(
        _ name: ReceiveMachine.Name,
        of file: IncomingFile,
        wants: inout [ChunkID]
    ) throws(FerryError) -> Int {
        let place = ReceiveMachine.Name(id: name.id, offset: (file.start ?? 0) + name.offset, length: name.length)
        var (isHere, effort) = (false, 0)
        if file.isGivenUp {
            // Not wanted, then: it is as good as had.
            file.removeNext()
            isHere = true
        } else {
            do throws(FerryError) {
                if let assembly = file.assembly {
                    (isHere, effort) = try assembly.decide(name, earlier: nil)
                } else {
                    file.removeNext()
                    if file.isVerified {
                        if try !self.isSame(file, name) { file.differs = true }
                        (isHere, effort) = (true, name.length)
                    } else if try self.isOnlyTouched(file, name) {
                        (isHere, effort) = (true, name.length)
                    }
                }
            } catch {
                try self.fail(file, error)
                isHere = true
            }
        }
        if isHere {
            self.blocks.machine.had(place)
            self.summary.bytes += UInt64(name.length)
            self.summary.savedBytes += UInt64(name.length)
            return effort
        }
        try self.blocks.machine.lacked(place)
        wants.append(name.id)
        file.wanted += UInt64(name.length)
        if self.coming.last !== file { self.coming.append(file) }
        return effort
    }

    /// Whether what is here has this chunk in this place.
    private func isSame(_ file: IncomingFile, _ name: ReceiveMachine.Name) throws(FerryError) -> Bool {
        let here: SourceFile
        if let open = file.here { here = open } else { here = try file.directory.directory.file(file.name) }
        file.here = here
        guard !file.differs, let offset = Int64(exactly: name.offset) else { return false }
        var bytes = [UInt8](repeating: 0, count: name.length)
        var span = bytes.mutableSpan
        return unsafe try span.withUnsafeMutableBytes { buffer throws(FerryError) in
            guard unsafe try here.read(into: buffer, at: offset) == name.length else { return false }
            return unsafe ChunkID(hashing: UnsafeRawBufferPointer(buffer)) == name.id
        }
    }

    /// Whether a small file is here with the same content, and if so, takes that.
    private mutating func isOnlyTouched(_ file: IncomingFile, _ name: ReceiveMachine.Name) throws(FerryError) -> Bool {
        guard let size = file.oldSize, size == name.length, name.offset == 0 else { return false }
        var bytes = [UInt8](repeating: 0, count: name.length + 1)
        var span = bytes.mutableSpan
        let directory = file.directory.directory
        let count = unsafe span.withUnsafeMutableBytes { buffer in
            unsafe (try? directory.read(file.name, into: buffer))?.count ?? 0
        }
        guard count == name.length else { return false }
        let destination = try self.destination(of: file)
        return unsafe try bytes.span.withUnsafeBytes { buffer throws(FerryError) in
            let content = unsafe UnsafeRawBufferPointer(rebasing: buffer.prefix(count))
            guard unsafe ChunkID(hashing: content) == name.id else { return false }
            unsafe try destination.write(content, at: 0)
            return true
        }
    }

    // MARK: Blocks

    mutating func blockReceived(_ block: WireBlock, _ payload: ByteBuffer, _ sink: any FrameSink) throws(FerryError) {
        let length = unsafe try self.blocks.blockReceived(block, payload, sink: sink) {
            bytes,
            offset throws(FerryError) in
            unsafe try self.write(bytes, at: offset)
        }
        self.summary.bytes += UInt64(length)
        self.summary.wireBytes += UInt64(payload.readableBytes)
        self.publishIfDue(sink)
    }

    /// Writes neighbours, which may belong to several files.
    private mutating func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(FerryError) {
        var done = 0
        while done < bytes.count {
            let place = offset + UInt64(done)
            guard let (file, start) = self.file(at: place) else {
                throw FerryError(.internalError, "a chunk belongs to no file of the tree")
            }
            // A file's names that came so far end where the next file begins, or beyond what is wanted.
            let count = Int(min(UInt64(bytes.count - done), start + file.named - place))
            guard count > 0 else { throw FerryError(.internalError, "a chunk lies beyond its file") }
            let piece = unsafe UnsafeRawBufferPointer(rebasing: bytes[done..<(done + count)])
            file.wanted -= min(file.wanted, UInt64(count))
            done += count
            do throws(FerryError) {
                if !file.isGivenUp { unsafe try self.destination(of: file).write(piece, at: place - start) }
            } catch {
                try self.fail(file, error)
            }
            try self.finishIfComplete(file)
        }
        while let first = self.coming.first, first.wanted == 0, first.hasEnded { self.coming.removeFirst() }
    }

    /// The file that a place in the tree's content belongs to, and where it begins there.
    private func file(at place: UInt64) -> (IncomingFile, UInt64)? {
        var (low, high) = (0, self.coming.count)
        while low < high {
            let middle = (low + high) / 2
            if self.coming[offset: middle].start ?? 0 <= place { low = middle + 1 } else { high = middle }
        }
        guard low > 0 else { return nil }
        let file = self.coming[offset: low - 1]
        return (file, file.start ?? 0)
    }

    // MARK: Whole files

    private mutating func destination(of file: IncomingFile) throws(FerryError) -> TreeDestination {
        if let destination = file.destination { return destination }
        try file.directory.willChange()
        let partial = try file.directory.directory.createPartial(file.name, owner: self.owner)
        let destination = TreeDestination(partial, willWrite: self.willWrite)
        file.destination = destination
        self.openFiles += 1
        return destination
    }

    private mutating func finishIfComplete(_ file: IncomingFile) throws(FerryError) {
        guard file.isComplete, !file.isSettled else { return }
        file.isSettled = true
        if file.isGivenUp {
            guard file.successor == nil else { return }
            return self.settle(file)
        }
        guard !file.isVerified else { return self.verified(file) }
        do throws(FerryError) {
            let destination = try self.destination(of: file)
            try destination.partial.seal(
                size: Int64(clamping: file.named),
                mode: file.finalMode,
                modified: file.modified
            )
            file.releaseSources()
            file.destination = nil
            self.openFiles -= 1
            let subject = TreeBatch.Subject(directory: file.directory, path: file.path)
            if file.replacesDirectory {
                self.waiting.append((destination.partial, subject, file.name))
            } else {
                self.batch.add(.file(destination.partial, path: file.path), subject, bytes: file.named)
            }
            self.advance()
        } catch {
            self.giveUp(file, error)
            guard !error.endsTree else { throw error }
            self.settle(file)
        }
    }

    private mutating func verified(_ file: IncomingFile) {
        file.here = nil
        if file.differs || file.named != file.listedSize {
            self.changes.append(TreeChange(path: file.path, kind: .changed, reasons: .content, size: file.named))
        }
        self.settle(file)
    }

    private mutating func settle(_ file: IncomingFile) {
        self.advance()
        file.directory.pending -= 1
        self.finishIfComplete(file.directory)
    }

    /// A file fails: the others go on, unless they would fail as well.
    private mutating func fail(_ file: IncomingFile, _ error: FerryError) throws(FerryError) {
        guard !error.endsTree else { throw error }
        self.giveUp(file, error)
    }

    private mutating func giveUp(_ file: IncomingFile, _ error: FerryError) {
        if !file.isGivenUp {
            self.failures.append((file.path, error))
            self.batch.failed(file.path)
        }
        if file.destination != nil { self.openFiles -= 1 }
        file.discard()
    }

    // MARK: Publishing

    /// Publishes what is whole, where that is due or others wait for it.
    mutating func publishIfDue(_ sink: any FrameSink) {
        if self.batch.isDue || self.isHeldBack { self.batch.publish(sink) }
    }

    /// Publishes what is whole.
    mutating func publish(_ sink: any FrameSink, always: Bool = false) { self.batch.publish(sink, always: always) }

    /// - Returns: the digest of the recipe.
    mutating func endReceived(_ end: WireEnd) throws(FerryError) -> ChunkID {
        guard self.expected.isEmpty, self.current == nil else {
            throw FerryError(.violation, "the transfer ends before all files that are needed came")
        }
        return try self.blocks.machine.endReceived(end)
    }

    /// Ends without the rest: what is whole is published.
    mutating func abandon(keeping: Bool) {
        self.batch.abandon(keeping: keeping)
        for (file, _, _) in self.waiting { file.discard() }
        self.waiting = []
        let keeping = keeping && !self.batch.hasFailed
        for file in Array(self.coming) + Array(self.naming) + [self.current].compactMap({ $0 }) where !file.isGivenUp {
            file.assembly?.stop()
            file.destination?.abandon(keeping: keeping)
            file.destination = nil
            file.isGivenUp = true
        }
    }
}
