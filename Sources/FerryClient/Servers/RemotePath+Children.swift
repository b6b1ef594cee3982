package import FerryErrors
import FerryFiles
package import FoundationEssentials

extension RemotePath {
    /// The path of `name` in this directory.
    ///
    /// - Parameter name: one component; it need not be UTF-8.
    /// - Returns: a path that is not known to be a directory.
    /// - Throws: `.invalidPath` if it is no single good component, or the whole gets too long.
    package func appending(_ name: some Sequence<UInt8>) throws(FerryError) -> RemotePath {
        RemotePath(self, path: try self.path.appending(name), isDirectory: false)
    }

    /// Another path in the same share or snapshot.
    ///
    /// - Parameter path: from the top; slashes at its beginning do not count.
    /// - Returns: a path that is not known to be a directory.
    /// - Throws: `.invalidPath` if it is none.
    package func beneath(_ path: [UInt8]) throws(FerryError) -> RemotePath {
        let path = try RelativePath(path.drop { $0 == UInt8(ascii: "/") }, allowRoot: true)
        return RemotePath(self, path: path, isDirectory: false)
    }

    /// Parses an argument whose bytes are not UTF-8, by the rules of ``init(_:)``.
    ///
    /// - Parameter bytes: `SERVER:SHARE/PATH`.
    /// - Returns: nil if it is a local path.
    /// - Throws: as ``init(_:)`` does.
    package static func parse(_ bytes: [UInt8]) throws(FerryError) -> RemotePath? {
        let start = bytes.firstIndex(of: UInt8(ascii: "/")) ?? bytes.endIndex
        // What stands before the first slash is the names of server and share, which are ASCII.
        guard case .remote(let share) = try CommandPath(String(decoding: bytes[..<start], as: UTF8.self)) else {
            return nil
        }
        guard share.snapshot == nil || String(validating: bytes[..<start], as: UTF8.self) != nil else {
            throw FerryError(
                .usage,
                "`\(Escaping.escape(bytes))` names no snapshot: what stands before the first `/` is not UTF-8"
            )
        }
        return RemotePath(
            share,
            path: try RelativePath(bytes[start...].dropFirst(), allowRoot: true),
            isDirectory: bytes.last == UInt8(ascii: "/")
        )
    }

    /// As requests name it: the share, a slash and the path beneath.
    package var wirePath: Data {
        let place = Array(self.place.utf8)
        return Data(self.path.isRoot ? place : place + [UInt8(ascii: "/")] + self.path.bytes)
    }

    private init(_ other: RemotePath, path: RelativePath, isDirectory: Bool) {
        self.server = other.server
        self.share = other.share
        self.snapshot = other.snapshot
        self.path = path
        self.isDirectory = isDirectory
    }
}
