import CLinux
package import FerryErrors
import Glibc

/// What a program needs around its own directories: paths of the machine's owner, not of a peer.
package enum Directories {
    /// Reads a whole small file; links are followed.
    /// - Parameters:
    ///   - path: of the machine's owner.
    ///   - limit: bytes that it may have at most.
    /// - Returns: the content.
    /// - Throws: `limit` if it is larger; `notFound`, `notAFile`, `permission` and other mapped errors.
    package static func readFile(_ path: String, limit: Int) throws(FerryError) -> [UInt8] {
        try self.readFile(Array(path.utf8), limit: limit)
    }

    /// Reads a whole small file whose path need not be UTF-8.
    /// - Throws: as ``readFile(_:limit:)-(String,_)`` does.
    package static func readFile(_ path: [UInt8], limit: Int) throws(FerryError) -> [UInt8] {
        try SourceFile(local: path).readAll(limit: limit)
    }

    /// Makes a directory and what is missing above it, durably, all with mode 0700. One that exists is left as it is.
    /// - Throws: `notADirectory` if the name is taken by another kind of file, `permission` and other mapped errors.
    package static func makePrivate(_ path: String, calls: SystemCalls = .real) throws(FerryError) {
        let name = try CString.make(path: path)
        do throws(Errno) {
            _ = try calls.open(name, flags: ferry_o_path | ferry_o_directory)
            return
        } catch {
            guard error.code == ENOENT else {
                throw FerryError(error, "make the directory", Escaping.escape(path))
            }
        }
        let (parent, last) = try Self.split(path)
        if parent != ".", parent != "/" { try Self.makePrivate(parent, calls: calls) }
        do throws(Errno) {
            let directory = try Self.open(parent, calls: calls)
            do throws(Errno) {
                try calls.mkdirat(directory.raw, CString.make(last), mode: 0o700)
            } catch  where error.code == EEXIST {
                _ = try calls.open(name, flags: ferry_o_path | ferry_o_directory)
            }
            try calls.fsync(directory.raw)
        } catch {
            throw FerryError(error, "make the directory", Escaping.escape(path))
        }
    }

    /// Status of a file or directory; links are followed.
    /// - Throws: `notFound`, `permission` and other mapped errors.
    package static func info(_ path: String) throws(FerryError) -> FileInfo { try Self.info(path.utf8) }

    /// Status of a file or directory whose path need not be UTF-8; links are followed.
    /// - Throws: as ``info(_:)-(String)`` does.
    package static func info(_ path: some Collection<UInt8>) throws(FerryError) -> FileInfo {
        let name = try CString.make(path: path)
        do throws(Errno) {
            let file = try SystemCalls.real.open(name, flags: ferry_o_path)
            return try SystemCalls.real.info(file.raw)
        } catch {
            throw FerryError(error, "look up", Escaping.escape(path))
        }
    }

    /// The absolute path of something that exists, without links and dots.
    /// - Throws: `notFound`, `invalidPath` if a name on the way is not UTF-8, and other mapped errors.
    package static func resolve(_ path: String) throws(FerryError) -> String {
        guard let text = String(validating: try Self.resolve(Array(path.utf8)), as: UTF8.self) else {
            throw FerryError(.invalidPath, "the path of \(Escaping.escape(path)) is not UTF-8")
        }
        return text
    }

    /// The absolute path of something that exists, without links and dots; it need not be UTF-8.
    /// - Throws: `notFound` and other mapped errors.
    package static func resolve(_ path: [UInt8]) throws(FerryError) -> [UInt8] {
        let name = try CString.make(path: path)
        // SAFETY: the name ends with NUL; realpath allocates its result, which ends with NUL and is freed below.
        guard let resolved = unsafe realpath(name, nil) else {
            throw FerryError(Errno(errno), "look up", Escaping.escape(path))
        }
        defer { unsafe free(resolved) }
        return unsafe UnsafeRawBufferPointer(start: resolved, count: strlen(resolved)).map { $0 }
    }

    /// Opens a directory for working in it and syncing it.
    static func open(_ path: String, calls: SystemCalls) throws(Errno) -> Descriptor {
        try calls.open(CString.make(path.utf8), flags: UInt64(O_RDONLY) | ferry_o_directory)
    }

    /// A path's directory ("." if it has none) and its last component.
    /// - Throws: `invalidPath` if there is no last component.
    static func split(_ path: String) throws(FerryError) -> (parent: String, last: [UInt8]) {
        var bytes = Array(path.utf8)
        while bytes.count > 1, bytes.last == UInt8(ascii: "/") { bytes.removeLast() }
        let slash = bytes.lastIndex(of: UInt8(ascii: "/"))
        let last = slash.map { Array(bytes[($0 + 1)...]) } ?? bytes
        guard !last.isEmpty, !last.contains(0) else {
            throw FerryError(.invalidPath, "the path \(Escaping.escape(path)) names no file")
        }
        guard let slash else { return (".", last) }
        return (slash == 0 ? "/" : String(decoding: bytes[..<slash], as: UTF8.self), last)
    }
}
