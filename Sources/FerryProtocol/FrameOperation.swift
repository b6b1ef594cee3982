package import FerryChunking
package import FerryErrors
package import FerryWire

/// Where an operation puts the frames that it sends.
package protocol FrameSink: AnyObject, Sendable {
    /// Queues a frame; never blocks.
    func send(_ frame: Frame)
    /// Bytes queued and not yet taken by the kernel.
    var queuedBytes: Int { get }
    /// Bytes per second that the kernel took lately while something was queued; nil before anything was measured.
    var drainRate: Double? { get }
    /// Has the operation proceed, because what it waited for is there; from any thread.
    func wake()
}

/// What an operation can do next.
package enum Progress: Equatable, Sendable {
    /// More, at once.
    case more
    /// Nothing, until a frame arrives or the sink has drained.
    case waiting
    /// Nothing, until its own work elsewhere, or what else it waits for, has it woken: the peer owes it nothing meanwhile.
    case working
    /// It is complete.
    case finished
}

/// One request's work on one connection: fed with frames, asked to proceed, never concurrently.
///
/// It runs on a thread that may block for files, hashing and compression, and must not wait for the peer.
package protocol FrameOperation: AnyObject {
    /// Takes a frame of this operation.
    func received(_ frame: Frame, sink: any FrameSink) throws(FerryError)
    /// Does a bounded piece of work (about 1 MiB).
    func proceed(sink: any FrameSink) throws(FerryError) -> Progress
    /// True while a failure is a mere refusal: nothing of a transfer is on its way, so that the connection can go on.
    var canBeRefused: Bool { get }
    /// What it did so far.
    var summary: TransferSummary { get }
    /// What further connections may join; nil if there is nothing to be carried, or not yet.
    var joinable: (any JoinableTransfer)? { get }
    /// The operation will not go on; it lets go of what it holds and leaves nothing half.
    ///
    /// - Parameter error: why.
    func abandoned(_ error: FerryError)
}

extension FrameOperation {
    package var joinable: (any JoinableTransfer)? { nil }
}

/// A transfer the blocks of which travel on further connections, too. They are numbered from 1, in the order of their
/// tickets; all calls are made as those of ``FrameOperation`` are.
package protocol JoinableTransfer: AnyObject {
    /// A connection carries blocks from now on.
    func joined(_ number: Int, sink: any FrameSink)
    /// Takes a frame that came on a joined connection.
    ///
    /// - Throws: `.violation` for what such a connection does not carry, and what the frame is refused for.
    func received(_ frame: Frame, from number: Int, sink: any FrameSink) throws(FerryError)
    /// A joined connection is gone; all frames that came there were told.
    func lost(_ number: Int)
}

/// What a finished transfer did.
package struct TransferSummary: Sendable, Equatable {
    /// Bytes of the file.
    package var bytes: UInt64 = 0
    /// Payload bytes that travelled, compressed.
    package var wireBytes: UInt64 = 0
    /// Bytes that did not travel because the receiver had them.
    package var savedBytes: UInt64 = 0
    /// Nothing was compared but size and time of modification, which were those of the file in place.
    package var isUnchanged = false
    /// Of the recipe; nil for requests that move no data.
    package var digest: ChunkID?
    /// Plain SHA-256 of the file in hex, where it was asked for.
    package var sha256: String?
    /// Of a backup: the id of the snapshot.
    package var snapshot: ChunkID?
    /// Of a tree: how many files it has, and how many of them had to be transferred, and could not be.
    package var tree: TreeCounts?
    /// Nothing was done: the numbers say what would be.
    package var isDryRun = false

    package init() {}
}

/// How many files of a tree had which fate.
package struct TreeCounts: Sendable, Equatable {
    package var files = 0
    package var changed = 0
    package var failed = 0
    /// Things that were removed, or would be.
    package var deleted = 0

    package init() {}
}

/// How an operation ended.
package enum Outcome: Sendable {
    case finished(TransferSummary)
    /// It was refused before anything travelled; the connection can go on.
    case refused(FerryError)
    /// It failed on its way; the connection must end.
    case failed(FerryError, TransferSummary)
}

extension FerryError.Code {
    /// True for what ends the connection whenever it comes (Docs/protocol.md, section 8); other reasons may be a mere
    /// refusal of one request.
    package var endsConnection: Bool {
        [.violation, .limit, .timeout, .authentication, .shuttingDown].contains(self)
    }
}
