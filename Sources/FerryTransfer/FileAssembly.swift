import Dispatch
import FerryChunking
import FerryErrors
import FerryFiles
import FerryProtocol
import NIOCore
import Synchronization

/// One file being put together: the names that wait to be decided, and where their chunks may be had without the sender.
///
/// Chunks come from what a cut transfer left in the file, from the version that it replaces, and from the file itself
/// (repeats). A chunk counts as had only once its bytes are in their place and were hashed to their name.
final class FileAssembly {
    let destination: any ByteDestination
    /// Names that wait to be decided, in order.
    private var undecided = CircularBuffer<ReceiveMachine.Name>()
    /// Names behind those, which can be decided before them, because neither what a cut transfer left nor another version
    /// has them.
    private var ahead = CircularBuffer<ReceiveMachine.Name>()
    private let decidesAhead: Bool
    /// Looks through what a cut transfer left.
    private let kept: KeptCheck?
    /// Of the names at the front of `undecided`: whether what a cut transfer left in their places is what they name.
    private var inPlace = CircularBuffer<Bool>()
    private var old: SourceFile?
    /// Shorter zeros than ``longHole`` are holes at the sender, too.
    private let isSparse: Bool
    /// Zeros of so many bytes become holes whatever they are at the sender.
    private static let longHole = 64 << 10
    /// Another file here that may be the same: what it has lies in the same places.
    private var twin: SourceFile?
    /// Made with the first names, which tell how it is to be cut.
    private var oldVersion: OldVersion?
    /// Of the names at the front of `undecided`: whether the old version had them where they were expected; they are
    /// written then.
    private var inOld = CircularBuffer<Bool>()
    private var hasNames = false
    /// All so far lies in the old version, or in the twin, where it is to be.
    private(set) var isUnmoved = true
    /// Where copied chunks are read; allocated once.
    private var scratch = ByteBuffer()

    /// - Parameters:
    ///   - destination: where the file goes.
    ///   - old: the version that the file replaces, if there is one.
    ///   - twin: another file that may be the same.
    ///   - isSparse: whether the sender says that the file has holes.
    ///   - decidesAhead: whether names may be decided while others in front of them are looked for.
    init(
        destination: any ByteDestination,
        old: SourceFile?,
        twin: SourceFile? = nil,
        isSparse: Bool,
        decidesAhead: Bool = false
    ) {
        self.decidesAhead = decidesAhead && old == nil && twin == nil
        self.isSparse = isSparse
        self.destination = destination
        self.kept = destination.kept.map { KeptCheck($0) }
        self.old = old
        self.twin = twin
    }

    /// Takes the next names.
    ///
    /// - Parameters:
    ///   - names: with their places in the file.
    ///   - average: how the file is cut by content, with its first names; 0 if it is not.
    ///   - sink: woken when something was found out about them.
    /// - Throws: `.violation` for an average that the chunker does not have.
    func append(
        _ names: some Collection<ReceiveMachine.Name>,
        average: UInt32,
        sink: any FrameSink
    ) throws(FerryError) {
        let inFront = names.prefix(while: self.mayBeInPlace)
        self.kept?.submit(inFront, sink: sink)
        if self.decidesAhead {
            self.undecided += inFront
            self.ahead += names.dropFirst(inFront.count)
        } else {
            self.undecided += names
        }
        guard !self.hasNames else { return }
        self.hasNames = true
        if let old = self.old, average > 0 { self.oldVersion = try OldVersion(old, average: average) }
    }

    /// Whether names wait to be decided, now or when something was found out about them.
    var isUndecided: Bool { !self.undecided.isEmpty || !self.ahead.isEmpty }

    /// The name to be decided next; nil if there is none, or while it is looked for.
    var nextName: ReceiveMachine.Name? {
        guard let name = self.undecided.first, !self.inPlace.isEmpty || !self.mayBeInPlace(name) else { return nil }
        return name
    }

    /// A name that can be decided though others in front of it are still looked for, and how many those are; nil if there
    /// is none.
    var nameAhead: (name: ReceiveMachine.Name, after: Int)? { self.ahead.first.map { ($0, self.undecided.count) } }

    /// Decides ``nameAhead``: it is to be had only if it is zeros, or was written before.
    ///
    /// - Parameters and what it returns and throws: as those of ``decide(_:earlier:)``.
    func decideAhead(
        _ name: ReceiveMachine.Name,
        earlier: UInt64?
    ) throws(FerryError) -> (isHere: Bool, effort: Int) {
        self.ahead.removeFirst()
        if self.isHole(name), self.destination.makeHole(at: name.offset, length: name.length) { return (true, 0) }
        self.isUnmoved = false
        guard let earlier, try self.copy(name, from: earlier) else { return (false, 0) }
        return (true, name.length)
    }

    /// Gives back the names that were not decided: nothing is put together any more.
    func takeUndecided() -> [ReceiveMachine.Name] {
        defer { self.undecided = [] }
        return Array(self.undecided)
    }

    /// Takes in what was found out since the last call.
    func refresh() { if let kept = self.kept { self.inPlace += kept.take() } }

