package import FerryErrors

extension RootDirectory {
    /// Lists a directory in the file system's order, one entry after another, in constant memory.
    ///
    /// Partial files are left out. Entries tell of links themselves. What is made or removed meanwhile may be
    /// seen or not.
    /// - Parameters:
    ///   - path: the directory; may be the root.
    ///   - body: takes each name and its status; returns whether to go on.
    /// - Throws: `notFound`, `notADirectory`, `denied`, `permission` and other mapped errors, and what `body` throws.
    package func list(
        _ path: RelativePath,
        _ body: (_ name: [UInt8], _ info: FileInfo) throws(FerryError) -> Bool
    ) throws(FerryError) {
        let listing = try DirectoryListing(self, path)
        while let (name, info) = try listing.next() {
            guard try body(name, info) else { return }
        }
    }

    /// Whether a listing would show nothing; false if it fails.
    func seemsEmpty(_ path: RelativePath) -> Bool {
        var isEmpty = true
        do throws(FerryError) {
            try self.list(path) { _, _ in
                isEmpty = false
                return false
            }
        } catch {
            return false
        }
        return isEmpty
    }
}
