import FerryClient
import FerryErrors
import FerryFiles

/// An argument that must be a place in a snapshot.
enum SnapshotOperand {
    static func parse(_ text: String) throws(FerryError) -> RemotePath {
        let path = try Operand.remote(text)
        guard path.snapshot != nil else {
            throw FerryError(
                .usage,
                "\(path) names no snapshot",
                remedy: "write SERVER:REPOSITORY@latest/PATH; `ferry snapshots` lists others"
            )
        }
        return path
    }

    /// The path from the root directory: without links on the way, but for what it names itself.
    static func absolute(_ path: LocalPath) throws(FerryError) -> [UInt8] {
        guard let name = path.fileName, !path.isDirectory else { return try Directories.resolve(path.bytes) }
        let parent = try Directories.resolve(path.directory.bytes)
        return parent == [UInt8(ascii: "/")] ? parent + name : parent + [UInt8(ascii: "/")] + name
    }
}
