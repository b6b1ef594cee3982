import FerryChunking
import FerryErrors
import FerryFiles
import FerryProtocol
import FerryWire
import NIOCore

/// The content of a tree's files on its way: one recipe over all of them, cut where files end.
struct TreeContent {
    /// Less than this is read whole and compared, if at all; more is put together with what is here, in bytes.
    private static let assemblyLimit: UInt64 = 64 << 10
    /// Files of which a part has come, each of which is open.
    private static let openLimit = 256
    private let top: OpenDirectory
    private let directoryLimit: Int
    let owner: String
    let willWrite: TreeReceiver.WillWrite?
    private let blocks: BlockReceiver

    /// What is needed, and its names as they come.
    var needed = TreeNaming()
    /// Files that may be here under other names.
    private let renamed: RenamedFiles
    /// Further names of files, and the files for which they wait.
    var order = LinkOrder()
    /// What waits for directories to go.
    var replacements = TreeReplacements()
    /// Files of which names wait to be decided.
    private var naming = CircularBuffer<IncomingFile>()
    /// Files of which chunks are wanted, in the order of their places in the tree's content.
    private var coming = ComingFiles()

    var batch: TreeBatch
    var writers: FileWriters
    /// Directories that were entered and have not got their metadata.
    private var openDirectories = 0
    private var openLevels = 0
    /// Files of which a part has come.
    let openFiles = OpenCount()
    var changes: [TreeChange] = []
    var failures: [(path: [UInt8], error: FerryError)] = []
    private(set) var summary = TransferSummary()

    init(
        top: OpenDirectory,
        options: TreeReceiver.Options,
        limits: FrameLimits,
        window: (@Sendable () -> Int)?,
        willWrite: TreeReceiver.WillWrite?
    ) {
        self.top = top
        self.directoryLimit = options.openDirectories
        self.owner = options.owner
        self.willWrite = willWrite
        // What lies beside one thing is not looked through for it.
        self.renamed = RenamedFiles(top, mayRead: options.mayRead && options.single == nil)
        self.batch = TreeBatch(top: top, mostFiles: options.batchFiles)
        self.writers = FileWriters(threads: options.writers)
        let machine = ReceiveMachine(limits: limits, announcedSize: nil, repeats: .resent)
        self.blocks = BlockReceiver(machine: machine, limits: limits, window: window)
    }

