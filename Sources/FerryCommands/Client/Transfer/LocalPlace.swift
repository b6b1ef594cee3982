import FerryErrors
import FerryFiles
import FoundationEssentials

/// Where a pulled file goes: the directory, held open, and the name in it.
struct LocalPlace {
    let directory: RootDirectory
    let name: RelativePath

    /// Opens the directory of `path`. A link to a file is followed: the file is replaced, not the link.
    ///
    /// - Throws: `.notAFile` for what is neither missing nor a regular file, such as a device, which would be replaced;
    ///   and what opening the directory throws.
    init(_ path: LocalPath) throws(FerryError) {
        var path = path
        if let text = String(validating: path.bytes, as: UTF8.self), Self.isLink(path),
            let target = try? Directories.resolve(text)
        {
            path = LocalPath(Array(target.utf8))
        }
        if let info = try? Directories.info(path.bytes), info.kind != .file {
            throw FerryError(
                .notAFile,
                "cannot write \(path): it is \(info.kind == .directory ? "a directory" : "no regular file")"
            )
        }
        self.directory = try RootDirectory(path: path.directory.bytes)
        self.name = try RelativePath(path.fileName ?? [])
    }

    /// What pulls into a directory left behind, and nobody took up for a week, is removed. That this cannot be done is told by
    /// the pull itself.
    static func sweep(_ directory: LocalPath) {
        guard let directory = try? RootDirectory(path: directory.bytes) else { return }
        let before = Int64(Date.now.timeIntervalSince1970) - 7 * 86_400
        guard var sweep = try? PartialSweep(directory, before: before, descends: false) else { return }
        while sweep.proceed() {}
    }

    private static func isLink(_ path: LocalPath) -> Bool {
        guard let name = path.fileName, let directory = try? RootDirectory(path: path.directory.bytes),
            let info = try? directory.info(RelativePath(name), followSymlinks: false)
        else { return false }
        return info.kind == .symlink
    }
}
