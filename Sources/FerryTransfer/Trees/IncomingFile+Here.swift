import FerryChunking
import FerryErrors
import FerryFiles
import FerryProtocol

// What is here of a file that is compared whole, without being put together.
extension IncomingFile {
    /// Whether the file that is here has this chunk in this place. Once it has not, nothing more is read of it.
    ///
    /// - Throws: what reading fails with.
    func isSame(_ name: ReceiveMachine.Name) throws(FerryError) -> Bool {
        if self.here == nil { self.here = try self.directory.directory.file(self.name) }
        guard !self.differs, let here = self.here, let offset = Int64(exactly: name.offset) else { return false }
        var bytes = [UInt8](repeating: 0, count: name.length)
        var span = bytes.mutableSpan
        return unsafe try span.withUnsafeMutableBytes { buffer throws(FerryError) in
            guard unsafe try here.read(into: buffer, at: offset) == name.length else { return false }
            return unsafe ChunkID(hashing: UnsafeRawBufferPointer(buffer)) == name.id
        }
    }

    /// The content of the file that is here, if it is all that this chunk is: it was only touched, then.
    func contentIfOnlyTouched(_ name: ReceiveMachine.Name) -> [UInt8]? {
        guard let size = self.oldSize, size == name.length, name.offset == 0 else { return nil }
        var bytes = [UInt8](repeating: 0, count: name.length + 1)
        var span = bytes.mutableSpan
        let isEqual = unsafe span.withUnsafeMutableBytes { buffer in
            let read = unsafe try? self.directory.directory.read(self.name, into: buffer)
            guard read?.count == name.length else { return false }
            return unsafe ChunkID(hashing: UnsafeRawBufferPointer(rebasing: buffer.prefix(name.length))) == name.id
        }
        guard isEqual else { return nil }
        bytes.removeLast()
        return bytes
    }
}
