import FerryErrors
import FerryFiles

// Files that have come whole, or never will.
extension TreeContent {
    mutating func destination(of file: IncomingFile) throws(FerryError) -> TreeDestination {
        if let destination = file.destination { return destination }
        try file.directory.willChange()
        // Of a small file nothing would be kept.
        let isKept = file.listedSize >= UInt64(PartialFile.leastKept)
        let partial = try file.directory.directory.createPartial(file.name, owner: self.owner, isKept: isKept)
        let destination = TreeDestination(partial, willWrite: self.willWrite, count: self.openFiles)
        file.destination = destination
        return destination
    }

    mutating func finishIfComplete(_ file: IncomingFile) throws(FerryError) {
        guard file.isComplete, !file.isSettled, !file.isBeingWritten else { return }
        file.isSettled = true
        if file.isGivenUp {
            guard file.successor == nil else { return }
            return self.settle(file)
        }
        guard !file.isVerified else { return self.verified(file) }
        if file.isHereAlready {
            file.discard()
            return self.settle(file)
        }
        if file.isCompared { self.reportContent(of: file) }
        do throws(FerryError) {
            let destination = try self.destination(of: file)
            let failure = try destination.partial.seal(
                size: Int64(clamping: file.named),
                file.metadata,
                modified: file.modified,
                inherits: file.directory.inherits
            )
            self.sealed(file, destination.partial, failure)
        } catch {
            self.giveUp(file, error)
            guard !error.endsTree else { throw error }
            self.settle(file)
        }
    }

    /// Takes in a small file that was made, or could not be.
    mutating func made(_ file: IncomingFile, _ result: Result<FileWriters.Sealed, FerryError>) throws(FerryError) {
        file.isSettled = true
        switch result {
        case .success(let (partial, failure)): self.sealed(file, partial, failure)
        case .failure(let error):
            self.giveUp(file, error)
            guard !error.endsTree else { throw error }
            self.settle(file)
        }
    }

    /// A file is whole, and is to be published with others.
    private mutating func sealed(_ file: IncomingFile, _ partial: PartialFile, _ failure: FerryError?) {
        file.metadata.forgetSet()
        // The file itself is whole.
        if let failure { self.failures.append((file.path, failure)) }
        file.releaseSources()
        file.destination = nil
        let subject = TreeBatch.Subject(directory: file.directory, path: file.path)
        if file.replacesDirectory {
            self.replacements.add(partial, file.metadata, subject)
        } else {
            self.batch.add(.file(partial, file.metadata, path: file.path), subject, bytes: file.named)
        }
        self.advance()
    }

    private mutating func reportContent(of file: IncomingFile) {
        self.changes.append(TreeChange(path: file.path, kind: .changed, reasons: .content, size: file.named))
    }

    mutating func verified(_ file: IncomingFile) {
        file.here = nil
        if file.differs || file.named != file.listedSize {
            self.reportContent(of: file)
        }
        self.settle(file)
    }

    mutating func settle(_ file: IncomingFile) {
        self.advance()
        file.directory.pending -= 1
        self.finishIfComplete(file.directory)
    }

    /// A file fails: the others go on, unless they would fail as well.
    mutating func fail(_ file: IncomingFile, _ error: FerryError) throws(FerryError) {
        guard !error.endsTree else { throw error }
        self.giveUp(file, error)
    }

    mutating func giveUp(_ file: IncomingFile, _ error: FerryError) {
        if !file.isGivenUp {
            self.failures.append((file.path, error))
            self.batch.failed(file.path)
        }
        file.discard()
    }
}
