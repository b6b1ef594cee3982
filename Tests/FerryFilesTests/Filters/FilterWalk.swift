import FerryErrors
import FerryFiles

/// Asks a filter about one path as a walk does: from the top down, and not into what is excluded.
struct FilterWalk {
    var filter = TreeFilter()
    /// The content of `.ferryignore` files by their directory; the top is "".
    var ignoreFiles: [[UInt8]: [UInt8]] = [:]

    init() {}

    /// With a `.ferryignore` at the top.
    init(_ ignoreFile: String) { self.ignoreFiles[[]] = Array(ignoreFile.utf8) }

    /// Whether `path` or a directory above it is excluded; all but the last name are directories.
    func excludes(_ path: [UInt8], isDirectory: Bool = false) throws -> Bool {
        var level = try self.filter.top(ignoreFile: self.ignoreFiles[[]])
        var above: [UInt8] = []
        let names = path.split(separator: UInt8(ascii: "/")).map(Array.init)
        for (index, name) in names.enumerated() {
            let isLast = index == names.count - 1
            if level.excludes(name, isDirectory: !isLast || isDirectory) { return true }
            if isLast { break }
            above += (above.isEmpty ? [] : [UInt8(ascii: "/")]) + name
            level = try level.entering(name, ignoreFile: self.ignoreFiles[above])
        }
        return false
    }

    /// A slash at the end of `path` makes it a directory.
    func excludes(_ path: String) throws -> Bool {
        try self.excludes(Array(path.utf8), isDirectory: path.hasSuffix("/"))
    }
}

/// The error that a call throws, or nil; its code and message are compared.
func refusal(_ body: () throws -> Void) -> String? {
    do {
        try body()
        return nil
    } catch let error as FerryError {
        return "\(error.code.rawValue): \(error.message)"
    } catch {
        return "\(error)"
    }
}
