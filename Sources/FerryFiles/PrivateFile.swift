package import FerryErrors
import Glibc

/// Small files that hold secrets: only their owner may read them.
package enum PrivateFile {
    /// Reads a whole file, after checking on the open descriptor that nobody else can.
    /// - Parameters:
    ///   - path: of the machine's owner; links are followed.
    ///   - limit: bytes that it may have at most.
    /// - Returns: the content.
    /// - Throws: `permission`, with the remedy, if its mode is wider than 0600 or somebody else but root owns it;
    ///   `limit` if it is larger; `notFound`, `notAFile` and other mapped errors.
    package static func read(_ path: String, limit: Int = 1 << 20) throws(FerryError) -> [UInt8] {
        let file = try SourceFile(local: path)
        try Self.check(file.info, path)
        return try file.readAll(limit: limit)
    }

    private static func check(_ info: FileInfo, _ path: String) throws(FerryError) {
        let shown = Escaping.escape(path)
        guard info.owner == geteuid() || info.owner == 0 else {
            throw FerryError(
                .permission,
                "\(shown) holds secrets and belongs to another user (uid \(info.owner))",
                remedy: "use a file of your own"
            )
        }
        guard info.mode & ~0o600 == 0 else {
            let mode = String(info.mode, radix: 8)
            throw FerryError(
                .permission,
                "\(shown) holds secrets and is open to others (mode 0\(mode))",
                remedy: "run: chmod 600 \(shown)"
            )
        }
    }

    /// Replaces or makes a file of mode 0600, whole and durably.
    /// - Throws: `notFound` if its directory is missing, `permission`, `noSpace` and other mapped errors; then the old
    ///   file is as it was.
    package static func write(
        _ path: String,
        _ bytes: [UInt8],
        calls: SystemCalls = .real
    ) throws(FerryError) {
        let (parent, last) = try Directories.split(path)
        let partial: PartialFile
        do throws(Errno) {
            partial = try PartialFile(
                OpenDirectory(try Directories.open(parent, calls: calls), path: Array(parent.utf8), calls: calls),
                target: CString.make(last),
                umask: 0,
                calls: calls
            )
        } catch {
            throw FerryError(error, "write", Escaping.escape(path))
        }
        // SAFETY: the pointer does not leave the closure.
        try unsafe bytes.span.withUnsafeBytes { buffer throws(FerryError) in
            unsafe try partial.write(buffer, at: 0)
        }
        try partial.publish(size: Int64(bytes.count), mode: 0o600, modified: nil)
    }
}
