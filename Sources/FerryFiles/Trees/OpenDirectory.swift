import CLinux
package import FerryErrors
import Glibc

/// A directory of a tree, held open: what lies directly in it is reached by name from here, never through a link, and
/// wherever the directory is moved to meanwhile.
package final class OpenDirectory: Sendable {
    /// From the top of the tree, for messages; empty for the top. It may be longer than a path that the kernel takes.
    package let path: [UInt8]
    let descriptor: Descriptor
    let calls: SystemCalls

    init(_ descriptor: consuming Descriptor, path: [UInt8], calls: SystemCalls) {
        self.descriptor = descriptor
        self.path = path
        self.calls = calls
    }

    /// The path of `name` in this directory, from the top of the tree.
    package func path(of name: [UInt8]) -> [UInt8] {
        self.path.isEmpty ? name : self.path + [UInt8(ascii: "/")] + name
    }

    /// Its own status now.
    /// - Throws: `inputOutput` and other mapped errors.
    package func info() throws(FerryError) -> FileInfo {
        do throws(Errno) { return try self.calls.info(self.descriptor.raw) } catch {
            throw self.failure(error, "look up", [])
        }
    }

    /// The status of what is called `name`, of a link itself; nil if there is nothing.
    /// - Throws: `permission` and other mapped errors.
    package func info(_ name: [UInt8]) throws(FerryError) -> FileInfo? {
        do throws(Errno) { return try self.calls.info(self.descriptor.raw, Self.entry(name)) } catch {
            if error.code == ENOENT { return nil }
            throw self.failure(error, "look up", name)
        }
    }

    /// All names in it but those of partial files, in the order of their bytes.
    /// - Parameters:
    ///   - limit: bytes of them that are kept in memory.
    ///   - listed: names that are among them whether they are there or not.
    /// - Returns: the names.
    /// - Throws: mapped errors: a directory that could not be read to its end is never taken for a shorter one.
    package func names(
        inMemory limit: Int = NameList.memoryLimit,
        and listed: [[UInt8]] = []
    ) throws(FerryError) -> NameList {
        let list = NameList(limit: limit)
        var reader: DirectoryReader
        // A descriptor of its own, for reading moves its place.
        do throws(Errno) { reader = DirectoryReader(try self.reopened(), calls: self.calls) } catch {
            throw self.failure(error, "list", [])
        }
        while true {
            let next: [UInt8]?
            do throws(Errno) { next = try reader.next() } catch { throw self.failure(error, "list", []) }
            guard let name = next else { break }
            if !name.starts(with: RelativePath.reservedPrefix) { try list.append(name, in: self) }
        }
        // What cannot be looked at now says why when its turn comes.
        for name in listed where ((try? self.info(name)) ?? nil) == nil { try list.append(name, in: self) }
        try list.sort()
        return list
    }

    /// Opens a directory in it, which must be one, and no link to one.
    /// - Throws: `notFound`, `notADirectory`, `permission` and other mapped errors.
    package func directory(_ name: [UInt8]) throws(FerryError) -> OpenDirectory {
        do throws(Errno) { return try self.openDirectory(name) } catch {
            throw self.failure(error, "open the directory", name)
        }
    }

    /// The directory of what lies somewhere beneath, and its name there.
    /// - Parameter path: from here, without links on the way. It may be longer than the kernel takes.
    /// - Returns: both.
    /// - Throws: `invalidPath` for the empty path; `notFound`, `notADirectory`, `permission` and other mapped errors.
    package func parent(of path: [UInt8]) throws(FerryError) -> (directory: OpenDirectory, name: [UInt8]) {
        var directory = self
        var components = path.split(separator: UInt8(ascii: "/")).map(Array.init)
        guard let last = components.popLast() else { throw FerryError(.invalidPath, "a path names nothing") }
        for component in components { directory = try directory.directory(component) }
        return (directory, last)
    }

    /// Opens a regular file in it, which must be one, and no link to one. Never waits, whatever lies there.
    /// - Throws: `notFound`, `notAFile`, `permission` and other mapped errors.
    package func file(_ name: [UInt8]) throws(FerryError) -> SourceFile {
        do throws(Errno) {
            let file = try self.open(name, flags: SourceFile.flags | ferry_o_nofollow)
            return try SourceFile(file, name: Escaping.escape(self.path(of: name)), calls: self.calls)
        } catch {
            throw self.failure(error, "read", name)
        }
    }

    /// What a symbolic link in it says.
    /// - Throws: `notFound` and other mapped errors.
    package func linkText(_ name: [UInt8]) throws(FerryError) -> [UInt8] {
        do throws(Errno) { return try self.calls.readlinkat(self.descriptor.raw, Self.entry(name)) } catch {
            throw self.failure(error, "read the link", name)
        }
    }

    /// Reads a small file whole.
    /// - Parameters:
    ///   - name: of a regular file in it.
    ///   - buffer: is filled from its beginning; one byte longer than the file is expected to be.
    /// - Returns: how many bytes there were, `buffer.count` if there may be more, the file's status after they were read, and
    ///   which of them are holes.
    /// - Throws: `notFound`, `notAFile`, `permission` and other mapped errors.
    package func read(
        _ name: [UInt8],
        into buffer: UnsafeMutableRawBufferPointer
    ) throws(FerryError) -> (count: Int, info: FileInfo, holes: [Range<Int>]) {
        do throws(Errno) {
            let file = try self.open(name, flags: SourceFile.flags | ferry_o_nofollow)
            let count = unsafe try self.calls.preadFully(file.raw, buffer, at: 0)
            let info = try self.calls.info(file.raw)
            return (count, info, info.isSparse ? self.calls.holes(file.raw, upTo: count) : [])
        } catch {
            throw self.failure(error, "read", name)
        }
    }

    func openDirectory(_ name: [UInt8]) throws(Errno) -> OpenDirectory {
        let opened = try self.open(name, flags: UInt64(O_RDONLY) | ferry_o_directory | ferry_o_nofollow)
        return OpenDirectory(opened, path: self.path(of: name), calls: self.calls)
    }

    /// A name as calls take it: of something directly in this directory, whoever told it. Whoever takes names from a peer has
    /// refused others before; but most calls would follow `../x` wherever it leads, so that they are not made for such a name.
    /// - Throws: EINVAL for what is no name.
    static func entry(_ name: [UInt8]) throws(Errno) -> [CChar] {
        let isElsewhere = name.elementsEqual(".".utf8) || name.elementsEqual("..".utf8)
        guard !name.isEmpty, !isElsewhere, !name.contains(0), !name.contains(UInt8(ascii: "/")) else {
            throw Errno(EINVAL)
        }
        return CString.make(name)
    }

    func reopened() throws(Errno) -> Descriptor {
        try self.calls.openat2(self.descriptor.raw, CString.dot, flags: UInt64(O_RDONLY) | ferry_o_directory)
    }

    func open(_ name: [UInt8], flags: UInt64) throws(Errno) -> Descriptor {
        try self.calls.openat2(
            self.descriptor.raw,
            Self.entry(name),
            flags: flags,
            resolve: .beneathWithoutLinks
        )
    }

    /// An error about `name` in this directory; about itself for the empty name.
    func failure(
        _ errno: Errno,
        _ action: String,
        _ name: [UInt8],
        file: StaticString = #fileID,
        line: UInt = #line
    ) -> FerryError {
        let path = name.isEmpty ? self.path : self.path(of: name)
        return FerryError(errno, action, path.isEmpty ? "." : Escaping.escape(path), file: file, line: line)
    }
}

extension RootDirectory {
    /// Opens a directory as the top of a tree.
    /// - Parameter path: may be the root; links on the way are followed as long as they stay inside.
    /// - Returns: the directory; its path is empty.
    /// - Throws: `notFound`, `notADirectory`, `denied`, `permission` and other mapped errors.
    package func openTree(_ path: RelativePath) throws(FerryError) -> OpenDirectory {
        do throws(Errno) {
            return OpenDirectory(try self.openDirectory(path), path: [], calls: self.calls)
        } catch {
            throw FerryError(error, "open the directory", path.description)
        }
    }
}
