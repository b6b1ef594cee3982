package import FerryErrors
import Glibc

// Changes to what lies directly in a directory. None of them is durable when it returns; ``sync()`` makes all of them so.
extension OpenDirectory {
    /// Makes a directory that only its owner may use until ``setMetadata(mode:modified:)``.
    /// - Returns: the directory; nil if the name is taken.
    /// - Throws: `permission`, `noSpace`, `invalidPath` for a name that the file system refuses, and other mapped errors.
    package func makeDirectory(_ name: [UInt8]) throws(FerryError) -> OpenDirectory? {
        do throws(Errno) {
            try self.calls.mkdirat(self.descriptor.raw, Self.entry(name), mode: 0o700)
            return try self.openDirectory(name)
        } catch {
            if error.code == EEXIST { return nil }
            throw self.failure(error, "make the directory", name)
        }
    }

    /// Gives the directory itself its mode and time, once nothing more is put into it.
    /// - Parameters:
    ///   - mode: permission bits, as they are to be; nil leaves them.
    ///   - modified: the time of modification; nil leaves it.
    /// - Throws: `permission` and other mapped errors.
    package func setMetadata(mode: UInt32?, modified: Timestamp?) throws(FerryError) {
        do throws(Errno) {
            if let mode { try self.calls.fchmod(self.descriptor.raw, to: mode) }
            if let modified { try self.calls.futimens(self.descriptor.raw, modified: modified) }
        } catch {
            throw self.failure(error, "set mode and time of", [])
        }
    }

    /// Gives a file in it another mode.
    /// - Parameters:
    ///   - name: of a regular file.
    ///   - mode: permission bits, as they are to be.
    /// - Throws: `permission` and other mapped errors.
    package func setMode(_ name: [UInt8], to mode: UInt32) throws(FerryError) {
        do throws(Errno) {
            try self.calls.fchmodat(self.descriptor.raw, Self.entry(name), to: mode)
        } catch {
            throw self.failure(error, "change the mode of", name)
        }
    }

    /// Puts a symbolic link in the place of `name`.
    /// - Parameters:
    ///   - name: may be taken by anything but a directory.
    ///   - text: what the link says.
    ///   - modified: its time of modification.
    ///   - owner: whom it is to belong to; nil for whom new files belong to.
    /// - Throws: `notAFile` if a directory has the name; `permission`, `noSpace` and other mapped errors.
    package func makeLink(
        _ name: [UInt8],
        text: [UInt8],
        modified: Timestamp,
        owner: Owner?
    ) throws(FerryError) {
        try self.placing(name, "make the link") { hidden throws(Errno) in
            try self.calls.symlinkat(CString.make(text), self.descriptor.raw, hidden)
            try self.calls.utimensat(self.descriptor.raw, hidden, modified: modified)
            if let owner { try self.calls.chown(self.descriptor.raw, hidden, to: owner) }
        }
    }

    /// Gives a file the further name `name`.
    /// - Parameters:
    ///   - name: may be taken by anything but a directory.
    ///   - first: the name that the file has already.
    ///   - directory: where that lies.
    /// - Throws: `notFound` if there is no such file, `notAFile` if a directory has the name; other mapped errors.
    package func makeHardLink(_ name: [UInt8], to first: [UInt8], in directory: OpenDirectory) throws(FerryError) {
        // Renaming one name of a file over another one does nothing (rename(2)), and would leave the hidden name.
        if let there = try self.info(name), let file = try directory.info(first), there.isSameFile(as: file) { return }
        do throws(FerryError) {
            try self.placing(name, "make the link") { hidden throws(Errno) in
                try self.calls.linkat(directory.descriptor.raw, Self.entry(first), self.descriptor.raw, hidden)
            }
        } catch  where (error.cause as? SystemError)?.number == EXDEV {
            throw FerryError(
                .unsupported,
                "\(Escaping.escape(self.path(of: name))) is the same file as \(Escaping.escape(directory.path(of: first))), "
                    + "and here the two lie on different file systems",
                cause: error
            )
        }
    }

    /// Opens the partial file of `name`, as ``RootDirectory/createPartial(for:makeParents:owner:)`` does.
    /// - Parameters:
    ///   - name: may be taken by anything but a directory.
    ///   - owner: whose transfers find what was left; others do not.
    ///   - isKept: whether anything is left for a later transfer; if not, it needs no name where the file system has such files.
    /// - Returns: the partial file.
    /// - Throws: `permission`, `noSpace`, `invalidPath` and other mapped errors.
    package func createPartial(_ name: [UInt8], owner: String, isKept: Bool = true) throws(FerryError) -> PartialFile {
        do throws(Errno) {
            return try PartialFile(
                self,
                target: Self.entry(name),
                owner: owner,
                isKept: isKept,
                umask: 0,
                calls: self.calls
            )
        } catch {
            throw self.failure(error, "write", name)
        }
    }

    /// Removes a file, a link or an empty directory.
    /// - Throws: `notFound`, `notEmpty`, `permission` and other mapped errors.
    package func remove(_ name: [UInt8], isDirectory: Bool) throws(FerryError) {
        do throws(Errno) {
            try self.calls.unlinkat(self.descriptor.raw, Self.entry(name), isDirectory: isDirectory)
        } catch {
            throw self.failure(error, "remove", name)
        }
    }

    /// Makes durable all that was written to the directory's file system, whatever it belongs to. What failed to be since
    /// this directory was opened is reported; what it covered is not known, and it is not to be tried again.
    /// - Throws: `inputOutput`, `noSpace` and other mapped errors.
    package func sync() throws(FerryError) {
        do throws(Errno) { try self.calls.syncfs(self.descriptor.raw) } catch { throw self.failure(error, "sync", []) }
    }

    /// Makes something under a hidden name and renames it, so that `name` always is the old or the new.
    func placing(
        _ name: [UInt8],
        _ action: String,
        _ make: (_ hidden: [CChar]) throws(Errno) -> Void
    ) throws(FerryError) {
        do throws(Errno) {
            let (hidden, target) = try (PartialName.random(), Self.entry(name))
            do throws(Errno) {
                try make(hidden)
                try self.calls.renameat(self.descriptor.raw, hidden, target)
            } catch {
                try? self.calls.unlinkat(self.descriptor.raw, hidden)
                throw error
            }
        } catch {
            throw self.failure(error, action, name)
        }
    }
}

extension FileInfo {
    /// Whether `other` is another name of the same file.
    package func isSameFile(as other: FileInfo) -> Bool { self.inode == other.inode && self.device == other.device }
}