    /// Decides ``nextName``, and puts its chunk into its place if it is to be had here.
    ///
    /// - Parameters:
    ///   - name: the next one.
    ///   - earlier: where in the file the chunk was written before, if it was.
    /// - Returns: whether the chunk is in its place, and how many bytes were read for it.
    /// - Throws: what writing fails with.
    func decide(
        _ name: ReceiveMachine.Name,
        earlier: UInt64?
    ) throws(FerryError) -> (isHere: Bool, effort: Int) {
        do throws(FerryError) { try self.look(for: name) } catch {
            self.undecided.removeFirst()
            throw error
        }
        self.undecided.removeFirst()
        if self.inPlace.first != true, self.isHole(name),
            self.destination.makeHole(at: name.offset, length: name.length)
        {
            _ = self.inPlace.popFirst()
            return (true, 0)
        }
        let isLookedAt = !self.inOld.isEmpty
        let isHere = try self.has(name, earlier: earlier)
        // Where something else lies in its place, looking costs as much as taking it, and a search costs what it read.
        let effort = (isHere || isLookedAt ? name.length : 0) + (self.oldVersion?.takeEffort() ?? 0)
        return (isHere, effort)
    }

    /// Looks at nothing any more. Returns when nothing is being looked at.
    func stop() { self.kept?.stop() }

    /// The last reference to a file that was replaced frees its blocks on the disk and in the page cache: 0.4 s for 4 GiB, for
    /// which neither the sender need wait nor an event loop.
    func forgetOld() {
        self.oldVersion = nil
        self.twin = nil
        guard self.old != nil else { return }
        let old = Mutex(self.old)
        self.old = nil
        DispatchQueue(label: "ferry.forget").async { old.withLock { $0 = nil } }
    }

    private func mayBeInPlace(_ name: ReceiveMachine.Name) -> Bool {
        self.kept.map { name.offset + UInt64(name.length) <= $0.size } ?? false
    }

    /// Looks for the next chunks, the first of which is `name`'s, where they should be: several together is faster than one
    /// by one.
    private func look(for name: ReceiveMachine.Name) throws(FerryError) {
        guard self.destination.isRandomAccess else { return }
        guard self.inPlace.first != true, self.inOld.isEmpty, let old = self.oldVersion else { return }
        // Those that are still looked for may be in place.
        let unknown = self.mayBeInPlace(name) ? self.inPlace.endIndex : nil
        let count = (self.inPlace.firstIndex(of: true) ?? unknown).map {
            self.inPlace.distance(from: self.inPlace.startIndex, to: $0)
        }
        // What becomes a hole is not to be written.
        let names = self.undecided.prefix(count ?? self.undecided.count).lazy.prefix { !self.isHole($0) }
        self.inOld += unsafe try old.look(for: names) {
            bytes,
            offset throws(FerryError) in
            unsafe try self.destination.write(bytes, at: offset)
        }
    }

    /// Finds the chunk and puts it into its place, unless looking has done so.
    private func has(_ name: ReceiveMachine.Name, earlier: UInt64?) throws(FerryError) -> Bool {
        guard self.destination.isRandomAccess else { return false }
        let (isInPlace, isInOld) = (self.inPlace.popFirst() ?? false, self.inOld.popFirst())
        if isInOld == true { return true }
        let wasUnmoved = self.isUnmoved
        self.isUnmoved = false
        if isInPlace { return true }
        if let chunk = self.oldVersion?.chunk(name, isReplaced: isInOld == false) {
            try self.write(chunk, at: name.offset)
            return true
        }
        if let bytes = self.twin?.chunk(name.id, name.length, at: name.offset) {
            try self.write(ByteBuffer(bytes: bytes), at: name.offset)
            self.isUnmoved = wasUnmoved
            return true
        }
        // It is another file after all.
        self.twin = nil
        guard let earlier else { return false }
        return try self.copy(name, from: earlier)
    }

    /// Whether it is to become a hole: long runs of zeros do, and what is one at the sender.
    private func isHole(_ name: ReceiveMachine.Name) -> Bool {
        name.isZeros && (self.isSparse || name.length >= Self.longHole)
    }

    private func write(_ chunk: ByteBuffer, at offset: UInt64) throws(FerryError) {
        var result = Result<Void, FerryError>.success(())
        unsafe chunk.withUnsafeReadableBytes { bytes in
            do throws(FerryError) { unsafe try self.destination.write(bytes, at: offset) } catch {
                result = .failure(error)
            }
        }
        try result.get()
    }

    /// A repeat within the file: read from where it was written, hashed again, written to its other place.
    ///
    /// - Returns: false if it reads back differently.
    private func copy(_ name: ReceiveMachine.Name, from source: UInt64) throws(FerryError) -> Bool {
        self.scratch.clear(minimumCapacity: ChunkLimits.maximumLength)
        var result = Result<Bool, FerryError>.success(false)
        _ = unsafe self.scratch.writeWithUnsafeMutableBytes(minimumWritableBytes: name.length) { free in
            do throws(FerryError) {
                let bytes = unsafe UnsafeMutableRawBufferPointer(rebasing: free.prefix(name.length))
                unsafe try self.destination.read(into: bytes, at: source)
                let chunk = UnsafeRawBufferPointer(bytes)
                guard unsafe ChunkID(hashing: chunk) == name.id else { return 0 }
                unsafe try self.destination.write(chunk, at: name.offset)
                result = .success(true)
            } catch {
                result = .failure(error)
            }
            return 0
        }
        return try result.get()
    }
}
