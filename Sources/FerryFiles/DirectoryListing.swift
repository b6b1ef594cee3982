package import FerryErrors

/// A directory being listed, one entry at a time in the file system's order, in constant memory.
///
/// Partial files are left out. Entries tell of links themselves. What is made or removed meanwhile may be seen or not.
package final class DirectoryListing {
    private var reader: DirectoryReader
    private let path: RelativePath

    /// - Parameters:
    ///   - root: the directory that `path` is beneath.
    ///   - path: the directory to list; may be the root.
    /// - Throws: `notFound`, `notADirectory`, `denied`, `permission` and other mapped errors.
    package init(_ root: RootDirectory, _ path: RelativePath) throws(FerryError) {
        self.path = path
        do throws(Errno) {
            self.reader = try DirectoryReader(root.openDirectory(path), calls: root.calls)
        } catch {
            throw FerryError(error, "list", path.description)
        }
    }

    /// What a link that was listed says; nil if it is none any more.
    /// - Throws: mapped errors.
    package func linkText(_ name: [UInt8]) throws(FerryError) -> [UInt8]? {
        do throws(Errno) { return try self.reader.linkText(name) } catch {
            throw FerryError(error, "list", self.path.description)
        }
    }

    /// The next entry, or nil at the end.
    /// - Throws: mapped errors: a directory that could not be read to its end is never taken for a shorter one.
    package func next() throws(FerryError) -> (name: [UInt8], info: FileInfo)? {
        do throws(Errno) {
            while let name = try self.reader.next() {
                guard !name.starts(with: RelativePath.reservedPrefix) else { continue }
                // An entry that was removed since the directory was read is no error.
                if let info = try self.reader.info(name) { return (name, info) }
            }
            return nil
        } catch {
            throw FerryError(error, "list", self.path.description)
        }
    }
}
