import FerryChunking
package import FerryErrors
package import FerryFiles
import FerryTransfer
package import FerryWire

/// A partial file beside its target on this machine.
package final class LocalDestination: ByteDestination, Sendable {
    private let partial: PartialFile
    private let mode: UInt32
    private let modified: Timestamp
    private let wantsSHA256: Bool

    /// - Parameters:
    ///   - directory: where the file goes.
    ///   - name: the file's name in it, which this side chose.
    ///   - ready: size, mode and time, as the daemon told them.
    ///   - wantsSHA256: whether the file is read back for its plain SHA-256 before it is published.
    /// - Throws: what making the file fails with.
    package init(
        directory: RootDirectory,
        name: RelativePath,
        ready: WireReady,
        wantsSHA256: Bool
    ) throws(FerryError) {
        self.mode = ready.metadata.mode
        self.modified = try ready.metadata.modified()
        self.wantsSHA256 = wantsSHA256
        self.partial = try directory.createPartial(for: name, makeParents: false)
    }

    package var isRandomAccess: Bool { true }

    package var kept: (any PlacedBytes)? { self.partial.kept }

    package func makeHole(at offset: UInt64, length: Int) -> Bool {
        self.partial.makeHole(at: Int64(clamping: offset), count: length)
    }

    package func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(FerryError) {
        try self.partial.write(bytes, at: Int64(clamping: offset))
    }

    package func read(into bytes: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(FerryError) {
        let count = try self.partial.read(into: bytes, at: Int64(clamping: offset))
        // Somebody else cut the file: what is missing must not pass for what lay in this memory before.
        for index in count..<bytes.count { bytes[index] = 0 }
    }

    package func commit(size: UInt64) throws(FerryError) -> String? {
        let sha256 = self.wantsSHA256 ? try self.hash(size) : nil
        try self.partial.publish(size: Int64(clamping: size), mode: self.mode, modified: self.modified)
        return sha256
    }

    package func abandon(keeping: Bool) {
        if keeping { self.partial.keep() } else { self.partial.discard() }
    }

    /// The process ends now, whatever its threads are doing.
    package func interrupt() { self.partial.keep(flushing: false) }

    private func hash(_ size: UInt64) throws(FerryError) -> String {
        var digest = StreamDigest()
        var offset: Int64 = 0
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
        defer { buffer.deallocate() }
        while offset < Int64(clamping: size) {
            let count = try self.partial.read(into: buffer, at: offset)
            // What was left out at the end is there once the file has its size.
            if count == 0 {
                digest.update(zeros: UInt64(clamping: Int64(clamping: size) - offset))
                break
            }
            digest.update(UnsafeRawBufferPointer(rebasing: buffer.prefix(count)))
            offset += Int64(count)
        }
        return digest.finalize()
    }
}
