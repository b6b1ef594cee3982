import FerryErrors
import FerryFiles
import FerryProtocol
import FerryTestKit
import FerryTransfer
import FerryWire
import Synchronization

/// Takes frames and keeps them.
// SAFETY: used by one thread.
final class Sink: FrameSink, @unchecked Sendable {
    var frames: [Frame] = []
    let queuedBytes = 0
    let drainRate: Double? = nil

    func send(_ frame: Frame) { self.frames.append(frame) }
    func wake() {}
}

/// A file in memory that no write may make longer than it was announced to be.
final class WatchedDestination: ByteDestination {
    private let announced: UInt64?
    private(set) var bytes: [UInt8] = []
    private(set) var committed: [UInt8]?
    /// The first thing that happened and must not.
    private(set) var offence: String?
    let isRandomAccess: Bool
    var emptyFrom: UInt64? { self.isRandomAccess ? 0 : nil }

    init(announced: UInt64?, isRandomAccess: Bool) {
        self.announced = announced
        self.isRandomAccess = isRandomAccess
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(FerryError) {
        let end = offset + UInt64(bytes.count)
        guard end <= self.announced ?? (1 << 24), self.committed == nil else {
            self.offence = self.offence ?? "bytes \(offset)..<\(end) were written, announced: \(self.announced ?? 0)"
            return
        }
        let missing = Int(end) - self.bytes.count
        if missing > 0 { self.bytes += repeatElement(0, count: missing) }
        self.bytes.replaceSubrange(Int(offset)..<Int(end), with: bytes)
    }

    func read(into bytes: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(FerryError) {
        guard self.isRandomAccess, offset <= UInt64(self.bytes.count) else {
            self.offence = "byte \(offset) of \(self.bytes.count) was read"
            return
        }
        bytes.copyBytes(from: self.bytes[Int(offset)...].prefix(bytes.count))
    }

    func commit(size: UInt64) throws(FerryError) -> String? {
        // What was left out at the end are zeros; the corpora hold too few of them.
        if size != UInt64(self.bytes.count) || self.committed != nil {
            self.offence = "\(self.bytes.count) bytes were committed as \(size)"
        }
        self.committed = self.bytes
        return nil
    }

    func abandon(keeping: Bool) {}
}

/// Bytes in memory.
final class Source: ByteSource {
    private let bytes: [UInt8]
    private let position = Mutex(0)
    let knownSize: Int64?

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        self.knownSize = Int64(bytes.count)
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(FerryError) -> Int {
        self.position.withLock { position in
            let count = min(buffer.count, self.bytes.count - position)
            buffer.copyBytes(from: self.bytes[position..<(position + count)])
            position += count
            return count
        }
    }
}

extension FerryError {
    /// Throws unless a peer's nonsense was refused for what it is.
    func judge(also codes: [Code] = []) throws {
        let known: [Code] = [.violation, .limit, .integrity, .unsupported] + codes
        try hold(self.origin == .remote || known.contains(self.code), "it is refused with \(self.code): \(self)")
        try Shown.judge("\(self)", "the refusal")
    }
}