    /// Bytes named so far.
    var size: UInt64 { self.blocks.machine.size }
    /// Files that are needed and have not ended.
    var outstanding: Int { self.needed.weight }
    /// Nothing more is to be decided before some of what was is done.
    var isHeldBack: Bool {
        self.waitingDirectories > self.directoryLimit || self.order.count > 2 * WireConstants.itemWindow
    }
    /// Directories that are open because files in them are on their way.
    private var waitingDirectories: Int { self.openDirectories - self.openLevels }
    /// What a cut transfer left is being looked through.
    var isLookedFor: Bool { self.naming.first.map { $0.isUndecided && $0.nextName == nil } ?? false }
    /// All is published, though the last names may not be durable.
    var isEmpty: Bool { self.writers.isEmpty && self.batch.isEmpty && self.order.isEmpty }
    /// Files are being made or published.
    var isBusy: Bool { !self.writers.isEmpty || self.batch.isBusy }
    /// Nothing more can be taken before something is made or published.
    var isSaturated: Bool { self.writers.isFull || self.batch.isSaturated(with: self.writers.count) }

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
        for (file, metadata, subject) in self.replacements.files {
            if mayDelete {
                self.batch.add(.file(file, metadata, path: subject.path), subject)
            } else {
                file.discard()
                self.refuse(subject)
            }
        }
        for link in self.replacements.links {
            if mayDelete { self.batch.add(link.action, link.subject) } else { self.refuse(link.subject) }
        }
        self.replacements = TreeReplacements()
    }

    /// A directory stays where something else was to be.
    private mutating func refuse(_ subject: TreeBatch.Subject) {
        self.failures.append((subject.path, .taken(subject.path)))
        self.replaced(in: subject.directory)
    }

    /// Something that was to take a directory's place has done so, or never will.
    mutating func replaced(in directory: TargetDirectory) {
        directory.pending -= 1
        self.finishIfComplete(directory)
    }

    mutating func finishIfComplete(_ directory: TargetDirectory) {
        guard directory.isComplete else { return }
        self.openDirectories -= 1
        do throws(FerryError) { try directory.finish() } catch {
            self.failures.append((directory.directory.path, error))
        }
    }

    // MARK: What is to come

    mutating func expect(_ file: IncomingFile) {
        file.directory.pending += 1
        if file.replacesDirectory { self.replacements.expect(file.path) }
        if file.isNew { self.renamed.expect(file.listedSize) }
        self.needed.expect(file)
        self.order.append(file)
    }

    /// A symbolic link is to take a directory's place, and its further names wait for it.
    mutating func expectLink(_ path: [UInt8], in directory: TargetDirectory) {
        directory.pending += 1
        self.replacements.expect(path)
    }

    /// Gives a file a further name, once those that are needed so far are there.
    ///
    /// - Parameters:
    ///   - link: which.
    ///   - isLate: whether a directory has the name, which goes before.
    mutating func link(_ link: TreeLink, isLate: Bool) {
        if isLate || self.replacements.holds(link.first) {
            guard self.replacements.add(link) else {
                return self.failures.append((link.subject.path, .taken(link.subject.path)))
            }
        } else {
            // While nothing is on its way, what is here is what will be.
            if self.isEmpty, link.isMade(in: self.top) { return }
            self.order.append(link)
        }
        link.directory.pending += 1
        self.advance()
    }

    mutating func advance() {
        for link in self.order.takeReady() {
            // What goes wrong here goes wrong with the link as well.
            try? link.directory.willChange()
            self.batch.add(link.action, link.subject)
        }
    }

    /// Takes the next names of the tree's content, and ends of files between them.
    mutating func namesReceived(_ names: WireNames) throws(FerryError) {
        for step in try self.needed.take(names, self.blocks.machine.namesReceived(names)) {
            switch step {
            case .named(let file): if self.naming.last !== file { self.naming.append(file) }
            case .ended(let file, let note): try self.fileEnded(file, note)
            }
        }
    }

    private mutating func fileEnded(_ file: IncomingFile, _ note: WireEndNote?) throws(FerryError) {
        if let note, note.hasFailure { self.giveUp(file, FerryError(peer: note.failure)) }
        if let note, note.hasMetadata { try file.update(note.metadata) }
        if !file.isUndecided { file.releaseSources() }
        // One of which nothing is left to decide or to come.
        if self.naming.last !== file { try self.finishIfComplete(file) }
    }

    // MARK: Deciding

    /// Takes in what was made and what was published.
    ///
    /// - Throws: what syncing failed with, and making a file if the next would fail as well.
    mutating func refresh() throws(FerryError) {
        var failure: FerryError?
        for (file, result) in self.writers.take() {
            // The others are whole.
            do throws(FerryError) { try self.made(file, result) } catch { failure = failure ?? error }
        }
        if let failure { throw failure }
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
        if self.renamed.isWalking {
            self.renamed.walk()
            return true
        }
        var wants: [ChunkID] = []
        var decided = 0
        var read = 0
        while read < FileReceiver.decisionStep, decided < WireConstants.namesPerFrame, !self.isSaturated,
            let file = self.naming.first, file.destination != nil || self.openFiles.value < Self.openLimit
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
        if !file.isSearched, file.isNew, let first = file.undecided.first {
            file.isSearched = true
            file.twin = self.renamed.candidate(for: file, first: first.id, length: first.length)
        }
        let isPutTogether =
            file.listedSize >= Self.assemblyLimit || file.isSparse || file.oldSize != nil && file.average > 0
            || file.twin != nil
        if file.assembly == nil, isPutTogether {
            do throws(FerryError) {
                let destination = try self.destination(of: file)
                let old = file.oldSize == nil ? nil : try? file.directory.directory.file(file.name)
                // What is not cut by content can only be where it was.
                let isCut = file.average > 0
                file.assembly = FileAssembly(
                    destination: destination,
                    old: isCut ? old : nil,
                    twin: isCut ? file.twin : old ?? file.twin,
                    isSparse: file.isSparse
                )
                file.twin = nil
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
        var (isHere, effort) = (true, 0)
        do throws(FerryError) {
            (isHere, effort) = try file.decide(name) { () throws(FerryError) in try self.destination(of: file) }
        } catch {
            try self.fail(file, error)
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
        self.coming.append(file)
        return effort
    }

    // MARK: Blocks

    mutating func blockReceived(
        _ block: WireBlock,
        _ payload: ByteBuffer,
        from connection: Int,
        _ sink: any FrameSink
    ) throws(FerryError) {
        let length = try self.blocks.blockReceived(block, payload, from: connection, sink: sink) {
            deliveries,
            raw throws(FerryError) in
            try self.write(deliveries, raw)
            self.writers.write(raw, sink: sink)
        }
        self.summary.bytes += UInt64(length)
        self.summary.wireBytes += UInt64(payload.readableBytes)
        self.publishIfDue(sink)
    }

    private mutating func write(_ deliveries: [ReceiveMachine.Delivery], _ raw: ByteBuffer) throws(FerryError) {
        var rest = deliveries[...]
        var start = 0
        while let first = rest.first {
            var end = start
            while let next = rest.first, next.offset == first.offset + UInt64(end - start) {
                end += next.length
                rest.removeFirst()
            }
            try self.write(raw, start..<end, at: first.offset)
            start = end
        }
    }

    /// Writes neighbours, which may belong to several files.
    private mutating func write(_ raw: ByteBuffer, _ range: Range<Int>, at offset: UInt64) throws(FerryError) {
        var start = range.lowerBound
        while start < range.upperBound {
            let place = offset + UInt64(start - range.lowerBound)
            guard let (file, beginning) = self.coming.file(at: place) else {
                throw FerryError(.internalError, "a chunk belongs to no file of the tree")
            }
            // A file's names that came so far end where the next file begins, or beyond what is wanted.
            let count = Int(min(UInt64(range.upperBound - start), beginning + file.named - place))
            guard count > 0 else { throw FerryError(.internalError, "a chunk lies beyond its file") }
            let piece = start..<(start + count)
            start += count
            file.wanted -= min(file.wanted, UInt64(count))
            do throws(FerryError) {
                if self.writers.isUsed, file.isWhole(count) {
                    try file.directory.willChange()
                    try self.willWrite?(count)
                    self.writers.append(file, piece, owner: self.owner)
                } else if !file.isGivenUp {
                    try self.destination(of: file).write(raw, piece, at: place - beginning)
                }
            } catch {
                try self.fail(file, error)
            }
            try self.finishIfComplete(file)
        }
        self.coming.forgetComplete()
    }

    // MARK: Publishing

    /// Publishes what is whole, where that is due or others wait for it.
    mutating func publishIfDue(_ sink: any FrameSink) {
        // At half of what may wait, so that there is more to do meanwhile.
        let areMany = self.waitingDirectories > self.directoryLimit / 2
        if areMany || self.isHeldBack || self.batch.isDue(with: self.writers.count) { self.batch.publish(sink) }
    }

    /// Publishes what is whole.
    mutating func publish(_ sink: any FrameSink, always: Bool = false) { self.batch.publish(sink, always: always) }

    /// - Returns: the digest of the recipe.
    mutating func endReceived(_ end: WireEnd) throws(FerryError) -> ChunkID {
        guard self.needed.outstanding == 0 else {
            throw FerryError(.violation, "the transfer ends before all files that are needed came")
        }
        return try self.blocks.machine.endReceived(end)
    }

    /// Ends without the rest: what is whole is published.
    mutating func abandon(keeping: Bool) {
        self.writers.wait()
        for (file, result) in self.writers.take() { try? self.made(file, result) }
        self.batch.abandon(keeping: keeping)
        for (file, _, _) in self.replacements.files { file.discard() }
        self.replacements = TreeReplacements()
        let keeping = keeping && !self.batch.hasFailed
        for file in self.coming.all + Array(self.naming) + [self.needed.current].compactMap({ $0 })
        where !file.isGivenUp {
            file.assembly?.stop()
            file.destination?.abandon(keeping: keeping)
            file.destination = nil
            file.isGivenUp = true
        }
    }
}
