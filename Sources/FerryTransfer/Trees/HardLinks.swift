import FerryErrors
import FerryFiles

/// Which names are further names of a file that was told of before.
///
/// A file is forgotten once all its names were seen, so that only those of which some lie outside the tree, or further on in
/// it, are remembered.
struct HardLinks {
    private struct Key: Hashable {
        let device: UInt64
        let inode: UInt64
    }

    /// Files that are remembered at a time; further ones are sent under each name on its own.
    private static let limit = 1 << 16
    /// Bytes of a path that fit a frame with what else is told.
    private static let pathLimit = 16 << 10

    private var first: [Key: (name: [UInt8], left: UInt64, info: FileInfo)] = [:]

    /// The name under which the file was told of before; nil for its first name.
    mutating func firstName(of entry: TreeEntry) -> [UInt8]? {
        guard entry.info.links > 1 else { return nil }
        let key = Key(device: entry.info.device, inode: entry.info.inode)
        // A number may be used again for another file.
        guard var known = self.first[key], known.info.size == entry.info.size,
            known.info.modified == entry.info.modified
        else {
            let path = entry.directory.path(of: entry.name)
            guard self.first.count < Self.limit, path.count <= Self.pathLimit else { return nil }
            self.first[key] = (path, entry.info.links - 1, entry.info)
            return nil
        }
        known.left -= 1
        self.first[key] = known.left > 0 ? known : nil
        return known.name
    }

    /// What was told of under this name could not be read: its next name counts as its first.
    mutating func forget(_ entry: TreeEntry) {
        self.first[Key(device: entry.info.device, inode: entry.info.inode)] = nil
    }
}
