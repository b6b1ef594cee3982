import CLinux
package import FerryErrors
import Glibc
import Synchronization

/// A file on its way: written under a hidden name beside its target, then published whole, kept or discarded.
///
/// The hidden name follows from the target's, so that a later transfer finds what an earlier one kept. What it finds is a
/// hint: whoever uses it reads and hashes it first. It holds its directory, so that whatever happens to the path
/// meanwhile, temporary file and target stay in the same directory. One thread at a time writes; the value may move
/// between threads. Unless it is published or kept, it is discarded with its last reference.
package final class PartialFile: Sendable {
    /// Bytes written before the kernel is asked to start writing them back, so that the sync at the end is short
    /// (measured on ext4: 0.01 s instead of 0.27 s for 1 GiB; 4 to 32 MiB do the same).
    static let writebackStep: Int64 = 8 << 20
    /// Less than this is not worth keeping, in bytes: the shortest chunk of a file that the receiver has no version of.
    package static let leastKept: Int64 = 64 << 10

    /// Where it goes, escaped, for messages: put together only for one, for that would take as long as a small file's write.
    private var description: String { Self.shown(self.target, in: self.directory) }
    private let target: [CChar]
    private let umask: UInt32
    private let calls: SystemCalls
    private let directory: OpenDirectory
    private let opened: PartialName.Opened
    /// What an earlier transfer to this target may have left; to be read and hashed before it counts.
    package let kept: KeptFile?
    private let isOpen = Atomic<Bool>(true)
    /// What was written since writeback was last started.
    private let unstarted = Mutex(WrittenRange())
    // SAFETY: used only by the functions that write and read, of which one at a time runs (see above).
    private nonisolated(unsafe) var direct = Direct.untried

    /// Writing past the page cache: tried with the first block's worth of bytes, and given up where it fails.
    private enum Direct {
        case untried
        case active(DirectWriter)
        case unavailable
    }

    private struct WrittenRange {
        var lower = Int64.max
        var upper: Int64 = 0
        var bytes: Int64 = 0
    }

    init(
        _ directory: OpenDirectory,
        target: [CChar],
        owner: String = "",
        isKept: Bool = true,
        umask: UInt32,
        calls: SystemCalls
    ) throws(Errno) {
        let place = directory.descriptor.raw
        if !isKept, let unnamed = try PartialName.openUnnamed(in: place, calls: calls) {
            self.opened = unnamed
        } else {
            self.opened = try PartialName.open(
                PartialName.following(target, owner: owner),
                in: place,
                calls: calls
            )
        }
        self.directory = directory
        self.target = target
        self.umask = umask
        self.calls = calls
        if self.opened.size > 0 {
            let shown = Self.shown(target, in: directory)
            self.kept = try KeptFile(self.opened.file.raw, size: self.opened.size, description: shown, calls: calls)
        } else {
            self.kept = nil
        }
    }

    private static func shown(_ target: [CChar], in directory: OpenDirectory) -> String {
        Escaping.escape(directory.path(of: target.dropLast().map { UInt8(bitPattern: $0) }))
    }

    deinit { self.discard() }

    /// Writes all of `bytes` at `offset`; gaps read as zeros.
    /// - Throws: `noSpace`, `limit`, `inputOutput` and other mapped errors.
    package func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(FerryError) {
        guard unsafe !bytes.isEmpty else { return }
        do throws(Errno) {
            let done = unsafe try self.writeDirect(bytes, at: offset)
            let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes.dropFirst(done))
            guard unsafe !rest.isEmpty else { return }
            unsafe try self.writeCached(rest, at: offset + Int64(done))
        } catch {
            throw self.failure(error)
        }
    }

    /// Has zeros where nothing was written since the file was opened, without writing them.
    ///
    /// What an earlier transfer left there is given back to the disk.
    /// - Parameters:
    ///   - offset: bytes from the beginning.
    ///   - count: how many.
    /// - Returns: false if they must be written.
    package func makeHole(at offset: Int64, count: Int) -> Bool {
        // Behind its end a file reads as zeros.
        if offset >= self.opened.size { return true }
        guard offset >= 0, !offset.addingReportingOverflow(Int64(count)).overflow else { return false }
        let file = self.opened.file.raw
        do throws(Errno) {
            let start = try self.calls.dataStart(file, from: offset) ?? .max
            if start - offset < count { try self.calls.punchHole(file, at: offset, count: Int64(count)) }
            return true
        } catch {
            return false
        }
    }

    /// Writes or collects what it can of `bytes` past the page cache.
    ///
    /// - Returns: how many bytes are taken care of; the rest is the caller's to write.
    private func writeDirect(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(Errno) -> Int {
        // What does not fit a file's offsets is the usual way's to refuse.
        guard offset >= 0, !offset.addingReportingOverflow(Int64(bytes.count)).overflow else { return 0 }
        guard let writer = self.directWriter(offset, bytes.count) else { return 0 }
        // A gap that is filled later, as where a chunk comes from the sender and those around it from an old version.
        if writer.isBefore(offset, bytes.count) { return 0 }
        guard let lead = writer.lead(offset, bytes.count) else {
            try self.flush(writer)
            return 0
        }
        if lead > 0 { unsafe try self.writeCached(UnsafeRawBufferPointer(rebasing: bytes.prefix(lead)), at: offset) }
        let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes.dropFirst(lead))
        do throws(Errno) {
            unsafe try writer.append(rest, at: offset + Int64(lead), calls: self.calls)
        } catch  where writer.isRefused {
            // What was collected and the rest go the usual way.
            try self.flush(writer)
            return lead
        }
        return bytes.count
    }

    private func directWriter(_ offset: Int64, _ count: Int) -> DirectWriter? {
        switch unsafe self.direct {
        case .active(let writer): return writer
        case .unavailable: return nil
        case .untried:
            // A file of a few bytes is not worth a second descriptor.
            guard count >= DirectWriter.blockLength / 4 || offset >= DirectWriter.blockLength else { return nil }
            let writer = DirectWriter(self.opened.file.raw)
            unsafe self.direct = writer.map { .active($0) } ?? .unavailable
            return writer
        }
    }

    /// Writes what is collected, so that it can be read, or published.
    private func flushDirect() throws(Errno) {
        if case .active(let writer) = unsafe self.direct { try self.flush(writer) }
    }

    private func flush(_ writer: DirectWriter) throws(Errno) {
        let pending = unsafe try writer.take(calls: self.calls)
        if writer.isRefused { unsafe self.direct = .unavailable }
        guard let pending = unsafe pending else { return }
        unsafe try self.writeCached(pending.bytes, at: pending.offset)
    }

    private func writeCached(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(Errno) {
        unsafe try self.calls.pwriteFully(self.opened.file.raw, bytes, at: offset)
        self.startWriteback(offset, Int64(bytes.count))
    }

    /// Reads at `offset` until `buffer` is full or the file ends.
    /// - Returns: bytes read; less than `buffer.count` only at the end of what was written.
    /// - Throws: `inputOutput` and other mapped errors.
    package func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(FerryError) -> Int {
        do throws(Errno) {
            try self.flushDirect()
            Readahead.advise(self.opened.file.raw, offset, buffer.count)
            return unsafe try self.calls.preadFully(self.opened.file.raw, buffer, at: offset)
        } catch {
            throw FerryError(error, "read", self.description)
        }
    }

    /// Gives the file its size, mode and time, makes it durable, and puts it in the place of its target: of a file,
    /// or of a link, which is replaced itself.
    ///
    /// After it returns, the new file survives a loss of power. If it throws, the partial file is gone and the target
    /// is whole: the old one, or, if only the last sync failed, the new one.
    /// - Parameters:
    ///   - size: bytes; what was written beyond it is cut off, what is missing reads as zeros.
    ///   - mode: permission bits; setuid, setgid, sticky and the umask's bits are left out.
    ///   - modified: the time of modification; nil leaves that of the last write.
    /// - Throws: `notAFile` if the target is a directory; `noSpace`, `inputOutput` and other mapped errors.
    package func publish(size: Int64, mode: UInt32, modified: Timestamp?) throws(FerryError) {
        do throws(FerryError) {
            _ = try self.seal(size: size, FileMetadata(mode: mode & 0o777 & ~self.umask), modified: modified)
            do throws(Errno) {
                // Data before the name: a crash between the two must not leave an empty file under the target's name.
                try self.calls.fsync(self.opened.file.raw)
            } catch {
                throw self.failure(error)
            }
            _ = try self.replaceTarget()
            do throws(Errno) { try self.calls.fsync(self.directory.descriptor.raw) } catch { throw self.failure(error) }
        } catch {
            self.discard()
            throw error
        }
    }

    /// Gives the file its size, time and what else it has: nothing is written after this.
    ///
    /// With ``replaceTarget()`` it is what ``publish(size:mode:modified:)`` does for one file, for whoever makes many durable
    /// at once.
    /// - Parameters:
    ///   - size: bytes; what was written beyond it is cut off, what is missing reads as zeros.
    ///   - metadata: what it is to have besides.
    ///   - modified: the time of modification; nil leaves that of the last write.
    ///   - inherits: whether its directory gave it an ACL.
    /// - Returns: why its extended attributes could not be set; all else is.
    /// - Throws: `noSpace`, `inputOutput` and other mapped errors.
    package func seal(
        size: Int64,
        _ metadata: FileMetadata,
        modified: Timestamp?,
        inherits: Bool = false
    ) throws(FerryError) -> FerryError? {
        guard self.isOpen.load(ordering: .acquiring) else {
            throw FerryError(.internalError, "the partial file of \(self.description) is no longer open")
        }
        do throws(Errno) {
            guard size >= 0 else { throw Errno(EFBIG) }
            try self.flushDirect()
            // Its block of memory is not needed any more, however long the file waits.
            unsafe self.direct = .unavailable
            var now = try self.calls.info(self.opened.file.raw)
            if now.size != size {
                try self.calls.ftruncate(self.opened.file.raw, to: size)
                now = try self.calls.info(self.opened.file.raw)
            }
            // What an earlier transfer left may have had some of them.
            let isNew = !inherits && self.opened.isNew
            return try self.writer.write(metadata, now: now, modified: modified, isNew: isNew)
        } catch {
            throw self.failure(error)
        }
    }

    /// Puts a sealed file, which must be durable, in the place of its target. The new name is not durable yet.
    ///
    /// It is given away only now: what a killed transfer leaves is found by its owner.
    /// - Parameter metadata: what it was sealed with; nil for one that stays with whom it belongs to.
    /// - Returns: why its extended attributes could not be set; all else is done.
    /// - Throws: `notAFile` if the target is a directory; other mapped errors.
    package func replaceTarget(_ metadata: FileMetadata? = nil) throws(FerryError) -> FerryError? {
        do throws(Errno) {
            var failure: FerryError?
            // The name is no secret: what lies under it may by now be another's, whom neither renaming nor removing is for.
            guard let now = try self.infoIfStillThere() else {
                self.isOpen.store(false, ordering: .releasing)
                throw Errno(EBUSY)
            }
            if let metadata, metadata.owner != nil || metadata.policy.isPrivileged && !metadata.policy.isDaemon {
                failure = try self.writer.giveAway(metadata, now: now, isNew: self.opened.isNew)
            }
            try self.takeName()
            self.isOpen.store(false, ordering: .releasing)
            return failure
        } catch {
            throw self.failure(error)
        }
    }

    private func takeName() throws(Errno) {
        let directory = self.directory.descriptor.raw
        if let name = self.opened.name { return try self.calls.renameat(directory, name, self.target) }
        do throws(Errno) {
            try self.calls.linkat(self.opened.file.raw, directory, self.target)
        } catch  where error.code == EEXIST {
            // Only renaming replaces what has the name.
            let hidden = PartialName.random()
            try self.calls.linkat(self.opened.file.raw, directory, hidden)
            do throws(Errno) { try self.calls.renameat(directory, hidden, self.target) } catch {
                try? self.calls.unlinkat(directory, hidden)
                throw error
            }
        }
    }

    /// Leaves the partial file for a later transfer to the same target, unless it is published; the target stays as it
    /// was. What nobody would find, or is too little, is removed.
    ///
    /// - Parameter flushing: whether what is collected is written first; false where another thread may be writing,
    ///   because the process ends.
    package func keep(flushing: Bool = true) {
        // What cannot be written is lacked again.
        if flushing, self.isOpen.load(ordering: .acquiring) { try? self.flushDirect() }
        let size = (try? self.calls.info(self.opened.file.raw))?.size ?? 0
        guard self.opened.isResumable, size >= Self.leastKept else { return self.discard() }
        self.isOpen.store(false, ordering: .releasing)
        if flushing { PartialName.unlock(self.opened.file.raw) }
    }

    /// Removes the partial file, unless it is published or kept; the target stays as it was.
    package func discard() {
        guard self.isOpen.exchange(false, ordering: .acquiringAndReleasing) else { return }
        guard let name = self.opened.name else { return }
        // Nobody could do more about a failure: the name is hidden, and cannot be addressed.
        if (try? self.infoIfStillThere()) != nil {
            try? self.calls.unlinkat(self.directory.descriptor.raw, name)
        }
        // What could not be removed is not to be in the way of the next transfer, until this value is gone.
        PartialName.unlock(self.opened.file.raw)
    }

    private var writer: MetadataWriter {
        MetadataWriter(
            calls: self.calls,
            directory: self.opened.file.raw,
            name: CString.none,
            description: self.description
        )
    }

    private func infoIfStillThere() throws(Errno) -> FileInfo? {
        let file = self.opened.file.raw
        guard let name = self.opened.name else { return try self.calls.info(file) }
        return try PartialName.info(name, ifStill: file, self.directory.descriptor.raw, self.calls)
    }

    private func failure(_ errno: Errno, file: StaticString = #fileID, line: UInt = #line) -> FerryError {
        FerryError(errno, "write", self.description, file: file, line: line)
    }

    /// Notes what was written and, every ``writebackStep`` bytes, starts writing it to the disk.
    private func startWriteback(_ offset: Int64, _ count: Int64) {
        let range: WrittenRange? = self.unstarted.withLock { written in
            written.lower = min(written.lower, offset)
            written.upper = max(written.upper, offset + count)
            written.bytes += count
            guard written.bytes >= Self.writebackStep else { return nil }
            defer { written = WrittenRange() }
            return written
        }
        guard let range else { return }
        // A hint: errors of the disk are reported by fsync.
        _ = ferry_start_writeback(self.opened.file.raw, range.lower, range.upper - range.lower)
    }
}
