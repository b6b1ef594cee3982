import FerryChunking
import FerryErrors
import FerryFiles
import FerryProtocol

// Whether a chunk need not come.
extension IncomingFile {
    /// Decides ``nextName``, and puts its chunk into its place if it is to be had here.
    ///
    /// - Parameters:
    ///   - name: the next one.
    ///   - destination: makes the place where the file goes.
    /// - Returns: whether the chunk need not come, and how many bytes were read to find that out.
    /// - Throws: what reading and writing fail with; the name is taken out all the same.
    func decide(
        _ name: ReceiveMachine.Name,
        destination: () throws(FerryError) -> TreeDestination
    ) throws(FerryError) -> (isHere: Bool, effort: Int) {
        if let assembly = self.assembly {
            defer { self.isUnmoved = self.isUnmoved && assembly.isUnmoved }
            return try assembly.decide(name, earlier: nil)
        }
        self.undecided.removeFirst()
        // Of what is given up nothing is wanted.
        if self.isGivenUp { return (true, 0) }
        if self.isVerified {
            let (isSame, effort) = try self.compare(name)
            if !isSame { self.differs = true }
            return (true, effort)
        }
        guard let content = self.contentIfOnlyTouched(name) else {
            self.isUnmoved = false
            return (false, 0)
        }
        let destination = try destination()
        unsafe try content.span.withUnsafeBytes { bytes throws(FerryError) in
            unsafe try destination.write(bytes, at: 0)
        }
        return (true, name.length)
    }

    /// Whether the file that is here has this chunk in this place. Once it has not, nothing more is read of it.
    ///
    /// - Returns: that, and how many bytes were read.
    /// - Throws: what reading fails with.
    private func compare(_ name: ReceiveMachine.Name) throws(FerryError) -> (isSame: Bool, effort: Int) {
        if self.here == nil { self.here = try self.directory.directory.file(self.name) }
        guard !self.differs, let here = self.here, let offset = Int64(exactly: name.offset) else {
            return (false, 0)
        }
        if name.isZeros, here.hasHole(at: offset, count: name.length) { return (true, 0) }
        var bytes = [UInt8](repeating: 0, count: name.length)
        var span = bytes.mutableSpan
        return unsafe try span.withUnsafeMutableBytes { buffer throws(FerryError) in
            guard unsafe try here.read(into: buffer, at: offset) == name.length else { return (false, name.length) }
            return (unsafe ChunkID(hashing: UnsafeRawBufferPointer(buffer)) == name.id, name.length)
        }
    }

    /// The content of the file that is here, if it is all that this chunk is: it was only touched, then.
    private func contentIfOnlyTouched(_ name: ReceiveMachine.Name) -> [UInt8]? {
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
