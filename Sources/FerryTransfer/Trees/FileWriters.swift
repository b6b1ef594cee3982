import Dispatch
import FerryErrors
import FerryFiles
import FerryProtocol
import NIOCore
import Synchronization

/// Makes small files whose content has come whole, the files of a block on one thread, several blocks at once: most of the
/// time of a small file is the kernel's, in creating it.
struct FileWriters {
    /// A file, and where its content lies in the block.
    struct File: Sendable {
        let directory: OpenDirectory
        let name: [UInt8]
        let owner: String
        let metadata: FileMetadata
        let modified: Timestamp
        /// Its directory gives it an ACL.
        let inherits: Bool
        let content: Range<Int>
    }

    /// A sealed file, and why its extended attributes could not be set.
    typealias Sealed = (partial: PartialFile, failure: FerryError?)

    /// Blocks at work and waiting: one more than there are threads, so that none has to wait for the next.
    private let limit: Int
    private let threads = Threads()
    /// Whose files each block holds.
    private var blocks: [Int: [IncomingFile]] = [:]
    private var next = 0
    private var coming: [(file: IncomingFile, written: File)] = []
    /// Files that are being made.
    private(set) var count = 0

    /// - Parameter threads: how many; with none, nothing is taken.
    init(threads: Int) { self.limit = threads > 0 ? threads + 1 : 0 }

    var isUsed: Bool { self.limit > 0 }
    var isEmpty: Bool { self.count == 0 }
    /// Whether no further block may be taken.
    var isFull: Bool { self.isUsed && self.blocks.count >= self.limit }

    /// Takes a file of the block that is being received.
    ///
    /// - Parameters:
    ///   - file: all of which has come.
    ///   - content: where it lies in the block.
    ///   - owner: of partial files.
    mutating func append(_ file: IncomingFile, _ content: Range<Int>, owner: String) {
        file.isBeingWritten = true
        self.count += 1
        let written = File(
            directory: file.directory.directory,
            name: file.name,
            owner: owner,
            metadata: file.metadata,
            modified: file.modified,
            inherits: file.directory.inherits,
            content: content
        )
        self.coming.append((file, written))
    }

    /// Starts making the files that were taken of a block.
    ///
    /// - Parameters:
    ///   - block: its bytes.
    ///   - sink: woken when they are made.
    mutating func write(_ block: ByteBuffer, sink: any FrameSink) {
        guard !self.coming.isEmpty else { return }
        self.next += 1
        self.blocks[self.next] = self.coming.map(\.file)
        self.threads.write(self.next, self.coming.map(\.written), block, sink)
        self.coming = []
    }

    /// What was made since the last call.
    mutating func take() -> [(file: IncomingFile, result: Result<Sealed, FerryError>)] {
        guard self.count > 0 else { return [] }
        var made: [(file: IncomingFile, result: Result<Sealed, FerryError>)] = []
        for (number, results) in self.threads.take() {
            for (file, result) in zip(self.blocks.removeValue(forKey: number) ?? [], results) {
                file.isBeingWritten = false
                made.append((file, result))
            }
        }
        self.count -= made.count
        return made
    }

    /// Returns when nothing is being made; what was is still to be taken.
    func wait() { self.threads.wait() }
}

extension FileWriters {
    private final class Threads: Sendable {
        private let queue = DispatchQueue(label: "ferry.write", attributes: .concurrent)
        private let group = DispatchGroup()
        private let done = Mutex<[(number: Int, results: [Result<Sealed, FerryError>])]>([])

        func write(_ number: Int, _ files: [File], _ block: ByteBuffer, _ sink: any FrameSink) {
            self.queue.async(group: self.group) {
                let results = files.map { file in Self.make(file, block) }
                self.done.withLock { $0.append((number, results)) }
                sink.wake()
            }
        }

        func take() -> [(number: Int, results: [Result<Sealed, FerryError>])] {
            self.done.withLock { done in
                defer { done = [] }
                return done
            }
        }

        func wait() { self.group.wait() }

        private static func make(_ file: File, _ block: ByteBuffer) -> Result<Sealed, FerryError> {
            do throws(FerryError) {
                // Of a small file nothing would be kept.
                let partial = try file.directory.createPartial(file.name, owner: file.owner, isKept: false)
                var written = Result<Void, FerryError>.success(())
                unsafe block.withUnsafeReadableBytes { bytes in
                    do throws(FerryError) {
                        unsafe try partial.write(UnsafeRawBufferPointer(rebasing: bytes[file.content]), at: 0)
                    } catch {
                        written = .failure(error)
                    }
                }
                try written.get()
                let failure = try partial.seal(
                    size: Int64(file.content.count),
                    file.metadata,
                    modified: file.modified,
                    inherits: file.inherits
                )
                return .success((partial, failure))
            } catch {
                return .failure(error)
            }
        }
    }
}
