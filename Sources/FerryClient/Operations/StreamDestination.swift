import FerryChunking
package import FerryErrors
package import FerryFiles
import FerryTransfer

/// Standard output or a pipe: bytes in order, each verified before it is written.
package final class StreamDestination: ByteDestination {
    private let sink: StreamSink
    private var offset: UInt64 = 0
    private var digest: StreamDigest?

    package init(_ sink: StreamSink, wantsSHA256: Bool) {
        self.sink = sink
        self.digest = wantsSHA256 ? StreamDigest() : nil
    }

    package var isRandomAccess: Bool { false }

    package func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(FerryError) {
        guard offset == self.offset else {
            throw FerryError(.violation, "the daemon sent byte \(offset) where byte \(self.offset) was due")
        }
        try self.sink.write(bytes)
        self.offset += UInt64(bytes.count)
        self.digest?.update(bytes)
    }

    package func read(into bytes: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(FerryError) {
        throw FerryError(.internalError, "a stream cannot be read back")
    }

    package func commit(size: UInt64) throws(FerryError) -> String? {
        try self.sink.sync()
        return self.digest?.finalize()
    }

    package func abandon(keeping: Bool) {}
}
