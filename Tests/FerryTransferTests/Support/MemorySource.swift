import FerryErrors
import FerryFiles
import Synchronization

/// Bytes in memory as a source; knows its size or not, gives all that is asked for or a part.
final class MemorySource: ByteSource {
    private let bytes: [UInt8]
    private let longestRead: Int
    private let position = Mutex(0)
    let knownSize: Int64?

    /// One read gives `longestRead` bytes at most.
    init(_ bytes: [UInt8], isStream: Bool = false, longestRead: Int = .max) {
        self.bytes = bytes
        self.knownSize = isStream ? nil : Int64(bytes.count)
        self.longestRead = longestRead
    }

    /// Bytes read so far.
    var readBytes: Int { self.position.withLock { $0 } }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(FerryError) -> Int {
        self.position.withLock { position in
            let count = min(buffer.count, self.longestRead, self.bytes.count - position)
            self.bytes.withUnsafeBytes { bytes in
                buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[position..<(position + count)]))
            }
            position += count
            return count
        }
    }
}
