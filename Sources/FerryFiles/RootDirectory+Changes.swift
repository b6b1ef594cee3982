package import FerryErrors
import Glibc

extension RootDirectory {
    /// Removes a file, a link (not what it points to) or an empty directory, durably.
    /// - Throws: `notFound`, `notEmpty`, `denied`, `permission` and other mapped errors.
    package func remove(_ path: RelativePath) throws(FerryError) {
        let (parent, name) = try self.split(path)
        do throws(Errno) {
            let directory = try self.openDirectory(parent)
            do throws(Errno) {
                try self.calls.unlinkat(directory.raw, name)
            } catch  where error.code == EISDIR {
                try self.removeDirectory(path, name, in: directory.raw)
            }
            try self.calls.fsync(directory.raw)
        } catch {
            var failure = FerryError(error, "remove", path.description)
            if error.code == ENOTEMPTY, self.seemsEmpty(path) {
                failure.remedy = "an unfinished transfer lies in it; try again when it has ended"
            }
            throw failure
        }
    }

    /// What earlier transfers left in a directory that holds nothing else goes with it.
    private func removeDirectory(_ path: RelativePath, _ name: [CChar], in directory: Int32) throws(Errno) {
        do throws(Errno) {
            try self.calls.unlinkat(directory, name, isDirectory: true)
        } catch  where error.code == ENOTEMPTY && self.seemsEmpty(path) {
            let inside = try self.openDirectory(path)
            for partial in try self.partials(in: path) {
                guard try PartialName.remove(partial, inside.raw, self.calls) else { throw error }
            }
            try self.calls.unlinkat(directory, name, isDirectory: true)
        }
    }

    /// The names of the partial files in a directory.
    private func partials(in path: RelativePath) throws(Errno) -> [[CChar]] {
        var reader = DirectoryReader(try self.openDirectory(path), calls: self.calls)
        var names: [[CChar]] = []
        // One for each name that was pushed to and not completed; a directory with more is not emptied at once.
        while names.count < 4096, let name = try reader.next() {
            if name.starts(with: RelativePath.reservedPrefix) { names.append(CString.make(name)) }
        }
        return names
    }

    /// Makes a directory, durably; success if it exists already.
    ///
    /// Its mode is 0777 less the process's umask; owner and group are as the file system's rules say.
    /// - Parameters:
    ///   - path: the root exists always.
    ///   - parents: whether missing directories above it are made as well.
    /// - Throws: `notFound` if one above is missing, `notADirectory` if the name is taken by another kind of file,
    ///   `denied`, `permission` and other mapped errors.
    package func makeDirectory(_ path: RelativePath, parents: Bool) throws(FerryError) {
        guard let parent = path.parent else { return }
        if parents { try self.makeMissing(parent) }
        try self.makeOne(path)
    }

    /// Makes `path` and what is missing above it, in one call if nothing is. A loop, not a recursion: a peer chooses
    /// the depth.
    private func makeMissing(_ path: RelativePath) throws(FerryError) {
        var missing: [RelativePath] = []
        var next: RelativePath? = path
        while let directory = next {
            do throws(Errno) {
                _ = try self.openDirectory(directory)
                break
            } catch {
                guard error.code == ENOENT else { throw FerryError(error, "make the directory", path.description) }
            }
            missing.append(directory)
            next = directory.parent
        }
        for directory in missing.reversed() { try self.makeOne(directory) }
    }

    /// Makes one directory in an existing one. An entry that is there already is synced as well: another session
    /// may have made it a moment ago.
    private func makeOne(_ path: RelativePath) throws(FerryError) {
        let (parent, name) = try self.split(path)
        do throws(Errno) {
            let directory = try self.openDirectory(parent)
            do throws(Errno) {
                try self.calls.mkdirat(directory.raw, name, mode: 0o777)
            } catch  where error.code == EEXIST {
                _ = try self.openDirectory(path)
            }
            try self.calls.fsync(directory.raw)
        } catch {
            throw FerryError(error, "make the directory", path.description)
        }
    }

    /// Opens the partial file of `target`, to be written and then published under that name. An earlier transfer to it
    /// may have left bytes.
    /// - Parameters:
    ///   - target: need not exist. A link is taken as it is and replaced; see ``followingLink(_:)``.
    ///   - makeParents: whether missing directories above `target` are made.
    ///   - owner: whose transfers find what was left; others do not.
    /// - Returns: the partial file; ``PartialFile/kept`` tells what lies in it.
    /// - Throws: `notAFile` if `target` is a directory, `notFound`, `denied`, `permission`, `noSpace`, `readOnly` and other
    ///   mapped errors.
    package func createPartial(
        for target: RelativePath,
        makeParents: Bool,
        owner: String = ""
    ) throws(FerryError) -> PartialFile {
        let (parent, name) = try self.split(target)
        if makeParents { try self.makeMissing(parent) }
        do throws(Errno) {
            let directory = OpenDirectory(try self.openDirectory(parent), path: parent.bytes, calls: self.calls)
            try self.refuseDirectory(directory.descriptor.raw, name)
            return try PartialFile(
                directory,
                target: name,
                owner: owner,
                umask: self.umask,
                calls: self.calls
            )
        } catch {
            throw FerryError(error, "write", target.description)
        }
    }

    /// Takes a file that is in place as a transfer's result: gives it the mode that publishing would, and makes it and its
    /// name durable, which nobody knows to be done.
    /// - Parameters:
    ///   - file: opened at `path`.
    ///   - path: where it lies.
    ///   - mode: as ``PartialFile/publish(size:mode:modified:)`` takes it.
    /// - Returns: false if only its owner may give it that mode; replacing it would.
    /// - Throws: `inputOutput` and other mapped errors.
    package func adopt(_ file: SourceFile, at path: RelativePath, mode: UInt32) throws(FerryError) -> Bool {
        let mode = mode & 0o777 & ~self.umask
        if file.info.mode & 0o777 != mode {
            do throws(FerryError) { try file.setMode(mode) } catch  where error.code == .permission { return false }
        }
        try file.sync()
        do throws(Errno) {
            let directory = try self.openDirectory(path.parent ?? .root)
            try self.calls.fsync(directory.raw)
        } catch {
            throw FerryError(error, "sync", path.description)
        }
        return true
    }

    /// Says at once what the rename would say only after the whole transfer.
    private func refuseDirectory(_ directory: Int32, _ name: [CChar]) throws(Errno) {
        do throws(Errno) {
            guard try self.calls.info(directory, name).kind != .directory else { throw Errno(EISDIR) }
        } catch  where error.code == ENOENT {
            return
        }
    }

    /// The directory of `path` and its name there as a C string.
    func split(_ path: RelativePath) throws(FerryError) -> (parent: RelativePath, name: [CChar]) {
        guard let parent = path.parent, let name = path.lastComponent else {
            throw FerryError(.invalidPath, "the share itself cannot be changed", remedy: "name a file in it")
        }
        return (parent, CString.make(name))
    }
}
